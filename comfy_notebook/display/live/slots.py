"""The place of a run on the page: its picture, and below it the text about it.

Both are display slots of a fixed size. While the job runs they hold widgets; at the end the picture and its
caption replace them where they are, so that the page does not move.
"""

from __future__ import annotations

from typing import Any

from ...text import printable
from ..results.bundle import Bundle
from ..results.shown import Shown

MIMETYPE = "application/vnd.jupyter.widget-view+json"


class Slots:
    """Two display slots, one below the other. `metadata` is kept with each bundle in the saved notebook."""

    def __init__(self, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata or {}
        self._slots: list[Any] = []

    @classmethod
    def of_job(cls, job_id: str) -> Slots:
        """Slots that record the job they show."""
        return cls({"comfy_notebook": {"job_id": printable(job_id)}})

    def open(self, picture: Bundle, text: Bundle) -> None:
        """Display both."""
        from IPython.display import display

        self._slots = [
            display(data, raw=True, display_id=True, metadata=self.metadata) for data in (picture, text)
        ]

    def live(self, view: Any, job_id: str) -> None:
        """Show the widgets of a `LiveView`; a kernel that dies leaves the text with the job's id."""
        words = f"Comfy job {printable(job_id)}, running"
        parts = (widget_data(view.stage, ""), widget_data(view.words, words))
        if self._slots:
            for slot, data in zip(self._slots, parts, strict=True):
                slot.update(data, raw=True, metadata=self.metadata)
        else:
            self.open(*parts)

    def show(self, shown: Shown) -> None:
        """Replace what they hold with a static picture (or card, or text) and its caption."""
        if not self._slots:
            return
        metadata = {**self.metadata, **shown.metadata}
        self._slots[0].update(shown.bundle, raw=True, metadata=metadata)
        self._slots[1].update(shown.caption or {"text/plain": ""}, raw=True, metadata=self.metadata)


def widget_data(widget: Any, text: str) -> Bundle:
    """The MIME bundle that shows a widget, with `text` in place of its repr."""
    return {
        MIMETYPE: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id},
        "text/plain": text,
    }
