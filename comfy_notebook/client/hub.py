"""Fan-out: every event to the jobs it concerns.

Frames of a job may arrive before the answer to its submission does, and on the Cloud the socket
carries the whole account's. While a submission is under way, events of jobs nobody here knows are
kept, for a short time and within bounds; otherwise they are dropped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ..protocol.frames import PreviewImage
from ..protocol.messages import Event, Executing, Status

_KEEP_SECONDS = 30.0
_KEEP_EVENTS = 2000
_KEEP_BYTES = 16 * 1024 * 1024


class Hub:
    """Who listens to which job."""

    def __init__(self) -> None:
        self._listeners: dict[str, Callable[[Event], None]] = {}
        self._submitting = 0
        self._strays: deque[tuple[float, str, Event]] = deque()
        self._stray_bytes = 0
        self._status: Status | None = None

    def begin(self) -> None:
        """A submission is under way: keep what may turn out to be its events."""
        self._submitting += 1

    def end(self) -> None:
        """It is over."""
        self._submitting -= 1
        if self._submitting == 0:
            self._strays.clear()
            self._stray_bytes = 0

    def listen(self, job_id: str, listener: Callable[[Event], None]) -> None:
        """Deliver this job's events from now on, those kept for it first."""
        self._listeners[job_id] = listener
        if self._status is not None:
            listener(self._status)
        for _, stray_id, event in list(self._strays):
            if stray_id == job_id:
                listener(event)

    def leave(self, job_id: str) -> None:
        """Deliver no more."""
        self._listeners.pop(job_id, None)

    def deliver(self, event: Event) -> None:
        """One event from the socket."""
        if isinstance(event, Status):
            self._status = event
            for listener in list(self._listeners.values()):
                listener(event)
            return
        job_id = event.prompt_id
        if job_id is None:
            # ComfyUI names no job in its first message after a reconnect; with one job it is clear which.
            if isinstance(event, Executing) and len(self._listeners) == 1:
                next(iter(self._listeners.values()))(event)
            return
        if job_id in self._listeners:
            self._listeners[job_id](event)
        elif self._submitting:
            self._keep(job_id, event)

    def _keep(self, job_id: str, event: Event) -> None:
        now = time.monotonic()
        self._strays.append((now, job_id, event))
        self._stray_bytes += _size(event)
        while self._strays and (
            now - self._strays[0][0] > _KEEP_SECONDS
            or len(self._strays) > _KEEP_EVENTS
            or self._stray_bytes > _KEEP_BYTES
        ):
            self._stray_bytes -= _size(self._strays.popleft()[2])


def _size(event: Event) -> int:
    return len(event.image) if isinstance(event, PreviewImage) else 0
