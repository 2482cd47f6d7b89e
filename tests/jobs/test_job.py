"""`Job`: waiting for it in plain code and in coroutines, its events and its properties."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.clients import AsyncClient, Client
from comfy_notebook.protocol import frames, messages
from comfy_notebook.sync import IO
from tests.client import graphs


@pytest.fixture
def cloud(embedded: Any) -> Iterator[Client]:
    with comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True) as client:
        yield client


def test_any_number_of_readers_see_every_event(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(0.3, steps=5))
    seen: list[list[Any]] = [[], []]

    def read(into: list[Any]) -> None:
        into.extend(job.events())

    async def read_async() -> list[Any]:
        return [event async for event in job.events()]

    threads = [threading.Thread(target=read, args=(into,)) for into in seen]
    for thread in threads:
        thread.start()
    from_another_loop = asyncio.run(read_async())
    for thread in threads:
        thread.join()
    afterwards = list(job.events())
    assert seen[0] == seen[1] == from_another_loop == afterwards
    assert sum(isinstance(event, frames.PreviewImage) for event in afterwards) == 5
    assert any(isinstance(event, messages.ExecutionSuccess) for event in afterwards)


def test_await_gives_the_result(cloud: Client) -> None:
    async def main() -> comfy.Result:
        job = await cloud._async.submit(graphs.picture())
        return await job

    assert asyncio.run(main()).image.size == (32, 32)


def test_the_async_client_in_a_loop_of_ones_own(embedded: Any) -> None:
    async def main() -> list[Any]:
        async with await AsyncClient.connect(embedded.url, api_key=embedded.api_key) as client:
            jobs = [await client.submit(graphs.picture(color=n)) for n in range(3)]
            results = await asyncio.gather(*(_await(job) for job in jobs))
            nodes = await client.nodes
            info = await client.info()
            return [*(result.array[0, 0, 2] for result in results), "KSampler" in nodes, info.dialect]

    assert asyncio.run(main()) == [0, 1, 2, True, "cloud"]


async def _await(job: comfy.Job) -> comfy.Result:
    return await job


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # other tasks of this loop make it true
        await asyncio.sleep(0)


async def _events(job: comfy.Job) -> None:
    async for _ in job.events():
        pass


async def _both(job: comfy.Job) -> None:
    await asyncio.gather(_await(job), _events(job))


@pytest.fixture
def cancels(cloud: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the jobs that the server was asked to cancel."""
    asked: list[str] = []
    dialect = cloud._async.connection.dialect
    cancel = dialect.cancel

    async def noted(http: Any, job_id: str) -> bool:
        asked.append(job_id)
        return await cancel(http, job_id)

    monkeypatch.setattr(dialect, "cancel", noted)
    return asked


@pytest.mark.parametrize("wait", [_await, _events, _both], ids=["await", "events", "both"])
def test_a_cancelled_coroutine_cancels_the_job_it_waits_for(
    cloud: Client, cancels: list[str], wait: Any
) -> None:
    other = cloud.submit(graphs.sleep(60))
    job = cloud.submit(graphs.sleep(60))

    async def main() -> None:
        task = asyncio.ensure_future(wait(job))
        await _until(lambda: bool(job._follower.waiters))
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert job.wait(timeout=5) is comfy.JobStatus.cancelled
    assert cancels == [job.id], "once, and no other job"
    assert not other.status.is_final
    other.cancel()


@pytest.mark.parametrize("code", ["await job", "await client.run(slow)", "[e async for e in job.events()]"])
def test_an_interrupted_cell_shows_one_line(cloud: Client, code: str, capsys: Any) -> None:
    """A kernel cancels the task of a cell that awaits; IPython then renders the error."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    job = cloud.submit(graphs.sleep(60))
    shell.push({"job": job, "client": cloud._async, "slow": graphs.sleep(60)})

    async def main() -> None:
        cell = asyncio.ensure_future(shell.run_cell_async(code, transformed_cell=code))
        await _until(lambda: any(follower.waiters for follower in cloud._async.connection.live))
        cell.cancel()
        await asyncio.wait({cell})

    asyncio.run(main())
    said = capsys.readouterr()
    assert "CancelledError: " in said.out + said.err
    assert "Traceback" not in said.out + said.err
    job.cancel()


def test_wait_for_cancels_the_job_when_its_time_is_over(cloud: Client, cancels: list[str]) -> None:
    job = cloud.submit(graphs.sleep(60))

    async def main() -> None:
        await asyncio.wait_for(_await(job), 0.2)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert job.wait(timeout=5) is comfy.JobStatus.cancelled
    assert cancels == [job.id]


@pytest.mark.skipif(not hasattr(asyncio, "TaskGroup"), reason="task groups came with Python 3.11")
def test_a_cancelled_task_group_cancels_its_jobs(cloud: Client, cancels: list[str]) -> None:
    jobs = [cloud.submit(graphs.sleep(60)) for _ in range(2)]

    async def fail() -> None:
        await _until(lambda: all(job._follower.waiters for job in jobs))
        raise ValueError

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(_await(job))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):  # noqa: F821
        asyncio.run(main())
    assert [job.wait(timeout=5) for job in jobs] == ["cancelled", "cancelled"]
    assert sorted(cancels) == sorted(job.id for job in jobs)


def test_a_job_that_another_call_waits_for_continues(cloud: Client, cancels: list[str]) -> None:
    job = cloud.submit(graphs.sleep(1.5))

    async def main() -> comfy.Result:
        one, other = asyncio.ensure_future(_await(job)), asyncio.ensure_future(_await(job))
        await _until(lambda: job.shared)
        one.cancel()
        return await other

    assert asyncio.run(main()).texts
    assert cancels == []


def test_a_detached_job_continues(cloud: Client, cancels: list[str]) -> None:
    job = cloud.submit(graphs.sleep(60)).detach()

    async def main() -> None:
        await asyncio.wait_for(_await(job), 0.1)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    IO.run(asyncio.sleep(0))  # a cancellation would have been asked for by now
    assert cancels == []
    assert not job.status.is_final
    job.cancel()


def test_a_loop_over_events_that_is_left_cancels_nothing(cloud: Client, cancels: list[str]) -> None:
    job = cloud.submit(graphs.sleep(0.3))

    async def main() -> None:
        async for _ in job.events():
            break

    asyncio.run(main())
    for _ in job.events():
        break
    assert job.result(timeout=10).texts
    assert cancels == []


def test_a_cancelled_run_of_the_async_client_cancels_its_job(cloud: Client, cancels: list[str]) -> None:
    async def main() -> None:
        await asyncio.wait_for(cloud._async.run(graphs.sleep(60)), 0.5)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    newest = cloud.jobs(limit=1).jobs[0]
    assert cloud.job(newest.id).wait(timeout=5) is comfy.JobStatus.cancelled
    assert cancels == [newest.id]


@pytest.mark.parametrize("cancel", [False, True])
def test_the_async_clients_own_timeout(cloud: Client, cancels: list[str], cancel: bool) -> None:
    async def main() -> None:
        await cloud._async.run(graphs.sleep(60), timeout=0.3, cancel=cancel)

    with pytest.raises(comfy.JobTimeout) as caught:
        asyncio.run(main())
    job_id = caught.value.job_id
    assert cancels == ([job_id] if cancel else [])
    cloud.cancel(job_id)


def test_updates_are_the_newest_and_the_last(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(0.6, steps=60))
    states = list(job.updates(interval=0.1))
    assert 2 <= len(states) <= 12
    assert [s.preview_count for s in states] == sorted(s.preview_count for s in states)
    assert states[-1] is job.state
    assert (states[-1].status, states[-1].preview_count, states[-1].fraction) == ("completed", 60, 1.0)


def test_updates_of_a_job_that_has_ended(cloud: Client) -> None:
    job = cloud.submit(graphs.picture())
    job.wait()
    assert [state.status.value for state in job.updates()] == ["completed"]


def test_updates_that_take_too_long(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(60))
    with pytest.raises(comfy.JobTimeout):
        list(job.updates(timeout=0.1))
    job.cancel()


def test_outputs_of_finished_nodes_while_the_job_runs(cloud: Client) -> None:
    """The picture of a node is downloaded before the job ends."""
    wf = comfy.Workflow(
        {
            "1": graphs.node("EmptyImage", width=8, height=8, batch_size=1, color=5),
            "2": graphs.node("SaveImage", images=["1", 0], filename_prefix="early"),
            "3": graphs.node("TestingSleep", seconds=30.0, steps=10),
        }
    )
    job = cloud.submit(wf)
    for _ in job.updates(interval=0.02, timeout=10):
        if any(output.node_id == "2" and output.fetched for output in job.outputs):
            break
    assert not job.status.is_final
    job.cancel()
    assert job.wait(timeout=5) is comfy.JobStatus.cancelled
    assert [output.image.size for output in job.outputs] == [(8, 8)], "and is kept after a cancellation"


def test_no_previews_when_they_are_off(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(0.2), previews=False)
    job.result()
    assert job.state.preview_count == 0
    assert not any(isinstance(event, frames.PreviewImage) for event in job.events())


def test_the_properties_of_a_job(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(0.2))
    result = job.result()
    assert job.client is cloud._async.plain
    assert job.seconds == pytest.approx(0.2, abs=0.5)
    assert job.progress == 1.0
    assert repr(job) == f"<Job {job.id} completed>"
    assert repr(result).startswith(f"<Result of {job.id}: 1 text, 1 image")
    assert job.state.titles == {"1": "EmptyImage", "2": "Sleep", "3": "Keep"}
    attached = cloud.job(job.id).workflow
    assert attached.outputs()
    for node in job.workflow:  # the server's has a title for every node: `_meta` is always sent
        assert (attached[node.id].class_type, attached[node.id].inputs) == (node.class_type, node.inputs)


def test_a_files_name_has_the_values_of_its_own_run(cloud: Client) -> None:
    wf = comfy.Workflow(
        {
            "1": graphs.node("EmptyImage", width=8, height=8, batch_size=1, color=5),
            "2": graphs.node("SaveImage", images=["1", 0], filename_prefix="c%EmptyImage.color%"),
        }
    )
    jobs = [cloud.submit(wf, inputs={"1.color": color}) for color in (6, 7)]
    for job, color in zip(jobs, (6, 7), strict=True):
        assert job.graph["2"]["inputs"]["filename_prefix"] == f"c{color}"
        assert job.result().workflow.get("2.filename_prefix") == "c%EmptyImage.color%"


def test_the_same_error_each_time(cloud: Client) -> None:
    job = cloud.submit(graphs.fail("OOMError"))
    for _ in range(2):
        with pytest.raises(comfy.OutOfMemory):
            job.result()
    assert job.wait() is comfy.JobStatus.failed


def test_a_closed_client_ends_the_wait(embedded: Any) -> None:
    client = comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True)
    job = client.submit(graphs.sleep(30))
    client.close()
    with pytest.raises(comfy.NotConnected, match="attaches to it again"):
        job.result(timeout=5)
    with pytest.raises(comfy.NotConnected):
        client.submit(graphs.picture(), validate=False)
    with comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True) as again:
        assert again.job(job.id).cancel()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_cannot_wait_for_the_job(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(0.5))
    child = os.fork()
    if child == 0:
        try:
            job.wait(timeout=5)
        except comfy.NotConnected:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert job.wait(timeout=10) is comfy.JobStatus.completed


def test_a_client_that_is_dropped_leaves_no_socket_behind(embedded: Any) -> None:
    client = comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True)
    assert client.queue() is not None
    http, gone = client._async.connection.http, weakref.ref(client._async)
    (kept,) = [http._own]
    assert kept is not None
    del client
    gc.collect()
    assert gone() is None
    IO.run(asyncio.sleep(0))  # what was to be done on the loop has begun
    assert http._own is None
    IO.run(asyncio.sleep(0))
    assert kept.is_closed
