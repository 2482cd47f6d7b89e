"""The blocking view of a job: widgets in a display slot while it runs, a static bundle when it has ended.

The calling thread takes states from `job.updates()` and paints them; no other thread displays anything. After
an error or an interrupt too, the slot holds a static bundle and the widgets are closed. `shown_here` keeps a
result that is also the cell's value from being shown twice.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import ComfyError
from ...jobs.interrupt import cancel_on_interrupt
from ...jobs.state import JobState
from ...text import printable
from .. import wording
from .._compat import interrupts_held
from ..frontend import Frontend, detect
from ..options import options_of
from ..results.bundle import Bundle, ended_bundle, error_bundle, result_bundle, result_text

if TYPE_CHECKING:
    from ...jobs.job import Job
    from ...jobs.result import Result
    from .view import LiveView


class View(Protocol):
    """Draws states between `open` and `finish`."""

    def open(self) -> None: ...

    def paint(self, state: JobState) -> None: ...

    def finish(self, bundle: Bundle, state: JobState) -> None: ...


def watch(job: Job, *, previews: bool = True, timeout: float | None = None, quiet: bool = False) -> Result:
    """Draw the job until it ends and return its result; raises what `job.result()` raises.

    `timeout` is in seconds. `quiet` draws nothing. An interrupt cancels this job on the server, leaves a line
    that says so, and is raised again.
    """
    view: View = _Nothing()
    bundle: Bundle | None = None
    try:
        options = options_of(job)
        if not quiet:
            view = _view(job, detect(), previews and options.previews)
        with cancel_on_interrupt([job]):
            with interrupts_held():
                view.open()
            for state in job.updates(options.interval, timeout, heartbeat=1.0):
                with interrupts_held():
                    view.paint(state)
            result = job.result()
            mark_shown(result)
            bundle = {} if quiet else _static(result)
            return result
    except KeyboardInterrupt:
        bundle = ended_bundle(_cancelled(job.state), job.id)
        raise
    except ComfyError as error:
        bundle = _failure(error, job)
        raise
    finally:
        with interrupts_held():
            view.finish(ended_bundle(job.state, job.id) if bundle is None else bundle, job.state)


def mark_shown(result: Any) -> None:
    """Record that the running cell has shown this result."""
    if (count := _execution_count()) is not None:
        with suppress(AttributeError):
            object.__setattr__(result, "_shown_in", count)


def shown_here(result: Any) -> bool:
    """Whether the running cell has shown this result already."""
    shown = getattr(result, "_shown_in", None)
    return shown is not None and shown == _execution_count()


def _static(result: Result) -> Bundle:
    try:
        return result_bundle(result)
    except Exception as error:  # the result is returned even when it cannot be drawn
        return {"text/plain": f"{result_text(result)} (could not be drawn: {printable(error, 300)})"}


def _failure(error: ComfyError, job: Job) -> Bundle:
    from ...errors import JobCancelled, JobTimeout

    if isinstance(error, JobTimeout):
        return {"text/plain": "The timeout is over; the job continues."}
    if isinstance(error, JobCancelled):
        return ended_bundle(job.state, job.id)
    return error_bundle(error, job.state, job.id, hint=False)  # IPython prints the hint below the card


def _cancelled(state: JobState) -> JobState:
    from ...protocol.status import JobStatus

    return state if state.status.is_final else state.ended(JobStatus.cancelled, state.started_at or 0.0)


def _execution_count() -> int | None:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "execution_count", None)


def _view(job: Job, frontend: Frontend, previews: bool) -> View:
    if frontend.live:
        return _Widgets(job, previews)
    if frontend.kind == "kernel":
        return _Static(text=frontend.text)
    return _Text() if frontend.text else _Nothing()


class _Nothing:
    def open(self) -> None:
        pass

    def paint(self, state: JobState) -> None:
        pass

    def finish(self, bundle: Bundle, state: JobState) -> None:
        pass


class _Text:
    """A terminal or a script: progress on stderr; printing the result is left to the caller."""

    def __init__(self) -> None:
        from ..terminal import TerminalView

        self._terminal = TerminalView()

    def open(self) -> None:
        pass

    def paint(self, state: JobState) -> None:
        self._terminal.paint(state)

    def finish(self, bundle: Bundle, state: JobState) -> None:
        spent = wording.seconds(state.elapsed(state.ended_at or 0.0)) if state.ended_at else ""
        first = printable(str(bundle.get("text/plain", "")).split("\n")[0], 200)
        self._terminal.finish(state, first or f"{wording.headline(state)} {spent}".strip())


class _Static:
    """A kernel without widgets: one display at the end, and progress as text if it can be read."""

    def __init__(self, text: bool) -> None:
        self._text = _Text() if text else _Nothing()

    def open(self) -> None:
        pass

    def paint(self, state: JobState) -> None:
        self._text.paint(state)

    def finish(self, bundle: Bundle, state: JobState) -> None:
        from IPython.display import display

        if bundle:
            display(bundle, raw=True)


class _Widgets:
    """A notebook: widgets in a slot, which the bundle replaces."""

    def __init__(self, job: Job, previews: bool) -> None:
        self._job, self._previews = job, previews
        self._live: LiveView | None = None
        self._slot: Any = None

    def open(self) -> None:
        from IPython.display import display

        from .view import LiveView

        self._live = LiveView(cancel=self._job.cancel, previews=self._previews, footer=f"Job {self._job.id}")
        self._live.paint(self._job.state)
        # The text names the job from the start, so that it is on the page when the kernel dies.
        data = widget_data(self._live.widget, f"Comfy job {printable(self._job.id)}, running")
        self._slot = display(data, raw=True, display_id=True)

    def paint(self, state: JobState) -> None:
        if self._live is not None:
            self._live.paint(state, list(self._job.outputs))

    def finish(self, bundle: Bundle, state: JobState) -> None:
        try:
            if self._slot is not None:
                metadata = {"comfy_notebook": {"job_id": printable(self._job.id)}}
                self._slot.update(bundle, raw=True, metadata=metadata)
        finally:
            if self._live is not None:
                self._live.close()


def widget_data(widget: Any, text: str) -> Bundle:
    """The MIME bundle that shows a widget, with `text` in place of its repr."""
    mimetype = "application/vnd.jupyter.widget-view+json"
    return {
        mimetype: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id},
        "text/plain": text,
    }
