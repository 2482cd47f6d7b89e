"""Many jobs, a few at a time: planned runs, each submitted when an earlier one has ended.

A `Planned` can be drawn in a list of jobs before it is submitted: it has a `Job`'s `status`, `state`,
`outputs` and `cancel_soon`. `feed`, a coroutine of the background loop, submits the runs and collects
their results, while `api.run_planned` draws in the calling thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import (
    AuthenticationError,
    ComfyError,
    ConnectionFailed,
    InsufficientCredits,
    JobCancelled,
    NotConnected,
    RateLimited,
    SubscriptionInactive,
)
from ..protocol.status import JobStatus
from ..sync import IO, within
from .state import JobState

if TYPE_CHECKING:
    from PIL.Image import Image
    from typing_extensions import Unpack

    from ..workflow.workflow import Workflow
    from .job import Job
    from .result import Result
    from .submit import SubmitOptions

    Submit = Callable[..., Awaitable[Job]]
    """Submits one workflow with `SubmitOptions`, as `AsyncClient.submit` does."""

_LONGEST_WAIT = 60.0
# Errors that every further submission would raise too.
_FOR_ALL = (AuthenticationError, ConnectionFailed, InsufficientCredits, NotConnected, SubscriptionInactive)


class Planned:
    """One run: not yet submitted, submitted, or ended with a result or an error.

    `make` makes the workflow when its turn comes, so that a large grid is not kept in memory as graphs.
    """

    def __init__(self, make: Callable[[], Workflow], submit: Submit, setting: Mapping[str, Any]) -> None:
        self.make = make
        self.submit = submit
        self.setting = dict(setting)
        self.job: Job | None = None
        self.result: Result | None = None
        self.error: ComfyError | None = None
        self._cancelled = asyncio.Event()

    @property
    def id(self) -> str:
        """The job's id, empty before there is one."""
        return self.job.id if self.job is not None else ""

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error."""
        return self.result is not None or self.error is not None

    @property
    def status(self) -> JobStatus:
        """As a job's; final only once there is a result or an error."""
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
    def detached(self) -> bool:
        """As a job's."""
        return self.job is not None and self.job.detached

    @property
    def shared(self) -> bool:
        """As a job's."""
        return self.job is not None and self.job.shared

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
        """The first picture of the result, if there is one."""
        return self.result.image if self.result is not None and self.result.pictures else None

    def cancel_soon(self) -> None:
        """Cancel this run without waiting, from any thread: its job, or its submission."""
        IO.post(self._cancelled.set)
        if self.job is not None:
            self.job.cancel_soon()

    async def _submit(self, options: SubmitOptions, others_run: Callable[[], bool]) -> None:
        """Submit, on the loop; while others run, a server that refuses for its rate limit is asked again."""
        while not self._cancelled.is_set():
            try:
                self.job = await self.submit(self.make(), **options)
            except RateLimited as error:
                if not others_run():
                    self.error = error
                    return
                wait = min(max(error.retry_after or 1.0, 0.1), _LONGEST_WAIT)
                with suppress(asyncio.TimeoutError):
                    await within(wait, self._cancelled.wait())
            except ComfyError as error:
                self.error = error
                return
            else:
                if self._cancelled.is_set():
                    self.job.cancel_soon()
                return
        self.error = JobCancelled("It was cancelled before it was submitted.")

    async def _collect(self, timeout: float | None) -> None:
        job = self.job
        assert job is not None
        try:
            self.result = await job._result_async(timeout)
        except ComfyError as error:
            self.error = error

    async def _end(self) -> None:
        """The sweep was cancelled: cancel the job on the server, unless it has ended."""
        if not self.ended:
            self.error = JobCancelled("It was cancelled.", job_id=self.id or None)
            if self.job is not None and not self.job._follower.cancel_asked:
                with suppress(ComfyError):
                    await self.job._follower.cancel()


async def feed(
    runs: Sequence[Planned],
    *,
    window: int = 8,
    timeout: float | None = None,
    **options: Unpack[SubmitOptions],
) -> None:
    """Submit in order, at most `window` not ended at any time; returns when each has a result or an error.

    Runs on the background loop. Cancelling it cancels every job that has not ended. An error that
    every submission would raise (no connection, a wrong key, no credits) becomes the error of each run
    not yet submitted, and is raised when nothing could be submitted. Previews are off unless asked for.
    """
    options.setdefault("previews", False)
    places = asyncio.Semaphore(max(window, 1))
    running: set[asyncio.Task[None]] = set()

    def finished(task: asyncio.Task[None]) -> None:
        running.discard(task)
        places.release()

    try:
        for number, run in enumerate(runs):
            await places.acquire()
            await run._submit(options, lambda: bool(running))
            if run.job is None:
                places.release()
                if isinstance(run.error, _FOR_ALL):
                    for other in runs[number + 1 :]:
                        other.error = run.error
                    break
                continue
            task = asyncio.ensure_future(run._collect(timeout))
            running.add(task)
            task.add_done_callback(finished)
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.shield(asyncio.gather(*(run._end() for run in runs)))
    if runs and all(run.job is None for run in runs) and isinstance(runs[0].error, _FOR_ALL):
        raise runs[0].error
