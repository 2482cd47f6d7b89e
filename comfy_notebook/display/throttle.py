"""Latest wins: how often something may be drawn, decided without a clock of its own.

`Throttle` is pure: the caller says what time it is. A value that comes too early is kept, the next
one replaces it, and whatever is kept last is always handed out by `flush`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Throttle(Generic[T]):
    """Lets at most one value through every `interval` seconds; the newest replaces one that waits.

    `offer` answers the value to draw now, or None; `due` says in how many seconds a waiting value
    may be drawn (None when nothing waits); `take` and `flush` hand it out then, or at the end.
    """

    def __init__(self, interval: float = 0.1) -> None:
        self.interval = max(interval, 0.0)
        self.dropped = 0
        self._drawn_at: float | None = None
        self._waiting: list[T] = []

    def offer(self, value: T, now: float) -> T | None:
        """Take a new value in at the time `now`, in seconds."""
        self.dropped += len(self._waiting)
        self._waiting = [value]
        return self.take(now)

    def take(self, now: float) -> T | None:
        """The waiting value, if its time has come."""
        if not self._waiting or self.due(now) != 0.0:
            return None
        return self.flush(now)

    def flush(self, now: float) -> T | None:
        """The waiting value, whether its time has come or not."""
        if not self._waiting:
            return None
        self._drawn_at = now
        return self._waiting.pop()

    def due(self, now: float) -> float | None:
        """Seconds until the waiting value may be drawn; None when none waits."""
        if not self._waiting:
            return None
        if self._drawn_at is None:
            return 0.0
        return max(self._drawn_at + self.interval - now, 0.0)
