"""The same capabilities on a ComfyUI, played back from recordings of a real one (0.3.64)."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest

import comfy_notebook as comfy
from comfy_notebook.protocol import frames, messages
from comfy_notebook.sync import IO
from tests.replay import load

from . import graphs
from .test_reference_cloud import _until


def test_s1_a_url_is_probed(replay: Any) -> None:
    _, client = replay("txt2img_meta")
    info = client.info()
    assert (info.dialect, info.version, info.user) == ("comfyui", "0.3.64", None)


def test_s2_one_class(replay: Any) -> None:
    _, client = replay("txt2img_meta")
    found = IO.run(client._async.connection.nodes.one("KSampler"))
    assert found["KSampler"]["input"]["required"]["steps"][0] == "INT"


def test_s3_upload(replay: Any) -> None:
    server, client = replay("upload_view")
    recorded = server.recording.answers["POST /upload/image"]["body"]
    ref = client.upload(b"any bytes at all", name="up.png")
    assert (ref.name, ref.subfolder, ref.type) == (*(recorded[k] for k in ("name", "subfolder", "type")),)
    client.upload(b"any bytes at all", name="up.png")
    assert sum(path == "/api/upload/image" for _, path, _, _ in server.requests) == 1, "not sent twice"


def test_s4_masks_are_sent_as_alpha(replay: Any) -> None:
    """ComfyUI reads the alpha of what it is sent, and nothing else of it."""
    import io

    from PIL import Image

    from comfy_notebook.client.records import FileRef

    server, client = replay("upload_view")
    key, (data, _) = next(
        (key, file)
        for key, file in server.recording.files.items()
        if dict(key).get("type") == "input" and "channel" not in dict(key) and "preview" not in dict(key)
    )
    original = FileRef(dict(key)["filename"], dict(key).get("subfolder", ""), "input")
    size = Image.open(io.BytesIO(data)).size
    mask = numpy.zeros((size[1], size[0]))
    mask[0, 0] = 1.0
    client.upload_mask(mask, original)
    body = next(body for _, path, _, body in server.requests if path == "/api/upload/mask")
    sent = Image.open(io.BytesIO(body[body.index(b"\x89PNG") :]))
    assert sent.getchannel("A").getpixel((0, 0)) == 0
    assert sent.getchannel("A").getextrema() == (0, 255)
    assert b'"type": "input"' in body.replace(b'\\"', b'"')
    assert b'name="type"\r\n\r\ninput' in body, "the default type of masks is output"


def test_s6_the_job_id_is_ours(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    job = client.submit(_graph(server))
    assert job.result(timeout=10).images[0].size == (128, 128)
    sent = json.loads(next(body for _, path, _, body in server.requests if path == "/api/prompt"))
    assert sent["prompt_id"] == job.id
    assert sent["client_id"] == client._async.connection.client_id


def test_s7_jobs_keep_apart(replay: Any) -> None:
    server, client = replay("two_clients")
    jobs = [client.submit(comfy.Workflow(run.graph)) for run in server.recording.accepted[:2]]
    for job in jobs:
        job.wait(timeout=10)
        assert {getattr(e, "prompt_id", None) for e in job.events()} <= {None, job.id}


def test_s8_partner_key_in_extra_data(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    job = client.submit(_graph(server), partner_key="partner-key-of-the-test")
    job.wait(timeout=10)
    sent = json.loads(next(body for _, path, _, body in server.requests if path == "/api/prompt"))
    assert sent["extra_data"]["api_key_comfy_org"] == "partner-key-of-the-test"
    assert "partner-key-of-the-test" not in repr(job) + repr(job.record)


def test_previews_are_asked_for(embedded_factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ComfyUI makes none unless it was started so; newer ones let each job say."""
    from comfy_notebook.config import settings

    server = embedded_factory(dialect="comfyui", preview_method="none")
    with comfy.connect(server.url, default=False, quiet=True) as client:

        def shown(color: int, **options: Any) -> int:
            job = client.submit(graphs.sleep(0.05, steps=2, color=color), **options)
            job.result(timeout=20)
            return sum(isinstance(event, frames.PreviewImage) for event in job.events())

        assert shown(1) == 2
        assert shown(2, previews=False) == 0
        monkeypatch.setattr(settings, "preview_method", "default")
        assert shown(3) == 0, "left to the server"


def test_a_partner_key_a_server_gives_back_is_not_kept(replay: Any) -> None:
    """ComfyUI 0.3.64 shows it in the queue to anyone who looks."""
    from comfy_notebook.client.comfyui import history_record

    sent = {"api_key_comfy_org": "partner-key-of-the-test", "auth_token_comfy_org": "t", "client_id": "c"}
    found = history_record("a", {"prompt": [1, "a", {"1": {"class_type": "X"}}, sent, []], "status": {}})
    assert "partner-key-of-the-test" not in str(vars(found))


def test_s9_targets(replay: Any) -> None:
    server, client = replay("partial_targets")
    wf = _graph(server)
    result = client.submit(wf, targets=["3"]).result(timeout=10)
    sent = json.loads(next(body for _, path, _, body in server.requests if path == "/api/prompt"))
    assert sent["partial_execution_targets"] == ["3"]
    assert {output.node_id for output in result} == {"3"}


def test_s10_polling_alone(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    server.faults.refuse_socket = True
    job = client.submit(_graph(server))
    assert job.wait(timeout=10) is comfy.JobStatus.completed
    assert job.result().image.size == (128, 128)
    assert not any(isinstance(e, frames.PreviewImage) for e in job.events())


def test_s12_s15_twenty_previews_with_metadata(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    job = client.submit(_graph(server))
    job.result(timeout=10)
    previews = [e for e in job.events() if isinstance(e, frames.PreviewImage)]
    assert len(previews) == 20
    assert {(p.prompt_id, p.node_id) for p in previews} == {(job.id, "3")}
    assert [e.value for e in job.events() if isinstance(e, messages.Progress)] == list(range(1, 21))
    kinds = {e.type for e in job.events() if isinstance(e, messages.Message)}
    assert kinds >= {"status", "execution_start", "execution_cached", "executing", "executed"}


def test_s13_previews_without_metadata_get_job_and_node(replay: Any) -> None:
    server, client = replay("txt2img_plain")
    job = client.submit(_graph(server))
    job.result(timeout=10)
    previews = [e for e in job.events() if isinstance(e, frames.PreviewImage)]
    assert len(previews) == 6, "as many as the trimmed recording has"
    assert {(p.prompt_id, p.node_id, p.metadata) for p in previews} == {(job.id, "3", None)}


def test_s14_text_frames_get_their_job(replay: Any) -> None:
    server, client = replay("text_outputs")
    job = client.submit(_graph(server))
    result = job.result(timeout=10)
    shown = [e for e in job.events() if isinstance(e, frames.TextFrame)]
    assert [(e.prompt_id, e.node_id) for e in shown] == [(job.id, "2")]
    assert shown[0].text.startswith("width: 96, height: 64")
    assert "96" in result.texts


def test_s17_pictures_of_every_kind(replay: Any) -> None:
    server, client = replay("media_images")
    result = client.submit(_graph(server)).result(timeout=10)
    by_type = {(o.class_type, o.type) for o in result}
    assert ("PreviewImage", "temp") in by_type
    assert ("SaveImage", "output") in by_type
    assert not result.errors
    finals = [o for o in result if o.class_type == "SaveImageWebsocket"]
    assert [o.image.size for o in finals] == [(64, 48)] * 2, "sent through the socket, kept nowhere"


def test_s17_video_and_audio(replay: Any) -> None:
    server, client = replay("media_av")
    kinds = set()
    for run in server.recording.accepted:
        job = client.submit(comfy.Workflow(run.graph))
        if job.wait(timeout=10) is comfy.JobStatus.completed:
            kinds |= {(o.kind, o.filename.rpartition(".")[2]) for o in job.result().files if o.fetched}
    assert {
        ("video", "mp4"),
        ("video", "webm"),
        ("audio", "flac"),
        ("audio", "mp3"),
        ("latent", "latent"),
    } <= kinds


def test_s17_a_batch_in_order(replay: Any) -> None:
    server, client = replay("txt2img_batch")
    result = client.submit(_graph(server)).result(timeout=10)
    names = [output.filename for output in result.files]
    assert names == sorted(names)
    assert len(result.arrays) == 3
    assert all(a.shape == (128, 128, 3) and a.dtype == numpy.uint8 for a in result.arrays)


def test_s18_a_cached_run_returns_its_outputs(replay: Any) -> None:
    server, client = replay("cached_rerun")
    graphs = [comfy.Workflow(run.graph) for run in server.recording.accepted[:2]]
    for graph in graphs:
        job = client.submit(graph)
        assert job.wait(timeout=10).is_final
    cached = [e for e in job.events() if isinstance(e, messages.ExecutionCached)]
    assert set(cached[0].nodes) == set(graphs[1].graph)
    assert [output.type for output in job.outputs] == ["output"]


def test_s19_the_queue_in_the_order_it_runs(replay: Any) -> None:
    """ComfyUI lists what waits in heap order; lower numbers run first."""
    from comfy_notebook.client.answers import queue_of

    entries = [[n, f"job {n}", {}, {}, []] for n in (-45, 44, -3.5, 46)]
    queue = queue_of({"queue_running": [], "queue_pending": entries})
    assert [job.id for job in queue.pending] == ["job -45", "job -3.5", "job 44", "job 46"]
    assert [job.position for job in queue.pending] == [1, 2, 3, 4]


def test_s20_cancel_running_and_pending(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    server.pause()
    running, pending, kept = (client.submit(_graph(server)) for _ in range(3))
    _until(lambda: client.queue().find(running.id).position == 0)
    assert pending.cancel()
    assert pending.wait(timeout=5) is comfy.JobStatus.cancelled
    assert running.cancel()
    server.go()
    assert running.wait(timeout=5) is comfy.JobStatus.cancelled
    assert kept.wait(timeout=10) is comfy.JobStatus.completed
    interrupts = [json.loads(body) for _, path, _, body in server.requests if path == "/api/interrupt"]
    assert interrupts == [{"prompt_id": running.id}]
    assert not kept.cancel(), "it had already ended"


def test_s20_cancelling_a_waiting_job_interrupts_nothing(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    server.pause()
    running, pending = client.submit(_graph(server)), client.submit(_graph(server))
    _until(lambda: client.queue().find(running.id).position == 0)
    assert pending.cancel()
    server.go()
    assert running.wait(timeout=10) is comfy.JobStatus.completed
    assert not any(path == "/api/interrupt" for _, path, _, _ in server.requests)


REFUSED = load("validation_errors").refused


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_s21_every_recorded_refusal(replay: Any, number: int) -> None:
    run = REFUSED[number]
    server, client = replay("validation_errors")
    server.recording.runs = [run]
    with pytest.raises(comfy.ComfyError) as refused:
        client.submit(
            comfy.Workflow(run.graph if isinstance(run.graph, dict) and _is_api(run.graph) else GOOD)
        )
    if run.status == 500:
        assert isinstance(refused.value, comfy.ServerError)
        return
    assert isinstance(refused.value, comfy.InvalidWorkflow)
    assert refused.value.problems
    for node_id, entry in run.answer["node_errors"].items():
        kinds = [p.kind for p in refused.value.problems if p.node_id == node_id]
        assert kinds == [error["type"] for error in entry["errors"]]
    assert len(str(refused.value)) < 2000


def test_s21_what_was_accepted_with_errors_says_so(replay: Any) -> None:
    server, client = replay("validation_errors")
    run = next(run for run in server.recording.accepted if run.answer["node_errors"])
    job = client.submit(comfy.Workflow(run.graph))
    assert job.wait(timeout=10) is comfy.JobStatus.completed
    assert {p.node_id for p in job.problems} == set(run.answer["node_errors"])
    assert {p.severity for p in job.problems} == {"warning"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (401, {}, {"code": "unauthorized", "message": "no"}, comfy.AuthenticationError),
        (402, {}, {"error": {"type": "PAYMENT_REQUIRED", "message": "no"}}, comfy.InsufficientCredits),
        (402, {}, {"error": {"type": "CLOUD_SUBSCRIPTION_REQUIRED"}}, comfy.SubscriptionInactive),
        (429, {}, {"code": "x", "message": "Subscription inactive"}, comfy.SubscriptionInactive),
        (429, {}, {"error": {"type": "QUEUE_LIMIT", "message": "full"}}, comfy.RateLimited),
        (413, {}, {"code": "too_large", "message": "big"}, comfy.ServerError),
        (500, {}, {"code": "oops", "message": "broken"}, comfy.ServerError),
    ],
)
def test_s21_every_status(replay: Any, status: int, headers: Any, body: Any, error: Any) -> None:
    server, client = replay("txt2img_meta")
    server.faults.busy = [(status, headers, body)]
    with pytest.raises(error):
        client.submit(_graph(server))


def test_s21_retry_after_is_honoured(replay: Any) -> None:
    server, client = replay("txt2img_meta")
    busy = (429, {"Retry-After": "0"}, {"error": {"type": "QUEUE_LIMIT", "message": "full"}})
    server.faults.busy = [busy, busy]
    assert client.submit(_graph(server)).wait(timeout=10) is comfy.JobStatus.completed


def test_s22_a_node_that_raised(replay: Any) -> None:
    server, client = replay("exec_error")
    run = server.recording.accepted[0]
    job = client.submit(comfy.Workflow(run.graph))
    with pytest.raises(comfy.JobFailed) as failed:
        job.result(timeout=10)
    recorded = next(f for _, f in run.frames if isinstance(f, dict) and f["type"] == "execution_error")[
        "data"
    ]
    error = failed.value
    assert (error.node_id, error.class_type) == (recorded["node_id"], recorded["node_type"])
    assert error.exception_type == recorded["exception_type"]
    assert recorded["traceback"][0].strip() in error.traceback
    assert all(len(str(value)) <= 200 for value in error.inputs.values())
    made_before = [
        f["data"]["node"] for _, f in run.frames if isinstance(f, dict) and f["type"] == "executed"
    ]
    assert {o.node_id for o in job.outputs} == set(made_before), "what earlier nodes put out is kept"


GOOD = {"1": {"class_type": "EmptyImage", "inputs": {}}}


def _is_api(graph: Any) -> bool:
    return isinstance(graph, dict) and all(
        isinstance(node, dict) and isinstance(node.get("inputs", {}), dict) for node in graph.values()
    )


def _recorded(run: Any, kind: str) -> list[dict[str, Any]]:
    return [frame["data"] for _, frame in run.frames if isinstance(frame, dict) and frame["type"] == kind]


def _graph(server: Any) -> comfy.Workflow:
    return comfy.Workflow(server.recording.accepted[0].graph)
