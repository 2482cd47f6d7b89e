"""Following one job to its end: events become state and outputs; the record decides how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...client import server
from ...client.records import JobRecord
from ...errors import ComfyError, JobCancelled, JobFailed, NotConnected, Problem
from ...protocol.frames import PreviewImage
from ...protocol.graph import visible_node
from ...protocol.messages import Event, Executed, Executing, ExecutionError, Status
from ...protocol.status import JobStatus
from ...sync import within
from ..outputs import Output
from ..progress import Work
from ..result import Result
from ..state import JobState
from . import verdict
from .backlog import Backlog
from .gathering import Outputs
from .record import RecordPoll

if TYPE_CHECKING:
    from ...client.connection import Connection
    from ...workflow.workflow import Workflow

log = logging.getLogger("comfy_notebook.job")

_LOG_LINES = 40
_LOG_SECONDS = 3.0


class Follower:
    """What is known of one job, and the task that finds out. `Job` is a user's view of it.

    Methods run on the background loop, apart from those for readers, which any thread may call.
    """

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
        self.problems = list(problems or ())
        self.previews = previews
        self.backlog = Backlog()
        self.record: JobRecord | None = None
        self.gathered = Outputs(graph, connection.downloads, self._wake)
        self.result: Result | None = None
        self.error: ComfyError | None = None
        self.done = False
        self.detached = False
        self.waiters: list[object] = []
        """One entry for each call that waits for the job now, from any thread."""
        self.state = JobState(
            job_id=job_id,
            titles=self.gathered.titles,
            submitted_at=time.monotonic(),
            work=Work.of(graph, connection.timings),
        )
        self._process = os.getpid()
        self._readers: list[Callable[[], None]] = []
        self._poll = RecordPoll(connection, job_id, lambda: self.state, self._saw)
        self._task: asyncio.Task[None] | None = None

    # -- readers, from any thread ----------------------------------------------------------------

    def require_own_process(self) -> None:
        """Raise `NotConnected` in a forked child process, where no loop follows the job."""
        if os.getpid() != self._process:
            raise NotConnected(
                f"Job {self.job_id} is followed by the process that this one was forked from.",
                hint="comfy.job(id) attaches to it from here.",
            )

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have `wake` called (on the loop) whenever something changed."""
        self._readers.append(wake)

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        """Undo `subscribe`."""
        if wake in self._readers:
            self._readers.remove(wake)

    @contextlib.contextmanager
    def waited_for(self) -> Iterator[None]:
        """Count as one of `waiters` during the block."""
        token = object()
        self.waiters.append(token)
        try:
            yield
        finally:
            self.waiters.remove(token)

    @property
    def cancel_asked(self) -> bool:
        """Whether this client has asked the server to cancel the job."""
        return self._poll.cancel_asked

    @property
    def outputs(self) -> list[Output]:
        """The outputs known so far."""
        return self.gathered.outputs

    @property
    def status(self) -> JobStatus:
        """The status; final only once the server's record says so and the outputs are downloaded."""
        return JobStatus.in_progress if self.state.status.is_final and not self.done else self.state.status

    # -- events, on the loop ------------------------------------------------------------------------

    def start(self) -> None:
        """Start following."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def settled(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for the outputs of a job that has ended."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout)

    def attached(self, record: JobRecord) -> None:
        """Start with the record of a job that is older than this follower."""
        self._saw(record)
        if record.status.is_final:
            self.poll_soon()

    def hear(self, event: Event) -> None:
        """Take one event of this job."""
        if self.done:
            return
        if isinstance(event, PreviewImage) and not self.gathered.final(event) and not self.previews:
            return
        now = time.monotonic()
        before = self.state
        self.state = before.after(event, now)
        self.backlog.append(event)
        if not isinstance(event, Status):
            self._poll.pace.hear()
        if isinstance(event, Executed):
            self.gathered.produced(event)
        if self.state.blocked != before.blocked:
            self.problems.append(self._problem(self.state.blocked[-1]))
        ended = self.state.status.is_final and not before.status.is_final
        if ended or (isinstance(event, Executing) and event.node is None):
            self.poll_soon()
        self._wake()

    def _wake(self) -> None:
        for wake in list(self._readers):
            try:
                wake()
            except Exception:  # an error of one reader must not stop the others
                log.exception("a reader of job %s failed", self.job_id)

    def poll_soon(self) -> None:
        """The job has probably ended: ask for the record now, and again soon."""
        self._poll.pace.poll_soon()

    def ask(self) -> None:
        """Events may have been missed: ask for the record once, now."""
        self._poll.pace.ask()

    async def cancel(self) -> bool:
        """Cancel this job on the server; False when it had already ended."""
        if self.done:
            return False
        self._poll.cancel_asked = True
        # The request is completed even when the caller is cancelled meanwhile.
        return await asyncio.shield(asyncio.ensure_future(self._cancel()))

    async def _cancel(self) -> bool:
        try:
            return await self.connection.dialect.cancel(self.connection.http, self.job_id)
        finally:
            self.poll_soon()

    def cancel_soon(self) -> None:
        """Cancel this job without waiting for the answer."""
        self._cancelling = asyncio.ensure_future(self.cancel())
        self._cancelling.add_done_callback(lambda task: task.cancelled() or task.exception())

    def abandon(self) -> None:
        """Stop following; the job itself continues."""
        if self._task is not None:
            self._task.cancel()

    # -- the end ------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        status = JobStatus.lost
        try:
            record = await self._poll.until_final()
            status = record.status
            self.state = self.state.ended(status, time.monotonic())
            self.result = await self._finish(record)
        except ComfyError as error:
            self.error = error
            if isinstance(error, JobCancelled):
                status = JobStatus.cancelled
        except asyncio.CancelledError:
            self.error = NotConnected(
                f"The client was closed while job {self.job_id} ran.",
                hint="It continues: comfy.job(id) attaches to it again.",
            )
        except Exception as error:  # a bug here must not leave a cell waiting without end
            log.exception("following job %s failed", self.job_id)
            self.error = ComfyError(f"Following job {self.job_id} failed: {type(error).__name__}: {error}")
        finally:
            self.gathered.stop()
            self.connection.timings.update(self.state.work.learned)
            self.state = self.state.ended(status, self.state.ended_at or time.monotonic())
            self.done = True
            self.connection.live.forget(self)
            self._wake()

    def _saw(self, record: JobRecord) -> None:
        """Take what a record says about a job that events have not told."""
        self.record = record
        state = self.state
        if record.status is JobStatus.in_progress and state.status is JobStatus.pending:
            state = state.started(time.monotonic())
        if record.status is JobStatus.pending and record.position != state.queue_position:
            state = replace(state, queue_position=record.position)
        if state is not self.state:
            self.state = state
            self._wake()

    async def _finish(self, record: JobRecord) -> Result:
        await self.gathered.complete(record, self.state.outputs)
        try:
            verdict.check(self.job_id, self.connection.url, record, self.state, self.outputs)
        except JobFailed as error:
            error.server_log = await self._server_log()
            raise
        if self.state.error is not None:
            self.problems.append(self._problem(self.state.error))
        return Result(
            self.job_id,
            self.outputs,
            workflow=self.workflow,
            record=record,
            seconds=record.seconds if record.seconds is not None else self.state.seconds,
            titles=self.state.titles,
            problems=self.problems,
            pace=self.state.work.pace,
        )

    async def _server_log(self) -> str:
        """The end of the server's log; empty where the server does not show it, or is slow to."""
        with contextlib.suppress(ComfyError, asyncio.TimeoutError):
            return await within(_LOG_SECONDS, server.logs(self.connection.http, _LOG_LINES))
        return ""

    def _problem(self, error: ExecutionError) -> Problem:
        """The error of a node that did not fail the job."""
        node_id = None if error.node_id is None else visible_node(error.node_id, self.state.titles)
        return Problem(
            " ".join(error.exception_message.split()) or error.exception_type,
            node_id=node_id,
            node_title=self.state.title(node_id) or None,
            class_type=error.node_type,
            kind="execution_blocked" if error in self.state.blocked else "execution_error",
            severity="warning",
        )
