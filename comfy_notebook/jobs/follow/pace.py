"""When to ask for a job's record: at once when an event says so, else at growing intervals.

While live events arrive, the record is asked for only after a silence; without them it is polled. A job
that has probably ended is asked for again within moments, since the record may be behind the event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ...config import settings
from ...sync import jitter, within

SOON = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
"""Seconds between the requests after a hint that the job has ended."""


class Pace:
    """The times of the requests for one job; `events_alive` says whether live events can be expected."""

    def __init__(self, events_alive: Callable[[], bool]) -> None:
        self._events_alive = events_alive
        self._kick = asyncio.Event()
        self._asked = 0
        self._not_before = 0.0
        self._heard = time.monotonic()
        self.polling_soon = False
        """Whether the job has probably ended."""

    @property
    def heard_at(self) -> float:
        """When the last event of the job arrived (monotonic seconds)."""
        return self._heard

    @property
    def quiet(self) -> float:
        """Seconds since the last event."""
        return time.monotonic() - self._heard

    def hear(self) -> None:
        """Note that an event of the job has arrived."""
        self._heard = time.monotonic()

    def poll_soon(self, step: int = 0) -> None:
        """The job has probably ended: ask now, and again soon; a later `step` asks less eagerly."""
        self.polling_soon, self._asked = True, step
        self._kick.set()

    def ask(self) -> None:
        """Events may have been missed: ask now, once."""
        self._asked = 0
        self._kick.set()

    def back_off(self, seconds: float) -> None:
        """Make no request for so long."""
        self._not_before = time.monotonic() + seconds

    async def pause(self) -> None:
        """Wait until the next request is due."""
        wait = self._interval()
        self._asked += 1
        if wait > 0 and not self._kick.is_set():
            try:
                await within(wait, self._kick.wait())
            except asyncio.TimeoutError:
                # Events arrived meanwhile, so no request is needed yet.
                if not self.polling_soon and self._events_alive() and self.quiet < settings.quiet:
                    self._asked = 0
        self._kick.clear()
        if (rest := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    def _interval(self) -> float:
        if self.polling_soon:
            if self._asked < len(SOON):
                return SOON[self._asked]
            self.polling_soon, self._asked = False, 0
        growth = 1.5 ** min(self._asked, 8) * jitter(0.25)
        if not self._events_alive():
            return min(0.25 * growth, 2.0)
        return min(max(settings.quiet - self.quiet, settings.quiet * growth / 2), 6 * settings.quiet)
