"""The Cloud API reference, section by section (S1–S22), on the embedded server."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy
import pytest
from PIL import Image

import comfy_notebook as comfy
from comfy_notebook.clients import Client
from comfy_notebook.jobs.job import Job
from comfy_notebook.protocol import frames, messages

from . import graphs


def test_s1_base_url_and_key(embedded: Any) -> None:
    client = comfy.connect(embedded.url + "/", api_key=embedded.api_key, quiet=True)
    assert (client.url, client.dialect, client.user()) == (embedded.url, "cloud", "active")
    with pytest.raises(comfy.AuthenticationError, match="API key"):
        comfy.connect(embedded.url, api_key="wrong-key", quiet=True)
    client.close()


def test_s2_object_info(cloud: Client) -> None:
    assert cloud.nodes["KSampler"].inputs["steps"].max == 10000
    assert cloud.nodes_at_hand is not None
    with pytest.raises(comfy.UnknownNode, match="KSampler"):
        cloud.nodes["KSamplr"]


def test_s3_upload_image(cloud: Client) -> None:
    pixels = numpy.arange(32 * 24 * 3, dtype=numpy.uint8).reshape(24, 32, 3)
    ref = cloud.upload(pixels, name="mine.png")
    result = cloud.run(graphs.load(ref.name))
    assert (result["Picture"].array == pixels).all()


def test_s4_upload_mask(cloud: Client) -> None:
    """White is repainted: LoadImage's MASK is 1 there."""
    mask = numpy.zeros((24, 32), bool)
    mask[:, 16:] = True
    original = cloud.upload(Image.new("RGB", (32, 24), (200, 100, 50)))
    result = cloud.run(graphs.load(cloud.upload_mask(mask, original).name))
    assert (result["Mask"].array[..., 0] == mask * 255).all()
    assert (result["Picture"].array[:, :, :3] == (200, 100, 50)).all()


def test_s5_names_are_by_content(cloud: Client) -> None:
    one = cloud.upload(b"\x89PNG\r\n\x1a\nnot a picture but a file", name="a.bin")
    assert cloud.upload(b"\x89PNG\r\n\x1a\nnot a picture but a file", name="b.bin").name == one.name
    assert cloud.upload(b"another", name="a.bin").name != one.name


def test_s6_submit(cloud: Client) -> None:
    job = cloud.submit(graphs.picture())
    assert isinstance(job, Job)
    assert job.wait(timeout=20) is comfy.JobStatus.completed
    assert job.result().image.size == (32, 32)


def test_s7_concurrent_submissions(embedded_factory: Any) -> None:
    """The tier's three run at once, the rest wait their turn; each job gets its own events only."""
    server = embedded_factory(tier="creator")
    with comfy.connect(server.url, api_key=server.api_key, default=False, quiet=True) as client:
        jobs = [client.submit(graphs.sleep(0.6, steps=4 + n, color=n)) for n in range(5)]
        _until(lambda: len(client.queue().running) == 3)
        assert [queued.id for queued in client.queue().pending] == [job.id for job in jobs[3:]]
        for n, job in enumerate(jobs):
            assert job.result(timeout=20).array[0, 0, 2] == n
            steps = [e.max for e in job.events() if isinstance(e, messages.Progress)]
            assert steps == [4 + n] * (4 + n)


def test_s8_partner_key(embedded: Any, cloud: Client) -> None:
    job = cloud.submit(graphs.picture(), partner_key="partner-key-of-the-test")
    job.result(timeout=20)
    assert "partner-key-of-the-test" not in repr(cloud.job(job.id).record)
    assert "partner-key-of-the-test" not in repr(job) + str(job.record) + str(job.graph)


def test_s9_modify_inputs(cloud: Client) -> None:
    result = cloud.run(graphs.picture(), inputs={"EmptyImage.color": 0xFF0000, "1.width": 8})
    assert result.image.size == (8, 32)
    assert result.image.getpixel((0, 0)) == (255, 0, 0)
    with pytest.raises(comfy.UnknownInput, match="width"):
        cloud.submit(graphs.picture(), inputs={"1.widht": 8})


@pytest.mark.parametrize("raw_status", [False, True], ids=["reference words", "internal words"])
def test_s10_polling(embedded_factory: Any, raw_status: bool) -> None:
    server = embedded_factory(raw_status=raw_status)
    with comfy.connect(server.url, api_key=server.api_key, default=False, quiet=True) as client:
        slow, waits = client.submit(graphs.sleep(0.5)), client.submit(graphs.picture())
        _until(lambda: client.job(slow.id).status is comfy.JobStatus.in_progress)
        assert client.jobs(status="pending").jobs[0].id == waits.id
        gone = client.submit(graphs.sleep(30))
        assert gone.cancel()
        bad = client.submit(graphs.fail("RuntimeError"))
        found = [job.wait(timeout=20).value for job in (slow, waits, gone, bad)]
        assert found == ["completed", "completed", "cancelled", "failed"]
        assert [client.jobs(status=word).jobs[0].id for word in ("cancelled", "failed")] == [gone.id, bad.id]


def test_s11_websocket_is_account_wide(embedded: Any, cloud: Client) -> None:
    """Another client's job on the same account sends its frames here too; they are ignored."""
    with comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True) as other:
        theirs, ours = other.submit(graphs.sleep(0.4)), cloud.submit(graphs.sleep(0.4))
        for job in (theirs, ours):
            job.result(timeout=20)
            seen = {getattr(event, "prompt_id", None) for event in job.events()}
            assert seen <= {None, job.id}
            assert sum(isinstance(e, frames.PreviewImage) for e in job.events()) == 10


def test_s12_json_messages(cloud: Client) -> None:
    """All eleven kinds: ten in a run and a rerun, an error, an interruption."""
    wf = graphs.sleep(0.2, color=77)
    seen: set[str] = set()
    cancelled = cloud.submit(graphs.sleep(30))
    _until(lambda: cancelled.state.node == "2")
    cancelled.cancel()
    for job in (cloud.submit(wf), cloud.submit(wf), cloud.submit(graphs.fail("RuntimeError")), cancelled):
        job.wait(timeout=20)
        seen |= {event.type for event in job.events() if isinstance(event, messages.Message)}
    assert seen >= {
        *("status", "notification", "execution_start", "executing", "progress", "progress_state"),
        *("executed", "execution_cached", "execution_success", "execution_error", "execution_interrupted"),
    }


def test_s13_s15_previews(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(0.3, steps=6))
    job.result(timeout=20)
    previews = [event for event in job.events() if isinstance(event, frames.PreviewImage)]
    assert [(p.prompt_id, p.node_id, p.mime) for p in previews] == [(job.id, "2", "image/jpeg")] * 6
    assert len({p.image for p in previews}) == 6
    assert all(p.metadata is not None for p in previews), "type 4, as asked for by the feature flags"


def test_s14_text_frames(cloud: Client) -> None:
    job = cloud.submit(graphs.text("grüße"))
    assert job.result(timeout=20).texts == ["grüße"]
    assert [(e.node_id, e.text) for e in job.events() if isinstance(e, frames.TextFrame)] == [("5", "grüße")]


def test_s16_signed_urls_get_no_key(cloud: Client) -> None:
    """The redirect leads to another origin, and the request there has nothing of ours in it."""
    sent = _spy(cloud)
    cloud.run(graphs.picture())
    hosts = {url.split("/")[2] for url, _ in sent}
    assert len(hosts) == 2
    for url, headers in sent:
        own = url.startswith(cloud.url)
        assert ("x-api-key" in {name.lower() for name in headers}) is own


def test_s17_images_video_audio(cloud: Client) -> None:
    wf = comfy.Workflow(
        {
            "1": graphs.node("EmptyImage", width=32, height=32, batch_size=4, color=9),
            "2": graphs.node("SaveAnimatedWEBP", images=["1", 0], filename_prefix="a", fps=4.0,
                             lossless=True, quality=80, method="default"),
            "3": graphs.node("TestingUnknownOutput", text="kept", filename_prefix="odd"),
            "4": graphs.node("PreviewImage", images=["1", 0]),
        }
    )  # fmt: skip
    result = cloud.run(wf)
    assert [o.kind for o in result["3"].files] == ["file"]
    assert result["3"].files[0].bytes == b"kept"
    assert result["2"].outputs[0].mime == "image/webp"
    assert {o.type for o in result["4"].outputs} == {"temp"}


def test_s17_media_files(cloud: Client) -> None:
    pytest.importorskip("av")
    wf = comfy.Workflow(
        {
            "1": graphs.node("EmptyImage", width=32, height=32, batch_size=4, color=9),
            "2": graphs.node("CreateVideo", images=["1", 0], fps=4.0),
            "3": graphs.node(
                "SaveVideo", video=["2", 0], filename_prefix="v", format="mp4", **{"format.codec": "h264"}
            ),
            "4": graphs.node("EmptyAudio", duration=0.2, sample_rate=8000, channels=1),
            "5": graphs.node("SaveAudio", audio=["4", 0], filename_prefix="s"),
        }
    )
    result = cloud.run(wf)
    assert result.videos[0].bytes[4:8] == b"ftyp"
    assert result.audio[0].bytes[:4] == b"fLaC"


def test_s18_end_to_end(cloud: Client, tmp_path: Any) -> None:
    result = cloud.run("notebooks/workflows/txt2img.json", seed=7, inputs={"KSampler.steps": 4})
    again = cloud.run("notebooks/workflows/txt2img.json", seed=8, inputs={"KSampler.steps": 4})
    assert result.image.mode == "RGB"
    assert (result.seed, again.seed) == (7, 8)
    assert (result.array != again.array).any()
    assert result.save(tmp_path)[0].read_bytes() == result.files[0].bytes


def test_s19_queue(cloud: Client) -> None:
    job = cloud.submit(graphs.sleep(20))
    _until(lambda: cloud.queue().find(job.id) is not None)
    _until(lambda: cloud.info().running)
    queued = cloud.queue().find(job.id).workflow
    assert {key: {**node, "_meta": queued[key]["_meta"]} for key, node in job.graph.items()} == queued
    job.cancel()
    assert job.wait(timeout=5) is comfy.JobStatus.cancelled


def test_s20_cancel_and_interrupt(embedded_factory: Any) -> None:
    server = embedded_factory(tier="standard")
    with (
        comfy.connect(server.url, api_key=server.api_key, default=False, quiet=True) as mine,
        comfy.connect(server.url, api_key=server.api_key, default=False, quiet=True) as other,
    ):
        foreign, pending = other.submit(graphs.sleep(20)), mine.submit(graphs.sleep(20))
        assert pending.cancel()
        assert pending.wait(timeout=5) is comfy.JobStatus.cancelled
        _until(lambda: len(mine.queue().running) == 1)
        with pytest.raises(comfy.ComfyError, match="not submitted from here"):
            mine.interrupt()
        assert foreign.status is comfy.JobStatus.in_progress
        assert other.interrupt() == [foreign.id]
        assert foreign.wait(timeout=5) is comfy.JobStatus.cancelled
        with pytest.raises(comfy.JobCancelled):
            foreign.result()
        waiting = [mine.submit(graphs.sleep(20)) for _ in range(3)]
        _until(lambda: len(mine.queue().pending) == 2)
        assert mine.clear_queue() == 2
        assert [job.wait(timeout=5).value for job in waiting[1:]] == ["cancelled"] * 2
        waiting[0].cancel()


def test_s21_refusals_by_the_server(cloud: Client) -> None:
    with pytest.raises(comfy.InvalidWorkflow) as refused:
        cloud.submit(graphs.picture(), inputs={"1.width": 0})
    problem = refused.value.problems[0]
    assert (problem.node_id, problem.input_name, problem.kind) == ("1", "width", "value_smaller_than_min")
    assert "Try 1" in str(refused.value)
    with pytest.raises(comfy.InvalidWorkflow, match="NoSuchNode"):
        cloud.submit({"1": graphs.node("NoSuchNode")})
    with pytest.raises(comfy.InvalidWorkflow, match="The server refused") as refused:
        cloud.submit(graphs.picture(), inputs={"1.width": 0}, validate=False)
    assert "1 or more" in str(refused.value)
    assert {p.node_id for p in refused.value.problems} >= {"1"}
    with pytest.raises(comfy.JobNotFound, match="does not know the job"):
        cloud.job("00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("exception_type", "error"),
    [
        ("ValidationError", comfy.ValidationFailed),
        ("ModelDownloadError", comfy.ModelDownloadFailed),
        ("ImageDownloadError", comfy.ImageDownloadFailed),
        ("OOMError", comfy.OutOfMemory),
        ("InsufficientFundsError", comfy.InsufficientFunds),
        ("InactiveSubscriptionError", comfy.InactiveSubscription),
        ("RuntimeError", comfy.JobFailed),
    ],
)
def test_s22_exception_types(cloud: Client, exception_type: str, error: type[comfy.JobFailed]) -> None:
    with pytest.raises(comfy.JobFailed) as failed:
        cloud.run(graphs.fail(exception_type, "it was to be"))
    assert type(failed.value) is error
    assert (failed.value.node_id, failed.value.node_title, failed.value.class_type) == (
        *("7", "Trouble"),
        "TestingRaise",
    )
    assert "it was to be" in str(failed.value)
    assert "Traceback" not in str(failed.value)


def _until(true: Any, timeout: float = 10.0) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def _spy(client: Client) -> list[tuple[str, dict[str, str]]]:
    """Every request either of the client's two HTTP clients sends, as (url, headers)."""
    sent: list[tuple[str, dict[str, str]]] = []
    http = client._async.connection.http
    for name in ("_client", "_other_client"):
        make = getattr(http, name)

        def wrapped(make: Any = make) -> Any:
            made = make()
            if not made.event_hooks["request"]:

                async def note(request: Any) -> None:
                    sent.append((str(request.url), dict(request.headers)))

                made.event_hooks = {"request": [note], "response": []}
            return made

        setattr(http, name, wrapped)
    return sent


def test_s16_channels(cloud: Client) -> None:
    """A variant is made by the server itself and comes without a redirect."""
    import io

    picture = numpy.full((8, 8, 4), 200, numpy.uint8)
    picture[..., 3] = 70
    ref = cloud.upload(picture)
    rgb = Image.open(io.BytesIO(cloud.download(ref.name, type=ref.type, channel="rgb")))
    assert (rgb.mode, rgb.getpixel((0, 0))) == ("RGB", (200, 200, 200))
    alpha = Image.open(io.BytesIO(cloud.download(ref.name, type=ref.type, channel="a")))
    assert alpha.convert("RGBA").getpixel((0, 0))[-1] in (70, 255)


def test_models_features_and_stats(cloud: Client) -> None:
    assert "checkpoints" in cloud.models()
    assert cloud.models("checkpoints") == ["analytic-scenes.safetensors"]
    with pytest.raises(comfy.ComfyError, match="checkpoints"):
        cloud.models("checkpoint")
    assert cloud.features()["supports_preview_metadata"] is True
    assert cloud.system_stats()["system"]["os"]


def test_deleted_history_is_forgotten(cloud: Client) -> None:
    job = cloud.submit(graphs.picture(color=991))
    job.result(timeout=20)
    cloud.delete_history(job.id)
    assert job.id not in [record.id for record in cloud.jobs(limit=50)]
