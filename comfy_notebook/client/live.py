"""The jobs one connection follows, and the live events that tell of them; on the loop alone.

The socket is made when the first job is submitted or attached to, and serves all of them. A
`Follower` finds out how one job ends; here is only who follows what, and whether events can be trusted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .hub import Hub
from .records import QueueInfo

if TYPE_CHECKING:
    from ..jobs.follow.follower import Follower
    from .dialect import Dialect, EventSource
    from .http import Http

_MOST_IDS = 1000


class LiveJobs:
    """Who is followed, and over which event source; iterates over the followers."""

    def __init__(
        self, http: Http, dialect: Dialect, client_id: str, require_open: Callable[[], None]
    ) -> None:
        self.hub = Hub()
        self._http = http
        self._dialect = dialect
        self._client_id = client_id
        self._require_open = require_open
        self._events: EventSource | None = None
        self._events_made = False
        self._followers: dict[str, Follower] = {}
        self._met: dict[str, None] = {}
        self._queue: tuple[float, asyncio.Task[QueueInfo]] | None = None

    def __iter__(self) -> Iterator[Follower]:
        return iter(list(self._followers.values()))

    def __len__(self) -> int:
        return len(self._followers)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._followers

    def find(self, job_id: str) -> Follower | None:
        """Who follows this job, if anyone does."""
        return self._followers.get(job_id)

    # -- live events -------------------------------------------------------------------------------

    @property
    def events(self) -> EventSource | None:
        """The live events, made when first needed. Raises `NotConnected` once the client is closed."""
        self._require_open()
        if not self._events_made:
            self._events = self._dialect.events(
                self._http.access, self._client_id, self.hub.deliver, self.resync
            )
            self._events_made = True
        return self._events

    @property
    def alive(self) -> bool:
        """Whether live events can be expected."""
        return self._events is not None and self._events.alive

    @property
    def generation(self) -> int:
        """How many times the live events have connected."""
        return self._events.generation if self._events is not None else 0

    @property
    def flags(self) -> Mapping[str, Any]:
        """What the server said it can do when the live events connected."""
        return self._events.flags if self._events is not None else {}

    @property
    def last_error(self) -> str:
        """Why the live events last broke off, in words with nothing secret in them."""
        return self._events.last_error if self._events is not None else ""

    async def ready(self, timeout: float) -> None:
        """Wait until the server knows this client, for at most `timeout` seconds; polling does without."""
        if (events := self.events) is not None:
            await events.ready(timeout)

    def resync(self) -> None:
        """Events may have been missed while the connection was down: ask the records."""
        for follower in self:
            follower.ask()

    def hurry(self) -> None:
        """Jobs have probably ended: ask their records now."""
        for follower in self:
            follower.hurry()

    def distrust(self) -> None:
        """A poll knew what events should have told."""
        if self._events is not None:
            self._events.distrust()

    # -- jobs --------------------------------------------------------------------------------------

    def follow(self, follower: Follower) -> None:
        """Follow a job to its end."""
        self._followers[follower.job_id] = follower
        self.met(follower.job_id)
        if (events := self.events) is not None:
            events.watch(follower.job_id)
        follower.start()

    def forget(self, follower: Follower) -> None:
        """A job has ended."""
        self._followers.pop(follower.job_id, None)
        self.hub.leave(follower.job_id)
        if self._events is not None:
            self._events.unwatch(follower.job_id)

    def met(self, job_id: str) -> None:
        """Remember a job's id: it was submitted, attached to or listed."""
        self._met.pop(job_id, None)
        self._met[job_id] = None
        if len(self._met) > _MOST_IDS:
            del self._met[next(iter(self._met))]

    @property
    def job_ids(self) -> list[str]:
        """The ids met, newest last."""
        return list(self._met)

    async def recent_queue(self, age: float = 0.25) -> QueueInfo:
        """The queue as of at most `age` seconds ago, asked for once by however many want it."""
        if self._queue is None or time.monotonic() - self._queue[0] > age:
            self._queue = (time.monotonic(), asyncio.ensure_future(self._dialect.queue(self._http)))
        return await asyncio.shield(self._queue[1])

    async def close(self) -> None:
        """Stop following; the jobs themselves go on."""
        for follower in self:
            follower.abandon()
        if self._events is not None:
            await self._events.close()
