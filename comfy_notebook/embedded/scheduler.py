"""Which jobs run, which wait, and how they are stopped.

Each user has a queue of their own and runs as many jobs at a time as the tier allows (one for all,
in ComfyUI's dialect). A job runs in a daemon thread: it never keeps the process from ending, and one
cut off so is found `lost` at the next start. All methods run on the event loop.

A cancelled job stops at its next step. Where a node takes no steps (Pillow blurs, a codec encodes), the job
ends anyway: its thread finishes in the background, and its result is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ..protocol.messages import Executing, ExecutionInterrupted, Status, encode_message
from ..protocol.status import JobStatus
from .assets import now_ms
from .context import Report
from .events import Audience, Hub
from .executor import Run
from .jobs import Job, Jobs
from .options import Options

_RETRY = 1.0  # seconds
_PATIENCE = 0.3  # seconds a cancelled job has to come to its next step
_MOST_LEFT = 4  # threads left behind, beyond which a user's next job waits for them
log = logging.getLogger(__name__)


@dataclass
class _Lane:
    """One user's jobs: waiting in the order they will run, running, and threads left behind by them."""

    pending: list[Job] = field(default_factory=list)
    running: dict[str, Run] = field(default_factory=dict)
    left: list[Run] = field(default_factory=list)


class Scheduler:
    """The queues of all users."""

    def __init__(
        self,
        jobs: Jobs,
        hub: Hub,
        options: Options,
        parallel: Callable[[str], int],
        execute: Callable[[Run], JobStatus],
    ) -> None:
        self._jobs = jobs
        self._hub = hub
        self._options = options
        self._parallel = parallel
        self._execute = execute
        self._lanes: dict[str, _Lane] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = threading.Event()
        self._idle = asyncio.Event()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Queue the jobs that the previous server left waiting."""
        self._loop = loop
        for job in self._jobs.recover():
            self._enqueue(job)

    def stop(self) -> None:
        """Stop what runs, which is then `lost`, and start nothing more: what waits runs at the next start."""
        self._stopped.set()
        for lane in self._lanes.values():
            for run in lane.running.values():
                run.abandoned = True
                run.cancelled.set()

    async def idle(self, timeout: float) -> None:
        """Wait until nothing runs any more, but no longer than `timeout` seconds."""
        if any(lane.running for lane in self._lanes.values()):
            self._idle.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout)

    def submit(self, job: Job) -> None:
        """Queue a recorded job; it runs as soon as the user's limit allows."""
        self._enqueue(job)

    def running(self, user: str) -> list[Job]:
        """The user's jobs that run now."""
        return [run.job for run in self._lane(user).running.values()]

    def pending(self, user: str) -> list[Job]:
        """The user's jobs that wait, in the order they will run."""
        return list(self._lane(user).pending)

    def remaining(self, user: str) -> int:
        """What `queue_remaining` counts: running and waiting."""
        lane = self._lane(user)
        return len(lane.running) + len(lane.pending)

    def raw_status(self, user: str, id: str, status: JobStatus) -> str:
        """The Cloud's internal word for where a job stands (protocol: status vocabularies)."""
        lane = self._lane(user)
        if status is JobStatus.pending:
            return "queued_limited" if len(lane.running) >= self._parallel(user) else "submitted"
        if status is JobStatus.in_progress:
            run = lane.running.get(id)
            return "cancel_requested" if run is not None and run.cancelled.is_set() else "executing"
        return {JobStatus.completed: "success", JobStatus.failed: "error"}.get(status, str(status))

    def cancel(self, user: str, id: str, *, running: bool = True) -> bool:
        """Stop a job of this user: at once when it waits, at its next step when it runs.

        False when it is neither, or runs and `running` says to leave those alone.
        """
        lane = self._lane(user)
        for job in lane.pending:
            if job.id == id:
                self._end_waiting(job)
                lane.pending.remove(job)
                self._tell_status(user)
                return True
        run = lane.running.get(id)
        if run is None or not running:
            return False
        run.cancelled.set()
        if self._loop is not None:
            self._loop.call_later(_PATIENCE, self._leave, run)
        return True

    def interrupt(self, user: str, id: str | None = None) -> list[str]:
        """Stop the user's running jobs (or the one), and say which."""
        stopped = [run.job.id for run in self._lane(user).running.values() if id in (None, run.job.id)]
        for job_id in stopped:
            self.cancel(user, job_id)
        return stopped

    def clear(self, user: str) -> list[str]:
        """Cancel every waiting job of the user."""
        lane = self._lane(user)
        cancelled = list(lane.pending)
        for job in cancelled:
            self._end_waiting(job)
            lane.pending.pop(0)
        if cancelled:
            self._tell_status(user)
        return [job.id for job in cancelled]

    def _lane(self, user: str) -> _Lane:
        return self._lanes.setdefault(user, _Lane())

    def _enqueue(self, job: Job) -> None:
        lane = self._lane(job.user)
        place = len(lane.pending)
        while place and lane.pending[place - 1].place > job.place:
            place -= 1
        lane.pending.insert(place, job)
        self._tell_status(job.user)
        self._dispatch(job.user)

    def _dispatch(self, user: str) -> None:
        lane = self._lane(user)
        while lane.pending and len(lane.running) < self._parallel(user) and not self._stopped.is_set():
            if len(lane.left) >= _MOST_LEFT:
                return
            job = lane.pending.pop(0)
            previews = self._options.sends_previews(job.extra_data.get("preview_method"))
            run = Run(job, Report(job.id, Audience(user, job.client_id), self._hub, previews))
            lane.running[job.id] = run
            self._tell_status(user)
            threading.Thread(target=self._work, args=(run,), name=f"job {job.id}", daemon=True).start()

    def _work(self, run: Run) -> None:
        try:
            self._execute(run)
        except BaseException:
            # Ours, not a node's (the executor reports those). Whatever it was, the job ends and the
            # next one gets its place.
            log.exception("job %s: the executor failed", run.job.id)
            self._write_off(run.job.id)
        finally:
            assert self._loop is not None
            with contextlib.suppress(RuntimeError):  # the loop has closed: the server is stopping
                self._loop.call_soon_threadsafe(self._ended, run)

    def _write_off(self, id: str) -> None:
        """Record that a job is lost; on a full disk, as soon as there is space."""
        while not self._stopped.is_set():
            try:
                self._jobs.finish(id, JobStatus.lost)
                return
            except sqlite3.OperationalError:
                self._stopped.wait(_RETRY)
            except Exception:
                log.exception("job %s: its end cannot be recorded", id)
                return

    def _leave(self, run: Run) -> None:
        """End a cancelled job whose thread has not come to its next step."""
        lane = self._lane(run.job.user)
        if lane.running.get(run.job.id) is not run or self._stopped.is_set():
            return
        with run.ending:
            if run.ended:
                return
            ending = run.interruption()
            encoded = encode_message(ending)
            messages = [*run.messages, [encoded["type"], encoded["data"]]]
            try:
                self._jobs.finish(run.job.id, JobStatus.cancelled, dict(run.outputs), messages)
            except sqlite3.OperationalError:
                return  # the job's own thread reports it
            run.ended = True
            run.report.send(ending)
        lane.left.append(run)
        self._ended(run)
        run.report.close()

    def _ended(self, run: Run) -> None:
        user = run.job.user
        lane = self._lane(user)
        if lane.running.get(run.job.id) is not run:
            lane.left.remove(run)
            self._dispatch(user)
            return
        del lane.running[run.job.id]
        self._tell_status(user)
        run.report.send(Executing(node=None, prompt_id=run.job.id))
        self._dispatch(user)
        if not any(lane.running for lane in self._lanes.values()):
            self._idle.set()

    def _end_waiting(self, job: Job) -> None:
        ending = ExecutionInterrupted(prompt_id=job.id, timestamp=now_ms())
        self._jobs.finish(job.id, JobStatus.cancelled)
        # ComfyUI sends no message about a job deleted while it waited (queue_ops recording).
        if self._options.dialect == "cloud":
            self._hub.publish(Audience(job.user, job.client_id), ending)

    def _tell_status(self, user: str) -> None:
        if self._loop is not None:
            self._hub.publish(Audience(user), Status(queue_remaining=self.remaining(user)))
