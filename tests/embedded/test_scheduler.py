"""The queue in process: places, limits, and an executor that breaks."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading

import pytest

from comfy_notebook.embedded.database import Database
from comfy_notebook.embedded.events import Hub
from comfy_notebook.embedded.jobs import Job, Jobs
from comfy_notebook.embedded.options import Options
from comfy_notebook.embedded.scheduler import Scheduler
from comfy_notebook.protocol.status import JobStatus


@pytest.fixture
def jobs(tmp_path):
    database = Database(tmp_path / "test.sqlite")
    yield Jobs(database)
    database.close()


def drive(jobs, tmp_path, execute, scenario, dialect="cloud", parallel=1):
    async def run():
        scheduler = Scheduler(
            jobs, Hub(dialect), Options(tmp_path, dialect=dialect), lambda user: parallel, execute
        )
        scheduler.start(asyncio.get_running_loop())
        return await scenario(scheduler)

    return asyncio.run(run())


def job(jobs, id, **more):
    return jobs.add(Job(id, "u", 0, {"1": {"class_type": "X", "inputs": {}}}, ("1",), **more))


def test_lower_places_first_then_the_order_of_submission(jobs, tmp_path):
    release = threading.Event()

    async def scenario(scheduler):
        scheduler.submit(job(jobs, "running"))
        for id, more in (("a", {}), ("b", {"priority": -3.5}), ("c", {"front": True}), ("d", {})):
            scheduler.submit(job(jobs, id, **more))
        order = [waiting.id for waiting in scheduler.pending("u")]
        assert [running.id for running in scheduler.running("u")] == ["running"]
        assert scheduler.remaining("u") == 5
        assert sorted(scheduler.clear("u")) == ["a", "b", "c", "d"]
        release.set()
        await scheduler.idle(5)
        return order

    order = drive(jobs, tmp_path, lambda run: release.wait(5), scenario, dialect="comfyui")
    assert order == ["c", "b", "a", "d"]
    assert jobs.get("u", "a").status is JobStatus.cancelled


@pytest.mark.parametrize("error", [RuntimeError("bug"), SystemExit(3), MemoryError()])
def test_an_executor_that_breaks_ends_its_job_and_frees_its_place(jobs, tmp_path, error, caplog):
    def execute(run):
        if run.job.id == "breaks":
            raise error
        jobs.finish(run.job.id, JobStatus.completed)

    async def scenario(scheduler):
        scheduler.submit(job(jobs, "breaks"))
        scheduler.submit(job(jobs, "next"))
        while scheduler.remaining("u"):
            await scheduler.idle(5)

    with caplog.at_level(logging.CRITICAL, logger="comfy_notebook.embedded.scheduler"):
        drive(jobs, tmp_path, execute, scenario)
    assert jobs.get("u", "breaks").status is JobStatus.lost
    assert jobs.get("u", "next").status is JobStatus.completed


def test_an_end_the_disk_does_not_take_is_recorded_when_it_does(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr("comfy_notebook.embedded.scheduler._RETRY", 0.001)
    finish, full = jobs.finish, iter([True, True, False])

    def finish_when_there_is_room(*args):
        if next(full):
            raise sqlite3.OperationalError("database or disk is full")
        finish(*args)

    def execute(run):
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario(scheduler):
        scheduler.submit(job(jobs, "unlucky"))
        await scheduler.idle(5)

    monkeypatch.setattr(jobs, "finish", finish_when_there_is_room)
    drive(jobs, tmp_path, execute, scenario)
    assert jobs.get("u", "unlucky").status is JobStatus.lost


def test_a_cancelled_job_ends_though_its_node_takes_no_steps(jobs, tmp_path):
    """Its thread is left behind; what it still makes is nobody's, and only so many may be left."""
    release, done, started = threading.Event(), threading.Event(), []

    def execute(run):
        started.append(run.job.id)
        run.outputs["1"] = {"text": ["too late"]}
        release.wait(20)
        with run.ending:
            if not run.ended:
                jobs.finish(run.job.id, JobStatus.completed, run.outputs)
                run.ended = True
        if run.job.id == "j5":
            done.set()

    async def scenario(scheduler):
        for number in range(4):
            scheduler.submit(job(jobs, f"j{number}"))
            assert scheduler.cancel("u", f"j{number}")
            await scheduler.idle(5)
            assert jobs.get("u", f"j{number}").status is JobStatus.cancelled
        scheduler.submit(job(jobs, "j4"))
        scheduler.submit(job(jobs, "j5"))
        assert scheduler.running("u") == []
        assert [waiting.id for waiting in scheduler.pending("u")] == ["j4", "j5"]
        release.set()
        assert await asyncio.to_thread(done.wait, 20)

    drive(jobs, tmp_path, execute, scenario)
    assert started == [f"j{number}" for number in range(6)]
    statuses = [jobs.get("u", f"j{number}").status for number in range(6)]
    assert statuses == [JobStatus.cancelled] * 4 + [JobStatus.completed] * 2
    assert jobs.get("u", "j0").messages[-1][0] == "execution_interrupted"


def test_the_internal_words(jobs, tmp_path):
    release = threading.Event()

    async def scenario(scheduler):
        scheduler.submit(job(jobs, "first"))
        scheduler.submit(job(jobs, "second"))
        words = [
            scheduler.raw_status("u", "first", JobStatus.in_progress),
            scheduler.raw_status("u", "second", JobStatus.pending),
        ]
        scheduler.cancel("u", "first")
        words.append(scheduler.raw_status("u", "first", JobStatus.in_progress))
        release.set()
        await scheduler.idle(5)
        words += [scheduler.raw_status("u", "x", status) for status in JobStatus if status.is_final]
        return words

    words = drive(jobs, tmp_path, lambda run: release.wait(5), scenario)
    assert words == [
        "executing",
        "queued_limited",
        "cancel_requested",
        "success",
        "error",
        "cancelled",
        "lost",
    ]
