"""A run ends with the right result or error, whatever the socket and the server do."""

from __future__ import annotations

from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.config import settings
from comfy_notebook.protocol import frames, messages
from tests.client.test_reference_cloud import _until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds become tenths."""
    monkeypatch.setattr(settings, "quiet", 0.15)
    monkeypatch.setattr(settings, "patience", 1.5)


def _start(replay: Any, recording: str = "txt2img_meta", **faults: Any) -> tuple[Any, Any]:
    server, client = replay(recording)
    for name, value in faults.items():
        setattr(server.faults, name, value)
    return server, client


def _submit(server: Any, client: Any) -> comfy.Job:
    return client.submit(comfy.Workflow(server.recording.accepted[0].graph))


@pytest.mark.parametrize(
    "faults",
    [
        {"refuse_socket": True},
        {"silent": True},
        {"cut_after": 1},
        {"cut_after": 40},
        {"cut_after": 74},
        {"duplicate": True},
        {"shuffle": True},
        {"foreign": True},
        {"hide_history": 3},
        {"foreign": True, "duplicate": True, "hide_history": 2},
    ],
    ids=str,
)
def test_the_right_result_whatever_the_socket_does(replay: Any, faults: dict[str, Any]) -> None:
    server, client = _start(replay, **faults)
    result = _submit(server, client).result(timeout=15)
    assert result.image.size == (128, 128)
    assert [output.filename for output in result] == ["ComfyUI_00005_.png"]


def test_every_frame_again_after_a_reconnect(replay: Any) -> None:
    """The same clientId, after the close handshake: the rest of the run arrives."""
    server, client = _start(replay, cut_after=10)
    server.speed = 1.0
    job = _submit(server, client)
    job.result(timeout=15)
    assert server.connections == 2
    assert {e.prompt_id for e in job.events() if isinstance(e, frames.PreviewImage)} == {job.id}
    assert job.state.preview_count >= 5


def test_a_socket_connected_late(replay: Any) -> None:
    server, client = _start(replay, refuse_socket=True)
    server.pause()
    job = _submit(server, client)
    server.faults.refuse_socket = False
    _until(lambda: client._async.connection.live.alive)
    server.go()
    assert job.result(timeout=15).image.size == (128, 128)
    assert any(isinstance(e, messages.ExecutionSuccess) for e in job.events())


def test_a_failure_seen_only_in_the_history(replay: Any) -> None:
    server, client = _start(replay, "exec_error", silent=True)
    with pytest.raises(comfy.JobFailed) as failed:
        _submit(server, client).result(timeout=15)
    assert failed.value.node_id is not None
    assert failed.value.traceback


def test_a_server_that_restarts_has_lost_the_job(replay: Any) -> None:
    server, client = _start(replay)
    server.pause()
    job = _submit(server, client)
    _until(lambda: job.state.started_at is not None or client.queue().running)
    server.restart()
    with pytest.raises(comfy.JobLost, match="no longer knows"):
        job.result(timeout=15)
    assert job.status is comfy.JobStatus.lost


def test_a_server_that_goes_away(replay: Any) -> None:
    server, client = _start(replay)
    server.pause()
    job = _submit(server, client)
    server.stop()
    with pytest.raises(comfy.ConnectionFailed, match="stopped answering"):
        job.result(timeout=20)
    assert job.status.is_final


def test_a_cleared_history_is_not_an_empty_success(replay: Any) -> None:
    server, client = _start(replay, forget=True)
    with pytest.raises(comfy.JobLost):
        _submit(server, client).result(timeout=15)


def test_deleted_by_someone_else_while_it_waited(replay: Any) -> None:
    """No message reports the deletion, and the history never has the job."""
    server, client = _start(replay)
    server.pause()
    first, waits = _submit(server, client), _submit(server, client)
    _until(lambda: client.queue().find(waits.id).position == 1)
    server.on_loop(server._pending.clear)
    with pytest.raises(comfy.JobCancelled):
        waits.result(timeout=10)
    server.go()
    assert first.wait(timeout=10) is comfy.JobStatus.completed


def test_an_unknown_status_is_in_progress_until_it_stalls(
    replay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfy_notebook.client.records import JobRecord

    monkeypatch.setattr(settings, "stall", 0.5)
    server, client = _start(replay, silent=True)
    server.pause()
    job = _submit(server, client)

    async def record(http: Any, job_id: str, *, ended: bool = False) -> JobRecord:
        return JobRecord(job_id, comfy.JobStatus.in_progress, raw_status="defragmenting")

    monkeypatch.setattr(client._async.connection.dialect, "record", record)
    with pytest.raises(comfy.JobLost, match="defragmenting"):
        job.result(timeout=10)


def test_a_timeout_leaves_the_job_or_ends_it(replay: Any) -> None:
    server, client = _start(replay)
    server.pause()
    job = _submit(server, client)
    with pytest.raises(comfy.JobTimeout, match="It continues"):
        job.result(timeout=0.1)
    assert job.wait(timeout=0.05) is not comfy.JobStatus.cancelled
    with pytest.raises(comfy.JobTimeout, match="it was cancelled"):
        job.result(timeout=0.1, cancel=True)
    server.go()
    assert job.wait(timeout=5) is comfy.JobStatus.cancelled


@pytest.mark.parametrize("fault", ["break_view", "short_view"])
def test_a_broken_download_is_resumed(replay: Any, fault: str) -> None:
    server, client = _start(replay, **{fault: 1})
    result = _submit(server, client).result(timeout=15)
    assert result.image.size == (128, 128)
    assert not result.errors


def test_one_lost_output_keeps_the_rest(replay: Any) -> None:
    server, client = _start(replay, "txt2img_batch")
    first = next(iter(server.recording.files))
    lost = dict(first)["filename"]
    del server.recording.files[first]
    result = _submit(server, client).result(timeout=15)
    assert [output.filename for output in result if output.error] == [lost]
    assert sum(output.fetched for output in result) == 2
    with pytest.raises(comfy.DownloadFailed, match=lost):
        result.images  # noqa: B018


def test_a_success_without_any_file_downloaded_is_an_error(replay: Any) -> None:
    server, client = _start(replay)
    server.recording.files.clear()
    with pytest.raises(comfy.DownloadFailed, match="none of its 1 files"):
        _submit(server, client).result(timeout=15)


def test_an_ambiguous_submission_is_not_sent_twice(replay: Any) -> None:
    """The answer is lost on the way; the job is found by the id we gave it, and runs once."""
    import httpx

    server, client = _start(replay)
    http = client._async.connection.http
    real, broken = http._client, []

    def once() -> Any:
        made = real()
        if not broken:
            send = made.send

            async def lose(request: httpx.Request, **options: Any) -> Any:
                answer = await send(request, **options)
                if request.method == "POST" and request.url.path == "/api/prompt" and not broken:
                    broken.append(answer)
                    raise httpx.ReadError("the answer was lost")
                return answer

            made.send = lose
        return made

    http._client = once
    job = _submit(server, client)
    assert job.result(timeout=15).image.size == (128, 128)
    assert broken
    assert sum(path == "/api/prompt" for _, path, _, _ in server.requests) == 1


def test_attaching_to_a_job_that_ended_gives_the_same_result(replay: Any) -> None:
    server, client = _start(replay)
    job = _submit(server, client)
    done = job.result(timeout=15)
    with comfy.connect(server.url, default=False, quiet=True) as other:
        again = other.job(job.id).result(timeout=15)
    assert [output.bytes for output in again] == [output.bytes for output in done]
    assert [output.node_title for output in again] == [output.node_title for output in done]
    assert again.workflow.graph == done.workflow.graph
