"""Style sheets and scripts of the display, shipped in the package and read once, when first needed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The text of a file in this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def style(*names: str) -> str:
    """A `<style>` element with the shared sheet, and others by name, comments and indents taken out."""
    import re

    css = "".join(text(name) for name in ("base.css", *names))
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css).strip()
    return f"<style>{css}</style>"
