"""An interrupt cancels the jobs a call waits for, once each, and is raised again."""

from __future__ import annotations

import asyncio
import time

import pytest

from comfy_notebook.jobs.interrupt import cancel_all, cancel_on_interrupt
from comfy_notebook.protocol.status import JobStatus


class Run:
    """A run that ends when it is cancelled, unless it is `stubborn`."""

    def __init__(
        self,
        status: JobStatus = JobStatus.in_progress,
        *,
        stubborn: bool = False,
        detached: bool = False,
        shared: bool = False,
    ) -> None:
        self.status = status
        self.stubborn = stubborn
        self.detached = detached
        self.shared = shared
        self.cancels = 0

    def cancel_soon(self) -> None:
        self.cancels += 1
        if not self.stubborn:
            self.status = JobStatus.cancelled


def test_a_block_that_is_not_interrupted_cancels_nothing() -> None:
    run = Run()
    with cancel_on_interrupt([run]):
        pass
    with pytest.raises(ValueError), cancel_on_interrupt([run]):
        raise ValueError
    assert run.cancels == 0


def test_only_jobs_that_have_not_ended_are_cancelled() -> None:
    running, ended = Run(), Run(JobStatus.completed)
    with pytest.raises(KeyboardInterrupt), cancel_on_interrupt([running, ended]):
        raise KeyboardInterrupt
    assert (running.cancels, ended.cancels) == (1, 0)


def test_a_job_added_inside_the_block_is_cancelled() -> None:
    handed: list[Run] = []

    def submit() -> None:
        handed.append(Run())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), cancel_on_interrupt(handed):
        submit()
    assert handed[0].cancels == 1


def test_nested_blocks_cancel_once() -> None:
    run = Run()
    with pytest.raises(KeyboardInterrupt), cancel_on_interrupt([run]), cancel_on_interrupt([run]):
        raise KeyboardInterrupt
    assert run.cancels == 1


def test_a_job_that_does_not_end_is_not_waited_for_longer_than_asked() -> None:
    run = Run(stubborn=True)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), cancel_on_interrupt([run], wait=0.05):
        raise KeyboardInterrupt
    assert time.monotonic() - began >= 0.05
    assert run.cancels == 1


def test_ipython_prints_one_line() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, cancel_on_interrupt([]):
        raise KeyboardInterrupt
    assert caught.value._render_traceback_() == ["KeyboardInterrupt"]  # type: ignore[attr-defined]


def test_a_detached_job_continues() -> None:
    run = Run(detached=True)
    with pytest.raises(KeyboardInterrupt), cancel_on_interrupt([run]):
        raise KeyboardInterrupt
    assert run.cancels == 0


async def interrupted(run: Run, error: type[BaseException] = asyncio.CancelledError) -> None:
    async with cancel_on_interrupt([run]):
        raise error


@pytest.mark.parametrize(
    ("options", "cancels", "says"),
    [
        ({}, 1, "the job was cancelled"),
        ({"shared": True}, 0, "continues"),
        ({"detached": True}, 0, "continues"),
    ],
    ids=str,
)
def test_a_cancelled_coroutine(options: dict[str, bool], cancels: int, says: str) -> None:
    run = Run(**options)
    with pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(interrupted(run))
    assert run.cancels == cancels
    (line,) = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert line.startswith("CancelledError: waiting was interrupted; ")
    assert says in line


def test_a_shared_job_is_cancelled_by_a_kernels_interrupt() -> None:
    run = Run(shared=True)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interrupted(run, KeyboardInterrupt))
    assert run.cancels == 1


def test_another_error_in_a_coroutine_cancels_nothing() -> None:
    run = Run()
    with pytest.raises(ValueError):
        asyncio.run(interrupted(run, ValueError))
    assert run.cancels == 0


def test_a_cancelled_coroutine_waits_no_longer_than_asked() -> None:
    async def main() -> None:
        async with cancel_on_interrupt([Run(stubborn=True)], wait=0.05):
            raise asyncio.CancelledError

    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert 0.05 <= time.monotonic() - began < 1.5


def test_cancel_all_leaves_ended_jobs_alone() -> None:
    runs = [Run(), Run(JobStatus.failed)]
    cancel_all(runs)
    assert [run.cancels for run in runs] == [1, 0]
