"""Asking the server for a job's record until it is final.

Only the record decides how a job ended; events say when to ask. A server out of reach, a record that has
vanished and a status that no version knows each have a time limit, so that following always ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...client.answers import queued_record
from ...client.records import JobRecord
from ...config import settings
from ...errors import ComfyError, RateLimited
from ...protocol.status import JobStatus, is_known
from ..state import JobState
from . import verdict
from .pace import SOON, Pace

if TYPE_CHECKING:
    from ...client.connection import Connection

BACK_OFF = 1.0
"""Half the seconds to wait after a 429 without Retry-After; doubled with each further one."""
_MOST_LIMITED = 8  # answers of 429 without Retry-After, some four minutes, before a job is given up
_MISSES = 4  # answers without a record before a job counts as gone
_GRACE = 2.0  # seconds that events may be behind the record
_EMPTY = 1.0  # seconds during which a success without outputs is asked for again


class RecordPoll:
    """Polls one job's record. `state` returns what events have told; `saw` is called with each record."""

    def __init__(
        self,
        connection: Connection,
        job_id: str,
        state: Callable[[], JobState],
        saw: Callable[[JobRecord], None],
    ) -> None:
        self.pace = Pace(lambda: connection.live.alive)
        self.cancel_asked = False
        """Whether this client has asked the server to cancel the job."""
        self._connection = connection
        self._job_id = job_id
        self._state = state
        self._saw = saw
        self._generation = connection.live.generation
        self._limited = 0
        self._misses = 0
        self._missing_since = 0.0
        self._unreachable_since: float | None = None
        self._unknown_since: float | None = None
        self._empty_since: float | None = None

    async def until_final(self) -> JobRecord:
        """The final record, however long the job takes. Raises the error that ends the wait."""
        while True:
            await self.pace.pause()
            try:
                record = await self._ask()
            except RateLimited as error:
                self._rate_limited(error)
                continue
            except ComfyError as error:
                if not error.transient:
                    raise
                self._unreachable(error)
                continue
            self._limited = 0
            self._unreachable_since = None
            if record is None:
                self._missing()
                continue
            self._misses = 0
            self._check_events(record)
            self._saw(record)
            if record.status.is_final and self._is_complete(record):
                return record
            self._check_status(record)

    async def _ask(self) -> JobRecord | None:
        connection = self._connection
        if len(connection.live) > 4 and not self.pace.polling_soon:
            # One request for the queue serves all followed jobs.
            queued = (await connection.live.recent_queue()).find(self._job_id)
            if queued is not None:
                return queued_record(queued)
        return await connection.dialect.record(connection.http, self._job_id, ended=self.pace.polling_soon)

    def _rate_limited(self, error: RateLimited) -> None:
        """Ask less often: after the time the server names, else after growing ones."""
        self._limited += 1
        self.pace.back_off(min(error.retry_after or BACK_OFF * 2**self._limited, 60.0))
        self._unreachable_since = None
        if error.retry_after is None and self._limited >= _MOST_LIMITED:
            raise error

    def _unreachable(self, error: ComfyError) -> None:
        """Raise `ConnectionFailed` when the embedded server has died, or patience is over."""
        self._unreachable_since = self._unreachable_since or time.monotonic()
        server = self._connection.server
        died = server is not None and not server.alive
        if died or time.monotonic() - self._unreachable_since >= settings.patience:
            raise verdict.unreachable(self._connection.url, self._job_id, error) from None

    def _missing(self) -> None:
        """Raise `JobCancelled` or `JobLost` when the job has had no record for too long.

        A job that was cancelled from here has no record on a ComfyUI. Anything else may be an answer of a
        proxy, or storage that is behind: the job is not given up before patience is over.
        """
        self._missing_since = self._missing_since if self._misses else time.monotonic()
        self._misses += 1
        waited = time.monotonic() - self._missing_since
        if self.cancel_asked and self._connection.dialect.forgets_cancelled:
            raise verdict.cancelled(self._job_id)
        if self._misses >= _MISSES and waited >= settings.patience:
            if self._was_cancelled():
                raise verdict.cancelled(self._job_id)
            raise verdict.vanished(self._connection.url, self._job_id)
        if self._misses < len(SOON):
            self.pace.poll_soon(self._misses + 2)

    def _was_cancelled(self) -> bool:
        """Whether a job without a record was cancelled: ComfyUI forgets jobs deleted from its queue."""
        live = self._connection.live
        connected = live.alive and live.generation == self._generation
        never_began = self._state().started_at is None
        return self.cancel_asked or (self._connection.dialect.forgets_cancelled and connected and never_began)

    def _check_events(self, record: JobRecord) -> None:
        """Reconnect a socket that has been silent about a change which the record shows."""
        status = self._state().status
        began = record.status is JobStatus.in_progress and status is JobStatus.pending
        ended = record.status.is_final and not status.is_final
        if (began or ended) and self._connection.live.alive and self.pace.quiet > _GRACE:
            self._connection.live.distrust()

    def _is_complete(self, record: JobRecord) -> bool:
        """Whether a final record can be taken: a success without outputs is asked for again.

        The Cloud's older status route lists no outputs, and its storage may be behind. When every event
        was received there is nothing to wait for. Otherwise a record that repeatedly lists no outputs is
        taken, and a bare status never is.
        """
        if record.status is not JobStatus.completed or record.outputs or record.outputs_count == 0:
            return True
        state, live = self._state(), self._connection.live
        heard_all = state.status is JobStatus.completed and live.generation == self._generation
        if heard_all and (record.lists_outputs or state.outputs):
            return True
        self._empty_since = self._empty_since or time.monotonic()
        waited = time.monotonic() - self._empty_since
        if record.lists_outputs and not record.outputs_count:
            if waited >= _EMPTY:
                return True
        elif waited >= settings.patience:
            raise verdict.without_outputs(self._connection.url, self._job_id)
        if not self.pace.polling_soon:
            self.pace.poll_soon()
        return False

    def _check_status(self, record: JobRecord) -> None:
        """Raise `JobLost` when the status has been an unknown word for too long, without any event."""
        if is_known(record.raw_status) or not record.raw_status:
            self._unknown_since = None
            return
        self._unknown_since = self._unknown_since or time.monotonic()
        if time.monotonic() - max(self._unknown_since, self.pace.heard_at) >= settings.stall:
            raise verdict.stalled(self._job_id, record.raw_status, settings.stall)
