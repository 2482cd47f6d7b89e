"""Following one job to its end, on the loop: events in, state and outputs out, the record as the truth.

Contract: the job has ended when the server's record says so, and not before. Events are reduced to
`state` once, kept for any number of readers, and hint when asking the record is worth while. While
no events come, the record is asked at growing intervals; a server out of reach, a record that has
vanished and a status nobody understands each have their limit, so that following always ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...client.answers import queued_record
from ...client.records import JobRecord
from ...config import settings
from ...errors import (
    AuthenticationError,
    ComfyError,
    ConnectionFailed,
    DownloadFailed,
    JobCancelled,
    JobLost,
    NotConnected,
    Problem,
    RateLimited,
    ServerError,
)
from ...protocol.frames import PreviewImage
from ...protocol.messages import Event, Executed, Executing, Status
from ...protocol.status import JobStatus, is_known
from ..outputs import Output
from ..result import Result
from ..state import JobState
from . import verdict
from .backlog import Backlog
from .gathering import Outputs
from .pace import SOON, Pace

if TYPE_CHECKING:
    from ...client.connection import Connection
    from ...workflow.workflow import Workflow

log = logging.getLogger("comfy_notebook.job")

_MISSES = 4
_GRACE = 2.0
_EMPTY = 1.0  # seconds a success without outputs is asked for again


class Follower:
    """What is known of one job, and the task that finds out."""

    def __init__(
        self,
        connection: Connection,
        job_id: str,
        *,
        graph: Mapping[str, Any],
        workflow: Workflow | None = None,
        problems: list[Problem] | None = None,
        previews: bool = True,
    ) -> None:
        self.connection = connection
        self.job_id = job_id
        self.graph = graph
        self.workflow = workflow
        self.problems = problems or []
        self.previews = previews
        self.backlog = Backlog()
        self.record: JobRecord | None = None
        self.gathered = Outputs(graph, connection.downloads, self._wake)
        self.result: Result | None = None
        self.error: ComfyError | None = None
        self.done = False
        self.cancel_asked = False
        self.state = JobState(
            job_id=job_id,
            titles=self.gathered.titles,
            submitted_at=time.monotonic(),
        )
        self._process = os.getpid()
        self._readers: list[Callable[[], None]] = []
        self._pace = Pace(lambda: connection.live.alive)
        self._emptied: float | None = None
        self._generation = connection.live.generation
        self._task: asyncio.Task[None] | None = None

    # -- readers, from any thread ----------------------------------------------------------------

    def require_own_process(self) -> None:
        """Raise `NotConnected` in a forked child, where nobody follows the job any more."""
        if os.getpid() != self._process:
            raise NotConnected(
                f"Job {self.job_id} is followed by the process this one was forked from.",
                hint="comfy.job(id) attaches to it from here.",
            )

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call `wake` (on the loop) whenever something changed."""
        self._readers.append(wake)

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        if wake in self._readers:
            self._readers.remove(wake)

    @property
    def outputs(self) -> list[Output]:
        """The outputs known so far."""
        return self.gathered.outputs

    @property
    def status(self) -> JobStatus:
        """The status; final only once the server's record has said so and the outputs are fetched."""
        return JobStatus.in_progress if self.state.status.is_final and not self.done else self.state.status

    # -- events, on the loop ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def settled(self, timeout: float) -> None:
        """Wait for the end of a job that is known to have ended, a while at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout)

    def attached(self, record: JobRecord) -> None:
        """The job is older than this follower: begin with what its record says."""
        self._saw(record)
        if record.status.is_final:
            self.poll_soon()

    def hear(self, event: Event) -> None:
        """One event of this job."""
        if self.done:
            return
        if isinstance(event, PreviewImage) and not self.gathered.final(event) and not self.previews:
            return
        now = time.monotonic()
        before = self.state
        self.state = before.after(event, now)
        self.backlog.append(event)
        if not isinstance(event, Status):
            self._pace.hear()
        if isinstance(event, Executed):
            self.gathered.produced(event)
        ended = self.state.status.is_final and not before.status.is_final
        if ended or (isinstance(event, Executing) and event.node is None):
            self.poll_soon()
        self._wake()

    def _wake(self) -> None:
        for wake in list(self._readers):
            try:
                wake()
            except Exception:  # one reader's trouble is no other's
                log.exception("a reader of job %s could not be told", self.job_id)

    def poll_soon(self) -> None:
        """The job has probably ended: ask the record now, and again soon."""
        self._pace.poll_soon()

    def ask(self) -> None:
        """Events may have been missed: ask the record now, once."""
        self._pace.ask()

    async def cancel(self) -> bool:
        """End exactly this job on the server; False when it had ended before."""
        if self.done:
            return False
        self.cancel_asked = True
        # Whoever asked may be interrupted; what was asked is done all the same.
        return await asyncio.shield(asyncio.ensure_future(self._cancel()))

    async def _cancel(self) -> bool:
        try:
            return await self.connection.dialect.cancel(self.connection.http, self.job_id)
        finally:
            self.poll_soon()

    def cancel_soon(self) -> None:
        """Cancel the job, with nobody waiting for the answer."""
        self._cancelling = asyncio.ensure_future(self.cancel())
        self._cancelling.add_done_callback(lambda task: task.cancelled() or task.exception())

    def abandon(self) -> None:
        """Stop following; the job itself goes on."""
        if self._task is not None:
            self._task.cancel()

    # -- the record ----------------------------------------------------------------------------------

    async def _follow(self) -> None:
        status = JobStatus.lost
        try:
            record = await self._until_final()
            status = record.status
            self.state = self.state.ended(status, time.monotonic())
            await self._finish(record)
        except ComfyError as error:
            self.error = error
            if isinstance(error, JobCancelled):
                status = JobStatus.cancelled
        except asyncio.CancelledError:
            self.error = NotConnected(
                f"The client was closed while job {self.job_id} ran.",
                hint="It goes on: comfy.job(id) attaches to it again.",
            )
        except Exception as error:  # a bug of ours must not leave a cell waiting for ever
            log.exception("following job %s failed", self.job_id)
            self.error = ComfyError(f"Following job {self.job_id} failed: {type(error).__name__}: {error}")
        finally:
            self.gathered.stop()
            self.state = self.state.ended(status, self.state.ended_at or time.monotonic())
            self.done = True
            self.connection.live.forget(self)
            self._wake()

    async def _until_final(self) -> JobRecord:
        """Ask the record until it is final, however long the job takes."""
        misses, missed, unreachable, puzzled = 0, 0.0, None, None
        while True:
            await self._pace.pause()
            try:
                record = await self._ask()
            except AuthenticationError:
                raise
            except RateLimited as error:
                # An answer, if not to the question: the job is there, and the server asks to be let alone.
                self._pace.back_off(min(error.retry_after or 2.0, 60.0))
                unreachable = None
                continue
            except (ConnectionFailed, ServerError) as error:
                unreachable = unreachable or time.monotonic()
                if self.connection.server is not None and not self.connection.server.alive:
                    raise verdict.unreachable(self.connection.url, self.job_id, error) from None
                if time.monotonic() - unreachable >= settings.patience:
                    raise verdict.unreachable(self.connection.url, self.job_id, error) from None
                continue
            unreachable = None
            if record is None:
                misses, missed = misses + 1, missed if misses else time.monotonic()
                if self._is_gone(misses, missed):
                    raise self._vanished()
                if misses < len(SOON):
                    self._pace.poll_soon(misses + 2)
                continue
            misses = 0
            self._saw(record)
            if record.status.is_final and self._is_whole(record):
                return record
            if is_known(record.raw_status) or not record.raw_status:
                puzzled = None
            else:
                puzzled = puzzled or time.monotonic()
                if time.monotonic() - max(puzzled, self._pace.heard_at) >= settings.stall:
                    raise verdict.stalled(self.job_id, record.raw_status, settings.stall)

    def _is_gone(self, misses: int, since: float) -> bool:
        """Whether a job without a record is no more: a ComfyUI means it, a Cloud's storage may be behind."""
        if self.connection.dialect.forgets_cancelled:
            return self.cancel_asked or misses >= _MISSES
        return misses >= _MISSES and time.monotonic() - since >= settings.patience

    def _is_whole(self, record: JobRecord) -> bool:
        """Whether a final record may be believed: a success without outputs is asked for again.

        The Cloud's older status route lists none, and storage may lag. Where every event was heard there
        is nothing to wait for; else a record that keeps saying so is believed, a bare status never.
        """
        if record.status is not JobStatus.completed or record.outputs or record.outputs_count == 0:
            return True
        heard = (
            self.state.status is JobStatus.completed and self.connection.live.generation == self._generation
        )
        if heard and (record.lists_outputs or self.state.outputs):
            return True
        self._emptied = self._emptied or time.monotonic()
        waited = time.monotonic() - self._emptied
        if record.lists_outputs and not record.outputs_count:
            if waited >= _EMPTY:
                return True
        elif waited >= settings.patience:
            raise verdict.without_outputs(self.connection.url, self.job_id)
        if not self._pace.polling_soon:
            self.poll_soon()
        return False

    async def _ask(self) -> JobRecord | None:
        connection = self.connection
        if len(connection.live) > 4 and not self._pace.polling_soon:
            # Many jobs without a socket: one question about the queue serves all of them.
            queued = (await connection.live.recent_queue()).find(self.job_id)
            if queued is not None:
                return queued_record(queued)
        return await connection.dialect.record(connection.http, self.job_id, ended=self._pace.polling_soon)

    def _saw(self, record: JobRecord) -> None:
        self.record = record
        now = time.monotonic()
        state = self.state
        if record.status is JobStatus.in_progress and state.status is JobStatus.pending:
            state = state._started(now)
            self._heard_late()
        if record.status is JobStatus.pending and record.position != state.queue_position:
            from dataclasses import replace

            state = replace(state, queue_position=record.position)
        if record.status.is_final and not state.status.is_final and self._pace.quiet > _GRACE:
            self._heard_late()
        if state is not self.state:
            self.state = state
            self._wake()

    def _heard_late(self) -> None:
        """The poll knew before the socket did, by a wide margin: the socket may have gone deaf."""
        if self.connection.live.alive and self._pace.quiet > _GRACE:
            self.connection.live.distrust()

    def _vanished(self) -> ComfyError:
        continuous = self.connection.live.alive and self.connection.live.generation == self._generation
        never_began = self.state.started_at is None
        if self.cancel_asked or (self.connection.dialect.forgets_cancelled and continuous and never_began):
            return JobCancelled(f"Job {self.job_id} was cancelled.", job_id=self.job_id)
        return verdict.vanished(self.connection.url, self.job_id)

    # -- the end ------------------------------------------------------------------------------------

    async def _finish(self, record: JobRecord) -> None:
        await self.gathered.complete(record, self.state.outputs)
        if record.status is JobStatus.completed:
            files = [output for output in self.outputs if output.filename is not None]
            if files and all(output.error is not None for output in files):
                raise DownloadFailed(
                    f"The job completed, but none of its {len(files)} files could be fetched: "
                    f"{files[0].error.message if files[0].error else ''}",
                    hint="job.outputs lists them; output.bytes tries again.",
                )
            self.result = Result(
                self.job_id,
                self.outputs,
                workflow=self.workflow,
                record=record,
                seconds=record.seconds if record.seconds is not None else self._seconds(),
                titles=self.state.titles,
            )
            return
        if record.status is JobStatus.failed:
            raise verdict.failure(self.job_id, record, self.state)
        if record.status is JobStatus.cancelled:
            raise JobCancelled(f"Job {self.job_id} was cancelled.", job_id=self.job_id)
        said = f" ({record.message})" if record.message else ""
        raise JobLost(
            f"{self.connection.url} lost job {self.job_id}{said}.",
            job_id=self.job_id,
            hint="Run it again.",
        )

    def _seconds(self) -> float | None:
        begin, end = self.state.started_at, self.state.ended_at
        return end - begin if begin is not None and end is not None else None
