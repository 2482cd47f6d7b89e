"""Style sheets and scripts of the display, read from the package on first use."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The text of a file in this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def style(*names: str) -> str:
    """A `<style>` element with the shared sheet and the named ones, without comments and indents."""
    import re

    css = "".join(text(name) for name in ("base.css", *names))
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css).strip()
    return f"<style>{css}</style>"
