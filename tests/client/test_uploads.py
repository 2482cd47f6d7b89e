"""Any picture or file, whatever form it has in Python, becomes one file; the too large is refused here."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import numpy
import pytest
from PIL import Image, PngImagePlugin

from comfy_notebook.client import packing
from comfy_notebook.client.probe import kinds
from comfy_notebook.clients import Client
from comfy_notebook.errors import DownloadFailed, InvalidWorkflow, UploadRejected

from ..servers import EmbeddedServer
from . import graphs

PIXELS = numpy.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=numpy.uint8)


def pixels_of(packed: packing.Packed) -> Any:
    return numpy.asarray(Image.open(io.BytesIO(packed.data)))


@pytest.mark.parametrize(
    "value",
    [
        PIXELS,
        PIXELS[None],
        PIXELS.astype(numpy.int64),
        (PIXELS / 255).astype(numpy.float32),
        PIXELS / 255.0,
        Image.fromarray(PIXELS),
    ],
    ids=["uint8", "batch of one", "int64", "float32", "float64", "PIL"],
)
def test_equal_pixels_are_one_asset(value: Any) -> None:
    packed = packing.pack(value)
    assert packed.name == "image.png"
    assert packed.data == packing.pack(PIXELS).data


def test_a_picture_is_sent_without_its_metadata() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "a private prompt")
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, "PNG", pnginfo=info, dpi=(72, 72))
    opened = Image.open(io.BytesIO(out.getvalue()))
    opened.load()
    assert packing.pack(opened).data == packing.pack(PIXELS).data
    assert packing.pack(out.getvalue()).data == out.getvalue(), "but bytes are sent as they are"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (numpy.zeros((2, 6, 8, 3)), "2×6×8×3"),
        (numpy.zeros((6, 8, 2)), "6×8×2"),
        (numpy.zeros((0, 8, 3)), "not a picture"),
        (numpy.full((2, 2), 255.0), "0 to 1"),
        (numpy.full((2, 2), numpy.nan), "0 to 1"),
        (numpy.full((2, 2), -1), "beyond 0–255"),
        (object(), "cannot be uploaded"),
        (io.StringIO("text"), "not bytes"),
        (Path("no-such-file.png"), "There is no file"),
    ],
    ids=str,
)
def test_what_is_no_file(value: Any, said: str) -> None:
    with pytest.raises(UploadRejected, match=said):
        packing.pack(value)


def test_files_and_file_objects(tmp_path: Path) -> None:
    path = tmp_path / "my voice.wav"
    path.write_bytes(b"RIFFsound")
    with path.open("rb") as file:
        found = [
            packing.pack(path),
            packing.pack(str(path)),
            packing.pack(file),
            packing.pack(b"RIFFsound", path.name),
        ]
    assert {(packed.name, packed.data) for packed in found} == {("my voice.wav", b"RIFFsound")}
    assert packing.pack(b"x", "../../up.png").name == "up.png"


def test_limits_are_checked_before_sending() -> None:
    cloud = kinds()["cloud"]().upload_limits({})
    with pytest.raises(UploadRejected, match="takes 50 MB"):
        packing.check(packing.Packed("a.bin", b"x" * (50 * 2**20 + 1)), cloud)
    wide = packing.pack(Image.new("1", (16_385, 1)))
    with pytest.raises(UploadRejected, match="16385×1"):
        packing.check(wide, cloud)
    with pytest.raises(UploadRejected, match="64 megapixels"):
        packing.check(packing.pack(Image.new("1", (8001, 8000))), cloud)
    with pytest.raises(UploadRejected, match="empty"):
        packing.check(packing.Packed("a.bin", b""), cloud)


def test_a_comfyui_takes_any_picture_and_says_how_many_bytes() -> None:
    own = kinds()["comfyui"]()
    packing.check(packing.pack(Image.new("1", (16_385, 1))), own.upload_limits({}))
    with pytest.raises(UploadRejected, match="takes 1 MB"):
        packing.check(
            packing.Packed("a.bin", b"x" * (2**20 + 1)), own.upload_limits({"max_upload_size": 2**20})
        )


HALF = numpy.repeat([[0, 1]], 2, axis=0).repeat([2, 2], axis=1)


def with_alpha() -> Image.Image:
    """As the editor keeps a mask: black, and transparent where to repaint."""
    picture = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    picture.putalpha(Image.fromarray((255 - HALF * 255).astype(numpy.uint8)))
    return picture


@pytest.mark.parametrize(
    "mask",
    [
        HALF.astype(bool),
        HALF.astype(float),
        (HALF * 255).astype(numpy.uint8),
        Image.fromarray((HALF * 255).astype(numpy.uint8)),
        Image.fromarray((HALF * 255).astype(numpy.uint8)).convert("RGB"),
        with_alpha(),
    ],
    ids=["bool", "float", "uint8", "L", "RGB", "alpha"],
)
def test_white_is_repainted_whatever_the_mask_is(mask: Any) -> None:
    sent = Image.open(io.BytesIO(packing.pack_mask(mask, (4, 2), "mask.png").data))
    assert (numpy.asarray(sent.getchannel("A")) == 255 - HALF * 255).all()


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(UploadRejected, match="4×2 and the picture 8×6"):
        packing.pack_mask(HALF.astype(bool), (8, 6), "mask.png")


def test_a_value_in_an_input_is_uploaded_on_submission(cloud: Client) -> None:
    wf = graphs.load(PIXELS)
    result = cloud.run(wf)
    assert (result["Picture"].array == PIXELS).all()
    assert wf["LoadImage"].image is PIXELS, "and the workflow keeps the value it was given"


def test_only_where_the_input_takes_files(cloud: Client) -> None:
    with pytest.raises(UploadRejected, match="width: takes no files"):
        cloud.submit(graphs.picture(), inputs={"1.width": PIXELS})


def test_equal_content_is_not_sent_twice(cloud: Client) -> None:
    sent = []
    request = cloud._async.connection.http.request

    async def note(method: str, path: str, **options: Any) -> Any:
        sent.append(path)
        return await request(method, path, **options)

    cloud._async.connection.http.request = note
    noise = numpy.random.default_rng().integers(0, 256, (9, 9, 3), dtype=numpy.uint8)
    first = cloud.upload(noise)
    assert cloud.upload(Image.fromarray(noise)) == first
    assert sent.count("/api/upload/image") == 1
    cloud._async.connection.uploads._sent.clear()
    again = cloud.upload(noise)
    assert sent.count("/api/upload/image") == 1, "another session finds it by its hash"
    assert "/api/assets/from-hash" in sent
    assert (cloud.run(graphs.load(again.name))["Picture"].array == noise).all()


def test_progress_of_large_uploads(cloud: Client, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.upload(numpy.random.default_rng().bytes(6 * 2**20), name="large.bin")
    assert capsys.readouterr().out.endswith("Uploading large.bin: 100 % of 6 MB\n")
    cloud.upload(b"small" + numpy.random.default_rng().bytes(8), name="small.bin")
    assert capsys.readouterr().out == ""


def test_equal_content_at_the_same_time_is_sent_once(cloud: Client) -> None:
    import asyncio

    noise = numpy.random.default_rng().bytes(4096)
    sent, request = [], cloud._async.connection.http.request

    async def note(method: str, path: str, **options: Any) -> Any:
        sent.append(path)
        return await request(method, path, **options)

    async def both() -> list[Any]:
        return await asyncio.gather(*(cloud._async.upload(noise, "noise.bin") for _ in range(5)))

    cloud._async.connection.http.request = note
    assert len(set(asyncio.run(both()))) == 1
    assert sent.count("/api/upload/image") == 1
    assert not cloud._async.connection.uploads._turns


def test_live_events_are_read_while_a_large_picture_is_made_ready(
    cloud: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compressing takes seconds; the loop that reads the socket is not the one that does it."""
    import threading

    begun, gate, pack = threading.Event(), threading.Event(), packing.pack

    def slow(value: Any, name: str | None = None) -> packing.Packed:
        begun.set()
        assert gate.wait(10)
        return pack(value, name)

    monkeypatch.setattr(packing, "pack", slow)
    thread = threading.Thread(target=cloud.upload, args=(PIXELS,))
    thread.start()
    assert begun.wait(5)
    assert cloud.run(graphs.picture(99)).image
    gate.set()
    thread.join(10)


def test_an_output_not_fetched_yet_goes_into_another_run(cloud: Client) -> None:
    made = cloud.run(graphs.picture(0x123456))[0]
    made._data = None
    assert cloud.run(graphs.load(made))["Picture"].image.getpixel((0, 0)) == (0x12, 0x34, 0x56)


def test_a_mask_has_a_name_of_its_own_and_no_path(cloud: Client) -> None:
    ref = cloud.upload_mask(numpy.zeros((6, 8)), PIXELS, name="../up/my mask.png")
    assert cloud.run(graphs.load(ref.name))["Mask"].array.max() == 0


def test_a_url_or_data_url_in_an_input_is_fetched_and_uploaded(cloud: Client) -> None:
    encoded = base64.b64encode(packing.pack(PIXELS).data).decode()
    wf = graphs.load(f"data:image/png;base64,{encoded}")
    assert (cloud.run(wf)["Picture"].array == PIXELS).all()
    with pytest.raises(DownloadFailed, match="private address"):
        cloud.run(graphs.load(f"{cloud.url}/a.png"))


def test_a_local_file_set_by_its_name_is_uploaded(
    cloud: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    noise = numpy.random.default_rng(5).integers(0, 256, (9, 9, 3), dtype=numpy.uint8)
    (tmp_path / "mine.png").write_bytes(packing.pack(noise).data)
    wf = graphs.load("other.png")
    wf["LoadImage"].image = "mine.png"
    assert (cloud.run(wf)["Picture"].array == noise).all()
    assert (cloud.run(wf, inputs={"LoadImage.image": "./mine.png"})["Picture"].array == noise).all()


@pytest.mark.parametrize("how", ["array", "path", "name of an earlier upload"])
def test_a_file_the_server_has_lost_is_sent_again(
    cloud: Client, embedded: EmbeddedServer, tmp_path: Path, how: str
) -> None:
    noise = numpy.random.default_rng().integers(0, 256, (9, 9, 3), dtype=numpy.uint8)
    path = tmp_path / "noise.png"
    path.write_bytes(packing.pack(noise).data)
    value: Any = noise if how == "array" else path if how == "path" else cloud.upload(noise).value
    assert (cloud.run(graphs.load(value))["Picture"].array == noise).all()
    with httpx.Client(base_url=embedded.url, headers=embedded.headers) as http:
        for asset in http.get("/api/assets", params={"include_tags": "input"}).json()["assets"]:
            http.delete(f"/api/assets/{asset['id']}").raise_for_status()
    assert (cloud.run(graphs.load(value), seed=None)["Picture"].array == noise).all()


def test_a_local_file_named_in_the_workflow_itself_is_not_read(
    cloud: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private.png").write_bytes(packing.pack(PIXELS[:2]).data)
    with pytest.raises(InvalidWorkflow, match=r"has no file 'private\.png'\. Try Path\('private\.png'\)"):
        cloud.run(graphs.load("private.png"))
