"""`Job`: the one handle on a submitted workflow, for plain code and for coroutines.

The background loop writes what is known and any thread reads it without locks: the state is an immutable
snapshot, and events are an append-only log with any number of readers. Plain code waits on a
`SimpleQueue` in steps of 0.1 s, so that an interrupt of the kernel is noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import JobTimeout, Problem
from ..protocol.messages import Event
from ..protocol.status import JobStatus
from ..sync import IO, TICK, within
from ..views import view
from .interrupt import cancel_on_interrupt
from .state import JobState

if TYPE_CHECKING:
    from ..client.records import JobRecord
    from ..workflow.workflow import Workflow
    from .follow.follower import Follower
    from .result import Output, Result


class Job:
    """A submitted workflow: what it is doing, and its result.

    `job.result()` waits and returns or raises; `job.wait()` waits and returns the status; in a
    coroutine, `await job` gives the result and `async for event in job.events()` the events.

    Interrupting a call that waits (■, Ctrl-C, a cancelled coroutine) cancels the job on the server; see
    `detach` for the exceptions.
    """

    def __init__(self, follower: Follower, client: Any = None) -> None:
        self._follower = follower
        self._client = client

    @property
    def id(self) -> str:
        """The server's id of the job: `comfy.job(id)` finds it again from anywhere."""
        return self._follower.job_id

    @property
    def status(self) -> JobStatus:
        """The status; final once the server's record says so and the outputs are downloaded."""
        return self._follower.status

    @property
    def progress(self) -> float:
        """How much is done, 0 to 1."""
        return self._follower.state.fraction

    @property
    def state(self) -> JobState:
        """Everything known now, as one immutable snapshot."""
        return self._follower.state

    @property
    def record(self) -> JobRecord | None:
        """The server's record as last received; None before the first."""
        return self._follower.record

    @property
    def outputs(self) -> list[Output]:
        """The outputs known so far, in the order they arrived; in the workflow's order once it has ended."""
        return list(self._follower.outputs)

    @property
    def problems(self) -> list[Problem]:
        """What went wrong without failing the job: outputs the server left out, nodes it blocked."""
        return list(self._follower.problems)

    @property
    def workflow(self) -> Workflow | None:
        """The workflow as it was submitted; for a job attached to by id, from the server's record."""
        return self._follower.workflow

    @property
    def graph(self) -> Mapping[str, Any]:
        """The graph as it was sent, in the API's format."""
        return self._follower.graph

    @property
    def client(self) -> Any:
        """The `Client` it was submitted with."""
        return self._client

    @property
    def target(self) -> str:
        """The server it runs on: "cloud", "local", "embedded", or the URL."""
        return self._follower.connection.target

    @property
    def seconds(self) -> float | None:
        """How long it ran, by the server's record, else as measured here."""
        record = self._follower.record
        if record is not None and record.seconds is not None:
            return record.seconds
        return self.state.seconds

    def events(self) -> JobEvents:
        """Every event from submission on, for `for` and `async for`; ends when the job has.

        An interrupt while it waits for the next event cancels the job, as for `result`.
        """
        return JobEvents(self)

    def updates(
        self,
        interval: float = 0.1,
        timeout: float | None = None,
        *,
        heartbeat: float | None = None,
        cancel: bool = False,
    ) -> Iterator[JobState]:
        """The newest state whenever it has changed, at most once an interval (seconds), in this thread.

        With a `heartbeat` (seconds) an unchanged state is repeated that often, for views that show a clock.
        Ends, with the last state, when the job has ended by the server's record and its outputs are
        downloaded. Raises `JobTimeout` when that takes longer than `timeout` seconds; the job then
        continues, unless `cancel=True`.
        """
        follower, deadline = self._follower, _deadline(timeout)
        seen: JobState | None = None
        outputs = -1
        with _Wakes(follower) as wakes:
            next_at = 0.0
            while True:
                done = follower.done
                state, count = follower.state, sum(output.fetched for output in follower.outputs)
                beat = heartbeat is not None and time.monotonic() >= next_at - interval + heartbeat
                changed = state is not seen or count != outputs or beat
                if changed and (done or time.monotonic() >= next_at):
                    seen, outputs, next_at = state, count, time.monotonic() + interval
                    yield state
                if done:
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    if cancel:
                        self.cancel_soon()
                    raise self._timeout(timeout, cancel)
                if follower.state is seen:
                    wakes.wait(TICK)
                else:
                    wakes.wait(min(TICK, max(next_at - time.monotonic(), 0.001)))

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Wait until it has ended, for at most `timeout` seconds, and return the status.

        An interrupt of the kernel cancels this job on the server.
        """
        with cancel_on_interrupt([self]):
            self._wait(timeout)
        return self.status

    def result(self, timeout: float | None = None, *, cancel: bool = False) -> Result:
        """Wait for the job and return its result.

        Raises `JobFailed` (or a subclass), `JobCancelled`, `JobLost`, `ConnectionFailed`,
        `DownloadFailed`, or `JobTimeout` after `timeout` seconds; the job then continues, unless
        `cancel=True`. An interrupt of the kernel cancels this job on the server.
        """
        with cancel_on_interrupt([self]):
            if not self._wait(timeout):
                if cancel:
                    self.cancel()
                raise self._timeout(timeout, cancel)
        return self._verdict()

    def cancel(self) -> bool:
        """Cancel this job on the server, pending or running; False when it had already ended."""
        return IO.run(self._follower.cancel())

    def detach(self) -> Job:
        """Let the job continue when a call that waits for it is interrupted; returns the job.

        Without this, ■ or Ctrl-C in `result`, `wait`, `events` or a live view cancels the job on the
        server, and so does the cancellation of a coroutine in `await job` or `async for … in job.events()`
        (by ■, `asyncio.wait_for`, a task group), unless another call waits for the same job.
        """
        self._follower.detached = True
        return self

    @property
    def detached(self) -> bool:
        """Whether `detach` was called."""
        return self._follower.detached

    @property
    def shared(self) -> bool:
        """Whether more than one call waits for the job now."""
        return len(self._follower.waiters) > 1

    def cancel_soon(self) -> None:
        """Cancel the job on the server without waiting, once, from any thread; nothing if it has ended."""
        follower = self._follower
        if not follower.done and not follower.cancel_asked:
            IO.post(follower.cancel_soon)

    def __await__(self) -> Generator[Any, None, Result]:
        return self._awaited().__await__()

    async def _awaited(self, timeout: float | None = None, cancel: bool = False) -> Result:
        """`result` for coroutines."""
        with self._follower.waited_for():
            async with cancel_on_interrupt([self]):
                return await self._result_async(timeout, cancel)

    async def _result_async(self, timeout: float | None = None, cancel: bool = False) -> Result:
        """The result, for callers that decide themselves what a cancellation means."""
        try:
            await (self._ended() if timeout is None else within(timeout, self._ended()))
        except asyncio.TimeoutError:
            if cancel:
                await IO.bridge(self._follower.cancel())
            raise self._timeout(timeout, cancel) from None
        return self._verdict()

    async def _ended(self) -> None:
        with _AsyncWakes(self._follower) as wakes:
            while not self._follower.done:
                await wakes.wait()

    def _verdict(self) -> Result:
        follower = self._follower
        if follower.error is not None:
            # Without this the traceback would grow each time the error is raised.
            raise follower.error.with_traceback(None)
        assert follower.result is not None
        return follower.result

    def _wait(self, timeout: float | None) -> bool:
        deadline = _deadline(timeout)
        with self._follower.waited_for(), _Wakes(self._follower) as wakes:
            while not self._follower.done:
                left = TICK if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return False
                wakes.wait(min(TICK, left))
        return True

    def _timeout(self, timeout: float | None, cancelled: bool = False) -> JobTimeout:
        after = f"{timeout:g} s" if timeout is not None else "the time given"
        state = "it was cancelled" if cancelled else f"it is {self.status}"
        return JobTimeout(
            f"Job {self.id} did not end within {after}; {state}.",
            job_id=self.id,
            hint=""
            if cancelled
            else "It continues: %comfy job ID, or comfy.job(id), attaches to it; %comfy cancel ID ends it.",
        )

    def __repr__(self) -> str:
        state = self.state
        at = f", {state.fraction:.0%} ({state.node_title})" if state.node and not self._follower.done else ""
        return f"<Job {self.id} {self.status}{at}>"

    def _ipython_display_(self) -> None:
        view("job_view")(self)


class JobEvents:
    """The events of a job, from the first; can be iterated any number of times, with `for` or `async for`."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __iter__(self) -> Iterator[Event]:
        follower, at = self._job._follower, 0
        with cancel_on_interrupt([self._job]), follower.waited_for(), _Wakes(follower) as wakes:
            while True:
                done = follower.done
                while at < len(follower.backlog):
                    yield follower.backlog[at]
                    at += 1
                if done:
                    return
                wakes.wait(TICK)

    async def __aiter__(self) -> AsyncIterator[Event]:
        follower, at = self._job._follower, 0
        with follower.waited_for(), _AsyncWakes(follower) as wakes:
            while True:
                done = follower.done
                while at < len(follower.backlog):
                    yield follower.backlog[at]
                    at += 1
                if done:
                    return
                # Only here: a loop that is left by `break` may be cancelled at the `yield` above.
                async with cancel_on_interrupt([self._job]):
                    await wakes.wait()


class _Wakes:
    """Waits in a plain thread until something about a job has changed."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._box: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __enter__(self) -> _Wakes:
        self._follower.require_own_process()
        self._follower.subscribe(self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        self._follower.unsubscribe(self._wake)

    def _wake(self) -> None:
        if self._box.empty():
            self._box.put(None)

    def wait(self, timeout: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._box.get(timeout=timeout)


class _AsyncWakes:
    """Waits in a coroutine of any loop until something about a job has changed."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def __enter__(self) -> _AsyncWakes:
        self._follower.require_own_process()
        self._follower.subscribe(self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        self._follower.unsubscribe(self._wake)

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # that loop was closed
            self._loop.call_soon_threadsafe(self._news.set)

    async def wait(self) -> None:
        if not self._follower.done:
            await self._news.wait()
        self._news.clear()


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
