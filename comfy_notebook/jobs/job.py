"""`Job`: the one handle on a submitted workflow, plain and awaitable.

Everything is known on the background loop and read here from any thread without locks: the state is
an immutable snapshot, events are an append-only log with any number of readers, and waiting is on a
`SimpleQueue` in steps of 0.1 s, so that the kernel's interrupt always gets through.
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
from ..sync import IO, TICK
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
        """The status; final once the server's record says so and the outputs are fetched."""
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
        """The server's record as last asked for, or None while it has not been."""
        return self._follower.record

    @property
    def outputs(self) -> list[Output]:
        """The outputs known so far, in the order they arrived; in the server's order once it has ended."""
        return list(self._follower.outputs)

    @property
    def problems(self) -> list[Problem]:
        """What the server found wrong but ran without: outputs it left out."""
        return list(self._follower.problems)

    @property
    def workflow(self) -> Workflow | None:
        """The workflow as it was submitted; of a job attached to by id, as the server's record has it."""
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
        """The server it runs on, in words."""
        return self._follower.connection.target

    @property
    def seconds(self) -> float | None:
        """How long it ran: the server's word when it is known, else as seen from here."""
        record = self._follower.record
        if record is not None and record.seconds is not None:
            return record.seconds
        begin, end = self.state.started_at, self.state.ended_at
        return end - begin if begin is not None and end is not None else None

    def events(self) -> JobEvents:
        """Every event from submission on, for `for` and `async for`; ends when the job has."""
        return JobEvents(self._follower)

    def updates(
        self, interval: float = 0.1, timeout: float | None = None, *, heartbeat: float | None = None
    ) -> Iterator[JobState]:
        """The newest state whenever it has changed, at most once an interval (seconds), in this thread.

        With a `heartbeat` (seconds) an unchanged state comes again that often: a clock may be drawn.
        Ends, with the last state, when the job has ended by the server's record and its outputs are
        fetched. Raises `JobTimeout` when that takes longer than `timeout` seconds.
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
                    raise self._timeout(timeout)
                if follower.state is seen:
                    wakes.wait(TICK)
                else:
                    wakes.wait(min(TICK, max(next_at - time.monotonic(), 0.001)))

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Wait until it has ended, for at most `timeout` seconds, and return the status.

        An interrupt of the kernel cancels exactly this job on the server.
        """
        with cancel_on_interrupt([self]):
            self._wait(timeout)
        return self.status

    def result(self, timeout: float | None = None, *, cancel: bool = False) -> Result:
        """Wait for the job and return its result.

        Raises `JobFailed` (or a subclass), `JobCancelled`, `JobLost`, `ConnectionFailed`,
        `DownloadFailed`, or `JobTimeout` after `timeout` seconds; the job then goes on, unless
        `cancel=True`. An interrupt of the kernel cancels exactly this job on the server.
        """
        with cancel_on_interrupt([self]):
            if not self._wait(timeout):
                if cancel:
                    self.cancel()
                raise self._timeout(timeout, cancel)
        return self._verdict()

    def cancel(self) -> bool:
        """End exactly this job on the server, pending or running; False when it had already ended."""
        return IO.run(self._follower.cancel())

    def cancel_soon(self) -> None:
        """Cancel the job on the server without waiting, once, from any thread; nothing if it has ended."""
        follower = self._follower
        if not follower.done and not follower.cancel_asked:
            IO.post(follower.cancel_soon)

    def __await__(self) -> Generator[Any, None, Result]:
        return self._awaited().__await__()

    async def _awaited(self) -> Result:
        async for _ in _Ticks(self._follower):
            pass
        return self._verdict()

    def _verdict(self) -> Result:
        follower = self._follower
        if follower.error is not None:
            # A fresh traceback each time: an exception raised twice would grow one.
            raise follower.error.with_traceback(None)
        assert follower.result is not None
        return follower.result

    def _wait(self, timeout: float | None) -> bool:
        deadline = _deadline(timeout)
        with _Wakes(self._follower) as wakes:
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
            else "It goes on: %comfy job ID, or comfy.job(id), takes it up again; %comfy cancel ID ends it.",
        )

    def __repr__(self) -> str:
        state = self.state
        at = f", {state.fraction:.0%} ({state.node_title})" if state.node and not self._follower.done else ""
        return f"<Job {self.id} {self.status}{at}>"

    def _ipython_display_(self) -> None:
        view("job_view")(self)


class JobEvents:
    """The events of a job, from the first; an iterable and an async iterable, as often as wanted."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def __iter__(self) -> Iterator[Event]:
        follower, at = self._follower, 0
        with _Wakes(follower) as wakes:
            while True:
                done = follower.done
                while at < len(follower.backlog):
                    yield follower.backlog[at]
                    at += 1
                if done:
                    return
                wakes.wait(TICK)

    async def __aiter__(self) -> AsyncIterator[Event]:
        follower, at = self._follower, 0
        async for _ in _Ticks(follower):
            while at < len(follower.backlog):
                yield follower.backlog[at]
                at += 1


class _Wakes:
    """Waiting for news of a job in a plain thread."""

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


class _Ticks:
    """News of a job in a coroutine of any loop: one tick at once, one for each change, one at the end."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    async def __aiter__(self) -> AsyncIterator[None]:
        follower, loop, news = self._follower, asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # that loop has closed, with whoever waited in it
                loop.call_soon_threadsafe(news.set)

        follower.subscribe(wake)
        try:
            while True:
                done = follower.done
                yield None
                if done:
                    return
                if not follower.done:
                    await news.wait()
                news.clear()
        finally:
            follower.unsubscribe(wake)


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
