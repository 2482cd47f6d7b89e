"""The jobs that one connection follows, and the delivery of live events to them.

Used on the background loop only. The event source is opened when the first job is submitted or attached
to, and serves all of them.

Events of a job can arrive before the answer to its submission, and on the Cloud the socket carries the
events of the whole account. While a submission is in progress, events of unknown jobs are kept, for a
limited time and up to a limited size; otherwise they are dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import NotConnected
from ..protocol.frames import PreviewImage
from ..protocol.messages import Event, Executing, Status
from .records import QueueInfo

if TYPE_CHECKING:
    from .dialect import EventSource

_MOST_IDS = 1000
_KEEP_SECONDS = 30.0
_KEEP_EVENTS = 2000
_KEEP_BYTES = 16 * 1024 * 1024


class Follower(Protocol):
    """What follows one job to its end (`jobs.follow` implements it)."""

    job_id: str

    def start(self) -> None:
        """Begin to follow the job."""
        ...

    def hear(self, event: Event) -> None:
        """Take one event of the job."""
        ...

    def ask(self) -> None:
        """Events may have been missed: request the job's record once."""
        ...

    def poll_soon(self) -> None:
        """The job has probably ended: request its record now, and again soon."""
        ...

    async def cancel(self) -> bool:
        """End the job on the server; False when it had already ended."""
        ...

    def abandon(self) -> None:
        """Stop following; the job itself goes on."""
        ...


class LiveJobs:
    """The followed jobs by id; iterating gives their followers.

    `open_events(deliver, resync)` makes the event source, or returns None for a server without one;
    `ask_queue()` requests the server's queue.
    """

    def __init__(
        self,
        open_events: Callable[[Callable[[Event], None], Callable[[], None]], EventSource | None],
        ask_queue: Callable[[], Awaitable[QueueInfo]],
        url: str = "",
    ) -> None:
        self._open_events = open_events
        self._ask_queue = ask_queue
        self._url = url
        self.closed = False
        self._events: EventSource | None = None
        self._events_opened = False
        self._followers: dict[str, Follower] = {}
        self._job_ids: dict[str, None] = {}
        self._queue: tuple[float, asyncio.Future[QueueInfo]] | None = None
        self._submissions = 0
        self._early: deque[tuple[float, str, Event]] = deque()
        self._early_bytes = 0
        self._status: Status | None = None

    def __iter__(self) -> Iterator[Follower]:
        return iter(list(self._followers.values()))

    def __len__(self) -> int:
        return len(self._followers)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._followers

    # -- the event source --------------------------------------------------------------------------

    @property
    def events(self) -> EventSource | None:
        """The event source, opened on first use. Raises `NotConnected` once the client is closed."""
        self.require_open()
        if not self._events_opened:
            self._events = self._open_events(self.deliver, self.resync)
            self._events_opened = True
        return self._events

    @property
    def alive(self) -> bool:
        """Whether live events can be expected."""
        return self._events is not None and self._events.alive

    @property
    def generation(self) -> int:
        """How many times the event source has connected."""
        return self._events.generation if self._events is not None else 0

    @property
    def flags(self) -> Mapping[str, Any]:
        """The feature flags that the server sent when the event source connected."""
        return self._events.flags if self._events is not None else {}

    @property
    def last_error(self) -> str:
        """Why the event source last disconnected, without secrets."""
        return self._events.last_error if self._events is not None else ""

    def require_open(self) -> None:
        """Raise `NotConnected` once the client is closed."""
        if self.closed:
            raise NotConnected(
                f"This client of {self._url} was closed.", hint="comfy.connect() makes another."
            )

    async def ready(self, timeout: float) -> None:
        """Wait, for at most `timeout` seconds, until the server has registered the event source."""
        if (events := self.events) is not None:
            await events.ready(timeout)

    def resync(self) -> None:
        """Events may have been missed: have every follower request its job's record."""
        for follower in self:
            follower.ask()

    def poll_soon(self) -> None:
        """Jobs have probably ended: have every follower request its job's record now."""
        for follower in self:
            follower.poll_soon()

    def distrust(self) -> None:
        """A poll found what events should have reported: reconnect the event source."""
        if self._events is not None:
            self._events.distrust()

    # -- the jobs ----------------------------------------------------------------------------------

    def find(self, job_id: str) -> Follower | None:
        """The follower of this job, if it is followed."""
        return self._followers.get(job_id)

    def follow(self, follower: Follower) -> None:
        """Follow a job to its end; the events kept for it are delivered first."""
        job_id = follower.job_id
        events = self.events
        self._followers[job_id] = follower
        self.remember(job_id)
        if events is not None:
            events.watch(job_id)
        if self._status is not None:
            follower.hear(self._status)
        for _, early_id, event in list(self._early):
            if early_id == job_id:
                follower.hear(event)
        follower.start()

    def forget(self, follower: Follower) -> None:
        """The job has ended: deliver nothing more to its follower."""
        self._followers.pop(follower.job_id, None)
        if self._events is not None:
            self._events.unwatch(follower.job_id)

    def remember(self, job_id: str) -> None:
        """Add a job that was submitted, attached to or listed to `job_ids`."""
        self._job_ids.pop(job_id, None)
        self._job_ids[job_id] = None
        if len(self._job_ids) > _MOST_IDS:
            del self._job_ids[next(iter(self._job_ids))]

    @property
    def job_ids(self) -> list[str]:
        """The remembered ids, newest last."""
        return list(self._job_ids)

    async def recent_queue(self, age: float = 0.25) -> QueueInfo:
        """The queue as of at most `age` seconds ago; simultaneous callers share one request."""
        if self._queue is None or time.monotonic() - self._queue[0] > age:
            self._queue = (time.monotonic(), asyncio.ensure_future(self._ask_queue()))
        return await asyncio.shield(self._queue[1])

    # -- delivery ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def submitting(self) -> Iterator[None]:
        """Keep the events of unknown jobs meanwhile: one of them may be the job being submitted."""
        self._submissions += 1
        try:
            yield
        finally:
            self._submissions -= 1
            if self._submissions == 0:
                self._early.clear()
                self._early_bytes = 0

    def deliver(self, event: Event) -> None:
        """Hand one event to the follower of its job; a `Status` goes to all."""
        if isinstance(event, Status):
            self._status = event
            for follower in self:
                follower.hear(event)
            return
        job_id = event.prompt_id
        if job_id is None:
            # ComfyUI names no job in its first message after a reconnect; with one job it is clear which.
            if isinstance(event, Executing) and len(self._followers) == 1:
                next(iter(self._followers.values())).hear(event)
            return
        if job_id in self._followers:
            self._followers[job_id].hear(event)
        elif self._submissions:
            self._keep(job_id, event)

    def _keep(self, job_id: str, event: Event) -> None:
        now = time.monotonic()
        self._early.append((now, job_id, event))
        self._early_bytes += _size(event)
        while self._early and (
            now - self._early[0][0] > _KEEP_SECONDS
            or len(self._early) > _KEEP_EVENTS
            or self._early_bytes > _KEEP_BYTES
        ):
            self._early_bytes -= _size(self._early.popleft()[2])

    async def close(self) -> None:
        """Stop following; the jobs themselves go on."""
        self.closed = True
        for follower in self:
            follower.abandon()
        if self._events is not None:
            await self._events.close()


def _size(event: Event) -> int:
    return len(event.image) if isinstance(event, PreviewImage) else 0
