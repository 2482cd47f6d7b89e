"""How objects draw themselves: the one place through which a lower room reaches `display`.

IPython asks an object to draw itself (`_repr_mimebundle_`, `_ipython_display_`), but jobs, results and
clients are in rooms below `display`. They call `view` with a name, which imports `display` on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def view(name: str) -> Callable[..., Any]:
    """The public function of `comfy_notebook.display` with this name."""
    found: Callable[..., Any] = getattr(import_module(f"{__package__}.display"), name)
    return found
