"""Where a form shows its newest result: a picture and a caption below the form, live while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError, JobCancelled
from ...text import printable
from ..live.background import painted
from ..live.slots import Slots
from ..live.view import LiveView, job_view_of
from ..options import options_of
from ..results.bundle import Bundle, ended_bundle, error_bundle
from ..results.shown import Shown, caption_bundle, settings_table, shown_result
from .view import FormView

if TYPE_CHECKING:
    from ...jobs.job import Job
    from ...jobs.result import Result


class Place:
    """The slots below a form. `label` gives the name of an address, for the table of settings.

    The table and the presets in the metadata are what a saved notebook keeps of a form without its widgets.
    """

    def __init__(self, label: Callable[[str], str]) -> None:
        self._label = label
        self._slots: Slots | None = None
        self._running: Job | None = None
        self._shown = Shown({"text/plain": ""})

    def open(self, values: Mapping[str, Any], metadata: dict[str, Any]) -> None:
        """Display the slots, with the newest result or only the table of these settings."""
        self._slots = Slots(metadata)
        if self._shown.caption is None:
            self._shown = replace(self._shown, caption=self._caption((), values))
        self._slots.open({"text/plain": ""}, {"text/plain": ""})
        self._slots.show(self._shown)

    def keep(self, metadata: dict[str, Any]) -> None:
        """Save other metadata with what is shown."""
        if self._slots is not None:
            self._slots.metadata = metadata
            if self._running is None:
                self._slots.show(self._shown)

    async def follow(self, job: Job, values: Mapping[str, Any], view: FormView) -> Result | None:
        """Draw a run until it ends, and keep what it left. Its result, or None when it has none.

        It is drawn over the last picture, or in the form (`view`) while another run is here.
        """
        live = self._start(job)
        drawn = live or view.start(job)
        shown = None
        try:
            result = await painted(job, drawn, options_of(job).interval)
            shown = shown_result(result)
            return result
        except ComfyError as error:
            shown = Shown(_failure(job, error))
            return None
        finally:
            self._finish(job, shown or Shown(ended_bundle(job.state, job.id)), values)
            if live is not None:
                live.close()
            else:
                view.stop(drawn)

    def _start(self, job: Job) -> LiveView | None:
        if self._slots is None or self._running is not None:
            return None
        self._running = job
        live = job_view_of(job, still=self._shown.picture)
        live.paint(job.state)
        self._slots.live(live, job.id)
        return live

    def _finish(self, job: Job, shown: Shown, values: Mapping[str, Any]) -> None:
        self._shown = replace(shown, caption=self._caption(shown.lines, values))
        if self._running in (None, job):
            self._running = None
            if self._slots is not None:
                self._slots.show(self._shown)

    def _caption(self, lines: Sequence[str], values: Mapping[str, Any]) -> Bundle:
        rows = [(self._label(address), _setting(value)) for address, value in values.items()]
        return caption_bundle(list(lines), settings_table(rows))


def _setting(value: Any) -> str:
    """A value as text; something uploaded is named by its type."""
    if isinstance(value, (str, int, float, bool, list)):
        return printable(value, 300)
    return f"({type(value).__name__})"


def _failure(job: Job, error: ComfyError) -> Bundle:
    if isinstance(error, JobCancelled):
        return ended_bundle(job.state, job.id)
    return error_bundle(error, job.state, job.id)
