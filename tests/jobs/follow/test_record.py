"""Asking for a job's record: which answers end the wait, and after how long. Time is simulated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.client.records import JobRecord, QueuedJob, QueueInfo
from comfy_notebook.config import settings
from comfy_notebook.jobs.follow import pace, record
from comfy_notebook.jobs.follow.record import RecordPoll
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.status import JobStatus

RUNNING = JobRecord("j", JobStatus.in_progress, raw_status="running")
WAITING = JobRecord("j", JobStatus.pending, raw_status="pending")
DONE = JobRecord("j", JobStatus.completed, raw_status="success", outputs={"9": {"images": []}})
EMPTY = JobRecord("j", JobStatus.completed, raw_status="success")
BARE = JobRecord("j", JobStatus.completed, raw_status="success", lists_outputs=False)
FAILED = JobRecord("j", JobStatus.failed, raw_status="error")
ODD = JobRecord("j", JobStatus.in_progress, raw_status="defragmenting")
COMPLETED = JobState(status=JobStatus.completed)


def transient(kind: type[comfy.ComfyError] = comfy.ConnectionFailed) -> comfy.ComfyError:
    error = kind("cannot be reached")
    error.transient = True
    return error


class Scenario:
    """One job of a server that gives these answers in turn, the last one again and again.

    Each wait between two requests takes 0.1 s.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(record, "time", clock)
        monkeypatch.setattr(pace, "time", clock)
        monkeypatch.setattr(settings, "patience", 5.0)
        monkeypatch.setattr(settings, "stall", 3.0)
        self.state = JobState()
        self.asked: list[bool] = []
        self.seen: list[JobRecord] = []
        self.distrusted = 0
        self.queue = QueueInfo(running=[], pending=[])
        self.followed = 1
        self.live = SimpleNamespace(
            alive=True, generation=1, distrust=self._distrust, recent_queue=self._queue
        )
        self.dialect = SimpleNamespace(forgets_cancelled=True, record=self._record)
        self.server: Any = None
        self.poll: RecordPoll

    def start(self, *answers: Any) -> None:
        self._answers = list(answers)
        live = _Live(self)
        connection: Any = SimpleNamespace(
            live=live, dialect=self.dialect, server=self.server, http=None, url="http://server"
        )
        self.poll = RecordPoll(connection, "j", lambda: self.state, self.seen.append)
        self.poll.pace.pause = self._pause  # type: ignore[method-assign]

    def run(self, *answers: Any) -> JobRecord:
        self.start(*answers)
        return self.finish()

    def finish(self) -> JobRecord:
        return asyncio.run(self.poll.until_final())

    async def _pause(self) -> None:
        self.now += 0.1
        assert self.now < 1100, "it would never end"

    async def _record(self, http: Any, job_id: str, *, ended: bool = False) -> JobRecord | None:
        assert job_id == "j"
        self.asked.append(ended)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _queue(self) -> QueueInfo:
        return self.queue

    def _distrust(self) -> None:
        self.distrusted += 1

    @property
    def spent(self) -> float:
        return self.now - 1000.0


class _Live:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scenario.live, name)

    def __len__(self) -> int:
        return self._scenario.followed


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Scenario:
    return Scenario(monkeypatch)


def test_a_record_is_asked_for_until_it_is_final(job: Scenario) -> None:
    assert job.run(WAITING, RUNNING, DONE) is DONE
    assert job.seen == [WAITING, RUNNING, DONE]
    assert job.asked == [False, False, False]


@pytest.mark.parametrize(
    "final", [FAILED, JobRecord("j", JobStatus.cancelled), JobRecord("j", JobStatus.lost)]
)
def test_any_other_end_needs_no_outputs(job: Scenario, final: JobRecord) -> None:
    assert job.run(final) is final
    assert len(job.asked) == 1


# -- no record ------------------------------------------------------------------------------------------


def test_a_job_without_a_record_is_lost_when_patience_is_over(job: Scenario) -> None:
    job.state = JobState().started(0.0)
    with pytest.raises(comfy.JobLost, match="no longer knows job j"):
        job.run(RUNNING, None)
    assert job.spent == pytest.approx(5.2, abs=0.11)
    assert all(job.asked[2:6]), "asked again soon: the record may only be late"


def test_a_record_that_comes_back_starts_the_patience_again(job: Scenario) -> None:
    job.state = JobState().started(0.0)
    answers = [None] * 40 + [RUNNING] + [None] * 40 + [DONE]
    assert job.run(*answers) is DONE


def test_a_job_cancelled_from_here_has_no_record_on_a_comfyui(job: Scenario) -> None:
    job.start(None)
    job.poll.cancel_asked = True
    with pytest.raises(comfy.JobCancelled):
        job.finish()
    assert len(job.asked) == 1


def test_a_job_cancelled_from_here_on_a_cloud_keeps_its_record(job: Scenario) -> None:
    job.dialect.forgets_cancelled = False
    job.start(None, JobRecord("j", JobStatus.cancelled))
    job.poll.cancel_asked = True
    assert job.finish().status is JobStatus.cancelled
    job.start(None)
    job.poll.cancel_asked = True
    with pytest.raises(comfy.JobCancelled):
        job.finish()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, comfy.JobCancelled),
        ({"started": True}, comfy.JobLost),
        ({"generation": 2}, comfy.JobLost),
        ({"alive": False}, comfy.JobLost),
        ({"forgets": False}, comfy.JobLost),
    ],
    ids=str,
)
def test_a_waiting_job_that_vanishes_was_cancelled_by_someone(
    job: Scenario, change: dict[str, Any], error: type[Exception]
) -> None:
    """Only when nothing else explains it: it had not started, and the server was connected all the time."""
    job.state = JobState().started(0.0) if change.get("started") else JobState()
    job.dialect.forgets_cancelled = change.get("forgets", True)
    job.start(WAITING, None)
    job.live.generation = change.get("generation", 1)
    job.live.alive = change.get("alive", True)
    with pytest.raises(error):
        job.finish()


# -- no answer --------------------------------------------------------------------------------------------


def test_a_server_out_of_reach_is_waited_for(job: Scenario) -> None:
    answers = [transient()] * 40 + [RUNNING] + [transient(comfy.ServerError)] * 40 + [DONE]
    assert job.run(*answers) is DONE


def test_a_server_out_of_reach_for_too_long(job: Scenario) -> None:
    with pytest.raises(comfy.ConnectionFailed, match=r"stopped answering while job j ran"):
        job.run(transient())
    assert job.spent == pytest.approx(5.1, abs=0.11)


@pytest.mark.parametrize("alive", [True, False])
def test_an_embedded_server_that_died_is_not_waited_for(job: Scenario, alive: bool) -> None:
    job.server = SimpleNamespace(alive=alive)
    with pytest.raises(comfy.ConnectionFailed):
        job.run(transient())
    assert (len(job.asked) == 1) is not alive


def test_an_error_that_will_not_pass_ends_the_wait(job: Scenario) -> None:
    error = comfy.AuthenticationError("wrong key")
    error.transient = False
    with pytest.raises(comfy.AuthenticationError):
        job.run(RUNNING, error)
    assert len(job.asked) == 2


def test_rate_limits_are_waited_out(job: Scenario) -> None:
    waits: list[float] = []
    job.start(*[comfy.RateLimited("slow down", retry_after=120.0)] * 20, RUNNING, DONE)
    job.poll.pace.back_off = waits.append  # type: ignore[method-assign]
    assert job.finish() is DONE
    assert waits == [60.0] * 20, "at most a minute at a time"


def test_rate_limits_without_a_time_grow_and_end(job: Scenario) -> None:
    waits: list[float] = []
    job.start(comfy.RateLimited("slow down"))
    job.poll.pace.back_off = waits.append  # type: ignore[method-assign]
    with pytest.raises(comfy.RateLimited):
        job.finish()
    assert waits == sorted(waits)
    assert waits[1] == 2 * waits[0]
    assert max(waits) <= 60.0


# -- success without outputs ------------------------------------------------------------------------------


def test_outputs_that_come_late_are_waited_for(job: Scenario) -> None:
    assert job.run(EMPTY, EMPTY, DONE) is DONE
    assert job.asked == [False, True, True], "asked again soon"


def test_a_record_that_keeps_listing_no_outputs_is_taken(job: Scenario) -> None:
    assert job.run(EMPTY) is EMPTY
    assert job.spent == pytest.approx(1.1, abs=0.11)


def test_no_outputs_are_taken_at_once_when_every_event_was_heard(job: Scenario) -> None:
    job.state = COMPLETED
    assert job.run(EMPTY) is EMPTY
    assert len(job.asked) == 1
    job.start(EMPTY)
    job.live.generation = 2  # reconnected meanwhile: events may have been missed
    job.finish()
    assert len(job.asked) > 5


def test_a_count_of_none_is_believed(job: Scenario) -> None:
    none = JobRecord("j", JobStatus.completed, outputs_count=0, lists_outputs=False)
    assert job.run(none) is none
    assert len(job.asked) == 1


@pytest.mark.parametrize(
    "answer", [BARE, JobRecord("j", JobStatus.completed, outputs_count=2)], ids=["status alone", "a count"]
)
def test_a_bare_status_is_not_taken_for_a_result(job: Scenario, answer: JobRecord) -> None:
    with pytest.raises(comfy.ServerError, match="lists no outputs"):
        job.run(answer)
    assert job.spent == pytest.approx(5.1, abs=0.11)


def test_a_bare_status_is_enough_when_events_had_the_outputs(job: Scenario) -> None:
    job.state = JobState(status=JobStatus.completed, outputs={"9": {"images": []}})
    assert job.run(BARE) is BARE


# -- unknown words ----------------------------------------------------------------------------------------


def test_an_unknown_status_stalls(job: Scenario) -> None:
    with pytest.raises(comfy.JobLost, match="'defragmenting' for 3 s"):
        job.run(ODD)
    assert job.spent == pytest.approx(3.1, abs=0.11)


def test_a_known_status_or_an_event_ends_a_stall(job: Scenario) -> None:
    assert job.run(*[ODD] * 25, RUNNING, *[ODD] * 25, DONE) is DONE
    job.start(*[ODD] * 50, DONE)

    def saw(_: JobRecord) -> None:
        job.poll.pace.hear()

    job.poll._saw = saw
    assert job.finish() is DONE


# -- events that do not come, and many jobs -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "alive", "quiet", "times"),
    [
        ([RUNNING, DONE], True, 3.0, 2),
        ([DONE], True, 3.0, 1),
        ([RUNNING, DONE], True, 0.0, 0),
        ([RUNNING, DONE], False, 3.0, 0),
        ([WAITING, WAITING, DONE], True, 3.0, 1),
    ],
)
def test_a_silent_socket_is_reconnected(
    job: Scenario, records: Sequence[JobRecord], alive: bool, quiet: float, times: int
) -> None:
    job.live.alive = alive
    job.start(*records)
    job.now += quiet
    job.finish()
    assert job.distrusted == times


def test_many_jobs_share_one_request_for_the_queue(job: Scenario) -> None:
    job.followed = 5
    job.queue = QueueInfo(running=[], pending=[QueuedJob("j", 2, None, None)])
    job.start(DONE)

    async def main() -> JobRecord | None:
        return await job.poll._ask()

    found = asyncio.run(main())
    assert found is not None
    assert (found.status, found.position, job.asked) == (JobStatus.pending, 2, [])
    job.queue = QueueInfo(running=[], pending=[])
    assert asyncio.run(main()) is DONE
    job.queue = QueueInfo(running=[], pending=[QueuedJob("j", 2, None, None)])
    job.poll.pace.poll_soon()
    assert asyncio.run(main()) is DONE, "it has probably ended: the queue would not say how"
    job.poll.pace.polling_soon = False
    job.followed = 4
    assert asyncio.run(main()) is DONE
