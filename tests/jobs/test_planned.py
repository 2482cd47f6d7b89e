"""Many jobs, a few at a time: what is submitted when, and how each run ends; without a server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.jobs import planned
from comfy_notebook.jobs.planned import Planned, feed
from comfy_notebook.jobs.result import Result
from comfy_notebook.protocol.status import JobStatus


class Job:
    """A job that ends with a result, or an error, when it is told to."""

    def __init__(self, number: int) -> None:
        self.id = f"job {number}"
        self.status = JobStatus.in_progress
        self.detached = self.shared = False
        self.cancels = 0
        self.ending: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._follower = SimpleNamespace(cancel=self._cancel, cancel_asked=False)

    async def _result_async(self, timeout: float | None) -> Result:
        result: Result = await self.ending
        self.status = JobStatus.completed
        return result

    async def _cancel(self) -> bool:
        self.cancels += 1
        return True

    def cancel_soon(self) -> None:
        self.cancels += 1

    def end(self, error: Exception | None = None) -> None:
        if error is not None:
            self.ending.set_exception(error)
        else:
            self.ending.set_result(Result(self.id))


class Server:
    """Takes submissions; `refuse` are raised for the next ones, in turn (None: taken)."""

    def __init__(self, *refuse: Exception | None) -> None:
        self.jobs: list[Job] = []
        self.options: list[dict[str, Any]] = []
        self.workflows: list[Any] = []
        self._refuse = list(refuse)

    async def submit(self, workflow: Any, **options: Any) -> Any:
        self.workflows.append(workflow)
        self.options.append(options)
        error = self._refuse.pop(0) if self._refuse else None
        if error is not None:
            raise error
        self.jobs.append(Job(len(self.jobs)))
        return self.jobs[-1]

    def runs(self, count: int) -> list[Planned]:
        return [Planned(lambda n=n: f"workflow {n}", self.submit, {"n": n}) for n in range(count)]  # type: ignore[misc]


async def settle() -> None:
    """Let every task of the loop run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_no_more_than_the_window_is_submitted_and_not_ended() -> None:
    async def main() -> None:
        server = Server()
        runs = server.runs(5)
        feeding = asyncio.ensure_future(feed(runs, window=2))
        for ended in range(5):
            await settle()
            assert len(server.jobs) == min(ended + 2, 5)
            server.jobs[ended].end()
        await feeding
        assert [run.result.job_id for run in runs if run.result] == [job.id for job in server.jobs]
        assert server.workflows == [f"workflow {n}" for n in range(5)], "in order"
        assert {job.cancels for job in server.jobs} == {0}

    asyncio.run(main())


def test_a_window_of_nothing_is_one() -> None:
    async def main() -> None:
        server = Server()
        feeding = asyncio.ensure_future(feed(server.runs(2), window=0))
        await settle()
        assert len(server.jobs) == 1
        server.jobs[0].end()
        await settle()
        server.jobs[1].end()
        await feeding

    asyncio.run(main())


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"previews": False}),
        ({"previews": True, "partner_key": "k"}, {"previews": True, "partner_key": "k"}),
        ({"validate": False, "front": True}, {"previews": False, "validate": False, "front": True}),
    ],
)
def test_the_options_of_each_submission(given: dict[str, Any], sent: dict[str, Any]) -> None:
    server = Server(comfy.InvalidWorkflow("no"), comfy.InvalidWorkflow("no"))
    asyncio.run(feed(server.runs(2), **given))
    assert server.options == [sent, sent]


def test_an_error_of_one_run_does_not_stop_the_others() -> None:
    async def main() -> None:
        server = Server(None, comfy.InvalidWorkflow("wrong"))
        runs = server.runs(3)
        feeding = asyncio.ensure_future(feed(runs))
        await settle()
        server.jobs[0].end(comfy.JobFailed("broke"))
        server.jobs[1].end()
        await feeding
        assert [type(run.error) for run in runs] == [comfy.JobFailed, comfy.InvalidWorkflow, type(None)]
        assert [run.ended for run in runs] == [True] * 3

    asyncio.run(main())


@pytest.mark.parametrize(
    "error",
    [
        comfy.AuthenticationError("key"), comfy.ConnectionFailed("down"), comfy.InsufficientCredits("none"),
        comfy.NotConnected("closed"), comfy.SubscriptionInactive("no"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_that_every_submission_would_raise(error: comfy.ComfyError) -> None:
    first = Server(error)
    runs = first.runs(3)
    with pytest.raises(type(error)):
        asyncio.run(feed(runs))
    assert [run.error for run in runs] == [error] * 3
    assert len(first.options) == 1, "the others are not tried"

    async def main() -> None:
        server = Server(None, error)
        runs = server.runs(3)
        feeding = asyncio.ensure_future(feed(runs))
        await settle()
        server.jobs[0].end()
        await feeding  # what was submitted is kept
        assert [run.error for run in runs] == [None, error, error]

    asyncio.run(main())


def test_a_rate_limit_is_waited_out_while_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def within(seconds: float, awaitable: Any) -> None:
        awaitable.close()
        waits.append(seconds)
        await asyncio.sleep(0)
        raise asyncio.TimeoutError

    monkeypatch.setattr(planned, "within", within)

    async def main() -> None:
        limits = [comfy.RateLimited("busy", retry_after=after) for after in (None, 0.0, 5.0, 900.0)]
        server = Server(None, *limits)
        runs = server.runs(2)
        feeding = asyncio.ensure_future(feed(runs))
        await settle()
        assert [run.job is not None for run in runs] == [True, True]
        for job in server.jobs:
            job.end()
        await feeding

    asyncio.run(main())
    assert waits == [1.0, 1.0, 5.0, 60.0]


def test_a_rate_limit_with_nothing_running_is_the_runs_error() -> None:
    server = Server(comfy.RateLimited("busy"))
    (run,) = server.runs(1)
    asyncio.run(feed([run]))
    assert isinstance(run.error, comfy.RateLimited)


def test_cancelling_cancels_what_runs_and_submits_no_more() -> None:
    async def main() -> None:
        server = Server()
        runs = server.runs(4)
        feeding = asyncio.ensure_future(feed(runs, window=3))
        await settle()
        server.jobs[0].end()
        server.jobs[2]._follower.cancel_asked = True
        await settle()
        feeding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await feeding
        assert [job.cancels for job in server.jobs[:3]] == [0, 1, 0], "once each, and none that has ended"
        assert [str(run.status) for run in runs[:3]] == ["completed", "cancelled", "cancelled"]
        assert all(isinstance(run.error, comfy.JobCancelled) for run in runs[1:])
        assert runs[1].error.job_id == "job 1"  # type: ignore[union-attr]

    asyncio.run(main())


def test_the_status_of_a_run() -> None:
    async def main() -> None:
        run = Planned(lambda: None, Server().submit, {"n": 1})  # type: ignore[arg-type,return-value]
        assert (run.id, run.status, run.outputs, run.image, run.ended) == ("", "pending", [], None, False)
        assert (run.detached, run.shared, run.state.job_id) == (False, False, None)
        job: Any = Job(1)
        run.job = job
        assert (run.id, run.status) == ("job 1", "in_progress")
        job.detached = job.shared = True
        assert (run.detached, run.shared) == (True, True)
        job.status = JobStatus.completed
        assert run.status == "in_progress", "its result is not here yet"
        run.error = comfy.ComfyError("odd")
        assert run.status == "completed"
        job.status = JobStatus.in_progress
        assert run.status == "failed"
        run.error = comfy.JobCancelled("stopped")
        assert run.status == "cancelled"
        run.job = None
        run.error = comfy.ComfyError("refused")
        assert run.status == "failed"
        run.result = Result("j")
        assert (run.status, run.image, run.ended) == ("completed", None, True)

    asyncio.run(main())
