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
from ..results.bundle import Bundle, ended_bundle, error_bundle
from ..results.shown import Shown, shown_result
from .slots import Slots

if TYPE_CHECKING:
    from ...jobs.job import Job
    from ...jobs.result import Result
    from .view import LiveView


class View(Protocol):
    """Draws states between `open` and `finish`."""

    def open(self) -> None: ...

    def paint(self, state: JobState) -> None: ...

    def finish(self, shown: Shown, state: JobState) -> None: ...


def watch(
    job: Job,
    *,
    previews: bool = True,
    timeout: float | None = None,
    cancel: bool = False,
    quiet: bool = False,
) -> Result:
    """Draw the job until it ends and return its result; raises what `job.result()` raises.

    `timeout` is in seconds; the job continues after it, unless `cancel` is true. `quiet` draws nothing. An
    interrupt cancels this job on the server, leaves a line that says so, and is raised again.
    """
    view: View = _Nothing()
    shown: Shown | None = None
    try:
        options = options_of(job)
        if not quiet:
            view = _view(job, detect(), previews and options.previews)
        with cancel_on_interrupt([job]):
            with interrupts_held():
                view.open()
            for state in job.updates(options.interval, timeout, heartbeat=1.0, cancel=cancel):
                with interrupts_held():
                    view.paint(state)
            result = job.result()
            mark_shown(result)
            shown = Shown({}) if quiet else shown_result(result)
            return result
    except KeyboardInterrupt:
        shown = Shown(ended_bundle(_cancelled(job.state), job.id))
        raise
    except ComfyError as error:
        shown = Shown(_failure(error, job, cancel))
        raise
    finally:
        with interrupts_held():
            view.finish(shown or Shown(ended_bundle(job.state, job.id)), job.state)


def mark_shown(result: Any) -> None:
    """Record that the running cell has shown this result."""
    if (count := _execution_count()) is not None:
        with suppress(AttributeError):
            object.__setattr__(result, "_shown_in", count)


def shown_here(result: Any) -> bool:
    """Whether the running cell has shown this result already."""
    shown = getattr(result, "_shown_in", None)
    return shown is not None and shown == _execution_count()


def _failure(error: ComfyError, job: Job, cancel: bool) -> Bundle:
    from ...errors import JobCancelled, JobTimeout

    if isinstance(error, JobTimeout):
        return {"text/plain": f"The timeout is over; the job {'was cancelled' if cancel else 'continues'}."}
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

    def finish(self, shown: Shown, state: JobState) -> None:
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

    def finish(self, shown: Shown, state: JobState) -> None:
        spent = wording.seconds(state.elapsed(state.ended_at or 0.0)) if state.ended_at else ""
        first = printable(str(shown.bundle.get("text/plain", "")).split("\n")[0], 200)
        self._terminal.finish(state, first or f"{wording.headline(state)} {spent}".strip())


class _Static:
    """A kernel without widgets: one display at the end, and progress as text if it can be read."""

    def __init__(self, text: bool) -> None:
        self._text = _Text() if text else _Nothing()

    def open(self) -> None:
        pass

    def paint(self, state: JobState) -> None:
        self._text.paint(state)

    def finish(self, shown: Shown, state: JobState) -> None:
        from IPython.display import display

        if shown.bundle:
            display(shown.bundle, raw=True, metadata=shown.metadata)
        if shown.caption is not None:
            display(shown.caption, raw=True)


class _Widgets:
    """A notebook: widgets in the two slots of the run, which its picture and caption replace."""

    def __init__(self, job: Job, previews: bool) -> None:
        self._job, self._previews = job, previews
        self._live: LiveView | None = None
        self._slots = Slots.of_job(job.id)

    def open(self) -> None:
        from .view import job_view_of

        self._live = job_view_of(self._job, previews=self._previews)
        self._live.paint(self._job.state)
        self._slots.live(self._live, self._job.id)

    def paint(self, state: JobState) -> None:
        if self._live is not None:
            self._live.paint(state, list(self._job.outputs))

    def finish(self, shown: Shown, state: JobState) -> None:
        try:
            self._slots.show(shown)
        finally:
            if self._live is not None:
                self._live.close()
