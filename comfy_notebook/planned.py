"""Many jobs, a few at a time: runs that are planned, then submitted as earlier ones end.

A `Planned` stands where a `Job` does in a list on the page (`status`, `state`, `outputs`, `cancel`)
from before it is submitted. One thread submits and collects; the calling thread draws.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .errors import (
    AuthenticationError,
    ComfyError,
    ConnectionFailed,
    InsufficientCredits,
    JobCancelled,
    JobTimeout,
    NotConnected,
    RateLimited,
    SubscriptionInactive,
)
from .protocol.status import JobStatus
from .state import JobState

if TYPE_CHECKING:
    from PIL.Image import Image

    from .client.client import Client
    from .jobs import Job
    from .result import Result
    from .workflow.graph import Workflow

_POLL = 0.05
_LEAVE = 10.0
# These say nothing about one combination of values: the next submission would meet them too.
_FOR_ALL = (AuthenticationError, ConnectionFailed, InsufficientCredits, NotConnected, SubscriptionInactive)


class Planned:
    """One run: to be submitted, submitted, or ended with a result or an error."""

    def __init__(self, workflow: Workflow, client: Client, setting: Mapping[str, Any]) -> None:
        self.workflow = workflow
        self.client = client
        self.setting = dict(setting)
        self.job: Job | None = None
        self.result: Result | None = None
        self.error: ComfyError | None = None
        self.submitted = 0.0
        self._cancelled = threading.Event()

    @property
    def id(self) -> str:
        """The job's id, empty before there is one."""
        return self.job.id if self.job is not None else ""

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error."""
        return self.result is not None or self.error is not None

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled.is_set()

    @property
    def status(self) -> JobStatus:
        """As a job's; final only once its result or error is here."""
        if self.result is not None:
            return JobStatus.completed
        if isinstance(self.error, JobCancelled):
            return JobStatus.cancelled
        if self.error is not None:
            ended = self.job.status if self.job is not None else JobStatus.failed
            return ended if ended.is_final else JobStatus.failed
        if self.job is None:
            return JobStatus.pending
        return JobStatus.in_progress if self.job.status.is_final else self.job.status

    @property
    def state(self) -> JobState:
        """As a job's."""
        return self.job.state if self.job is not None else JobState()

    @property
    def outputs(self) -> list[Any]:
        """As a job's: what is known so far."""
        return list(self.job.outputs) if self.job is not None else []

    @property
    def image(self) -> Image | None:
        """The first picture, if there is one."""
        return self.result.image if self.result is not None and self.result.images else None

    def cancel(self) -> None:
        """Stop this run: it is not submitted any more, or its job is cancelled on the server."""
        self._cancelled.set()
        if self.job is not None and not self.job.status.is_final:
            self.job.cancel()


def run_all(
    runs: Sequence[Planned],
    *,
    window: int = 8,
    labels: Sequence[str] = (),
    previews: bool = False,
    timeout: float | None = None,
    partner_key: str | None = None,
    quiet: bool = False,
) -> None:
    """Run all, drawing them as one list; returns when each has a result or an error.

    An interrupt cancels what has not ended and is raised again. An error that every submission
    would meet (no connection, a wrong key, no credits) is raised when nothing could be submitted.
    """
    from . import display

    feeder = _Feeder(runs, max(window, 1), timeout, {"previews": previews, "partner_key": partner_key})
    thread = threading.Thread(target=feeder.work, name="comfy-sweep", daemon=True)
    try:
        thread.start()
        display.watch_many(runs, labels=labels, quiet=quiet)
    except BaseException:  # an interrupt, too, may come before anyone watches
        feeder.stop()
        for run in runs:
            with suppress(ComfyError):
                if not run.cancelled:
                    run.cancel()
        raise
    finally:
        # After an interrupt the thread still has to cancel a job whose submission was under way.
        feeder.stop()
        with suppress(RuntimeError):  # the interrupt came before it had begun
            thread.join(_LEAVE)
    if feeder.bug is not None:
        raise feeder.bug
    if all(run.job is None for run in runs) and isinstance(runs[0].error, _FOR_ALL):
        raise runs[0].error


class _Feeder:
    """Submits in order, at most `window` at a time, and collects what has ended."""

    def __init__(
        self, runs: Sequence[Planned], window: int, timeout: float | None, options: Mapping[str, Any]
    ) -> None:
        self._runs = runs
        self._window = window
        self._timeout = timeout
        self._options = {name: value for name, value in options.items() if value is not None}
        self._stopped = threading.Event()
        self._not_before = 0.0
        self.bug: BaseException | None = None

    def stop(self) -> None:
        """Submit nothing more; whatever has not ended is left to its cancellation."""
        self._stopped.set()

    def work(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.bug = error
            for run in self._runs:
                if not run.ended:
                    run.error = ComfyError(f"The sweep stopped: {type(error).__name__}.")

    def _work(self) -> None:
        waiting = list(self._runs)
        flying: list[Planned] = []
        while waiting or flying:
            while waiting and len(flying) < self._window and time.monotonic() >= self._not_before:
                run = waiting[0]
                if run.cancelled or self._stopped.is_set():
                    run.error = JobCancelled("It was cancelled before it was submitted.")
                elif not self._submit(run, bool(flying)):
                    break  # the server takes no more just now
                waiting.pop(0)
                if run.job is not None:
                    flying.append(run)
                elif isinstance(run.error, _FOR_ALL):
                    for other in waiting:
                        other.error = run.error
                    waiting.clear()
            for run in flying:
                self._collect(run)
            flying = [run for run in flying if not run.ended]
            if waiting or flying:  # it may be the server that takes no more just now
                time.sleep(_POLL)

    def _submit(self, run: Planned, others_run: bool) -> bool:
        from . import api

        try:
            run.submitted = time.monotonic()
            job = api.submit(run.workflow, client=run.client, **self._options)
        except RateLimited as error:
            if others_run:
                self._not_before = time.monotonic() + min(max(error.retry_after or 1.0, 0.1), 60.0)
                return False
            run.error = error
        except ComfyError as error:
            run.error = error
        else:
            run.job = job
            if run.cancelled or self._stopped.is_set():
                run.cancel()
        return True

    def _collect(self, run: Planned) -> None:
        job = run.job
        assert job is not None
        late = self._timeout is not None and time.monotonic() - run.submitted > self._timeout
        if not job.status.is_final and not late:
            return
        try:
            if late and not job.status.is_final:
                raise JobTimeout(f"It had not ended after {self._timeout:g} s.", job_id=job.id)
            run.result = job.result()
        except ComfyError as error:
            run.error = error
