"""KeyboardInterrupt cancels exactly the job that is waited for, on the server, and is raised at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.clients import Client

from . import graphs
from .test_reference_cloud import _until

posix = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")


def _interrupt_when(true: Any) -> threading.Thread:
    """Ctrl-C for this process once something holds."""

    def later() -> None:
        _until(true)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=later)
    thread.start()
    return thread


@posix
@pytest.mark.parametrize("wait", ["result", "wait"])
def test_waiting_for_a_job(cloud: Client, wait: str) -> None:
    bystander, job = cloud.submit(graphs.sleep(1.0)), cloud.submit(graphs.sleep(60))
    thread = _interrupt_when(lambda: job._follower._readers and job.state.node == "2")
    with pytest.raises(KeyboardInterrupt):
        getattr(job, wait)()
    began = time.monotonic()
    thread.join()
    assert cloud.job(job.id).wait(timeout=5) is comfy.JobStatus.cancelled
    assert time.monotonic() - began < 5
    assert bystander.wait(timeout=20) is comfy.JobStatus.completed
    assert cloud.run(graphs.picture()).image, "and the next cell runs"


@posix
def test_running_it_through_the_client(cloud: Client) -> None:
    """`client.run` waits on the loop: the interrupt reaches the job there."""
    before = {job.id for job in cloud.jobs(limit=5)}
    thread = _interrupt_when(lambda: any(job.id not in before for job in cloud.queue().running))
    with pytest.raises(KeyboardInterrupt):
        cloud.run(graphs.sleep(60))
    thread.join()
    newest = next(job for job in cloud.jobs(limit=5) if job.id not in before)
    _until(lambda: cloud.jobs(limit=1).jobs[0].status is comfy.JobStatus.cancelled)
    assert cloud.job(newest.id).wait(timeout=5) is comfy.JobStatus.cancelled


@posix
def test_while_the_submission_is_on_its_way(replay: Any) -> None:
    """The answer comes after the interrupt: the job it names is cancelled all the same."""
    server, client = replay("txt2img_meta")
    server.pause()
    gate, asked = threading.Event(), threading.Event()
    submit = server._submit

    async def slow(sent: dict[str, Any]) -> Any:
        answer = await submit(sent)
        asked.set()
        while not gate.is_set():
            await __import__("asyncio").sleep(0.01)
        return answer

    server._submit = slow
    thread = _interrupt_when(asked.is_set)
    opener = threading.Timer(0.3, gate.set)
    opener.start()
    with pytest.raises(KeyboardInterrupt):
        client.submit(comfy.Workflow(server.recording.accepted[0].graph))
    thread.join()
    opener.join()
    server.go()
    _until(lambda: not len(client.queue()))
    ended = client.jobs()
    assert not [job for job in ended if job.status is comfy.JobStatus.completed]


@posix
def test_many_interrupts_leave_the_loop_alive(cloud: Client) -> None:
    for _ in range(20):
        job = cloud.submit(graphs.sleep(60))
        thread = _interrupt_when(lambda job=job: job._follower._readers)
        with pytest.raises(KeyboardInterrupt):
            job.wait()
        thread.join()
        assert job.wait(timeout=5) is comfy.JobStatus.cancelled
