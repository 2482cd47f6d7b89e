"""How a `Result` shows itself as the value of a cell."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..live.watch import shown_here
from . import bundle
from .shown import shown_result

if TYPE_CHECKING:
    from ...jobs.result import Result


def result_bundle(
    result: Result, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> bundle.Bundle:
    """The result's static bundle; one line of text when the same cell has just shown its pictures."""
    if shown_here(result):
        return {"text/plain": bundle.result_text(result).split("\n")[0]}
    return bundle.result_bundle(result, include, exclude)


def display_result(result: Result) -> None:
    """Display a result as the value of a cell; one line of text when the cell has shown it already."""
    from IPython.display import display

    if shown_here(result):
        display({"text/plain": bundle.result_text(result).split("\n")[0]}, raw=True)
        return
    shown = shown_result(result)
    display(shown.bundle, raw=True, metadata=shown.metadata)
    if shown.caption is not None:
        display(shown.caption, raw=True)
