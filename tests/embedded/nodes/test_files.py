"""Images read from files and written to them, as ComfyUI does it, and hostile ones."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from comfy_notebook.embedded.nodes.base import TooLarge, Ui, exception_type
from comfy_notebook.embedded.nodes.image_io import names_of
from comfy_notebook.embedded.nodes.metadata import fill_prefix
from comfy_notebook.embedded.nodes.registry import default_registry

from .kit import Bench, Cancelled, Folder, run, run_graph

SAVED = Path(__file__).parents[2] / "data" / "saved"
"""Files that a ComfyUI 0.3.64 saved for one graph; each holds that graph."""

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Folder(tmp_path))


def put(bench: Bench, name: str, image: Image.Image, **options: Any) -> str:
    image.save(bench.files.root / name, **options)
    return name


def test_an_image_without_alpha_has_an_empty_64x64_mask(bench: Bench) -> None:
    image, mask = run(bench, "LoadImage", image=put(bench, "a.png", Image.fromarray(RGB)))
    assert np.array_equal(np.round(image[0] * 255), RGB)
    assert image.dtype == mask.dtype == np.float32
    assert mask.shape == (1, 64, 64)
    assert not mask.any()


def test_the_mask_is_what_alpha_leaves_out(bench: Bench) -> None:
    rgba = np.dstack([RGB, np.full((4, 6), 51, np.uint8)])
    name = put(bench, "a.png", Image.fromarray(rgba))
    image, mask = run(bench, "LoadImage", image=name)
    assert image.shape == (1, 4, 6, 3)
    assert np.allclose(mask, 1 - 51 / 255)
    assert np.allclose(run(bench, "LoadImageMask", image=name, channel="alpha")[0], 1 - 51 / 255)
    assert np.allclose(run(bench, "LoadImageMask", image=name, channel="green")[0] * 255, RGB[..., 1])


def test_a_transparent_palette_colour_is_a_mask(bench: Bench) -> None:
    picture = Image.fromarray(np.array([[0, 1], [1, 2]], np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    _, mask = run(bench, "LoadImage", image=put(bench, "a.png", picture, transparency=1))
    assert mask[0].tolist() == [[0, 1], [1, 0]]


def test_exif_says_which_way_is_up(bench: Bench) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter, as a phone held upright writes it
    name = put(bench, "a.png", Image.fromarray(RGB), exif=exif)
    image, _ = run(bench, "LoadImage", image=name)
    assert np.array_equal(np.round(image[0] * 255), np.rot90(RGB, -1))


def test_an_animation_is_a_batch(bench: Bench) -> None:
    frames = [Image.new("RGB", (8, 4), (40 * n, 0, 0)) for n in range(3)]
    name = put(bench, "a.png", frames[0], save_all=True, append_images=frames[1:])
    image, mask = run(bench, "LoadImage", image=name)
    assert image.shape == (3, 4, 8, 3)
    assert mask.shape == (3, 64, 64)
    assert np.round(image[:, 0, 0, 0] * 255).tolist() == [0, 40, 80]


def test_sixteen_bit_greys_are_as_pillow_converts_them(bench: Bench) -> None:
    deep = Image.fromarray(np.array([[0, 255, 256, 65535]], np.uint16))
    image, _ = run(bench, "LoadImage", image=put(bench, "a.png", deep))
    with Image.open(bench.files.root / "a.png") as opened:
        assert np.array_equal(np.round(image[0] * 255), np.asarray(opened.convert("RGB")))


def test_an_output_file_is_read_by_its_annotated_name(bench: Bench) -> None:
    put(bench, "a.png", Image.fromarray(RGB))
    image, _ = run(bench, "LoadImageOutput", image="a.png [output]")
    assert image.shape == (1, 4, 6, 3)


def test_a_file_that_is_not_there_is_refused_before_running(bench: Bench) -> None:
    for node, kind in (("LoadImage", "image"), ("LoadImageMask", "image"), ("LoadAudio", "audio")):
        made = default_registry()[node]()
        assert made.judges() == {kind}
        assert made.validate(bench.files, **{kind: "no.png"}) == f"Invalid {kind} file: no.png"
    put(bench, "a.png", Image.fromarray(RGB))
    assert default_registry()["LoadImage"]().validate(bench.files, image="a.png") is None


def test_a_changed_file_is_read_again(bench: Bench) -> None:
    node = default_registry()["LoadImage"]()
    name = put(bench, "a.png", Image.fromarray(RGB))
    before = node.fingerprint(bench.files, image=name)
    assert node.fingerprint(bench.files, image=name) == before
    put(bench, "a.png", Image.fromarray(255 - RGB))
    assert node.fingerprint(bench.files, image=name) != before


def test_the_lists_hold_files_of_their_kind(bench: Bench) -> None:
    for name in ("a.png", "b.WEBP", "c.flac", "d.mp4", "notes.txt"):
        (bench.files.root / name).touch()
    assert names_of(bench.files, "image") == ["a.png", "b.WEBP"]
    assert names_of(bench.files, "audio", "video") == ["c.flac", "d.mp4"]


def test_no_image_at_all(bench: Bench) -> None:
    (bench.files.root / "a.png").write_bytes(b"this is no picture")
    with pytest.raises(Image.UnidentifiedImageError) as caught:
        run(bench, "LoadImage", image="a.png")
    assert exception_type(caught.value) == "PIL.UnidentifiedImageError"


def test_a_broken_off_image_is_shown_as_far_as_it_goes(bench: Bench) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    put(bench, "a.jpg", Image.fromarray(noise), quality=95)
    whole = (bench.files.root / "a.jpg").read_bytes()
    (bench.files.root / "a.jpg").write_bytes(whole[: len(whole) // 2])
    image, _ = run(bench, "LoadImage", image="a.jpg")
    assert image.shape == (1, 64, 64, 3)
    assert np.abs(image[0, :16] - noise[:16] / 255).mean() < 0.2


def test_a_decompression_bomb_is_not_unpacked(bench: Bench) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    packed = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10_000)) + chunk(b"IEND", b"")
    (bench.files.root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + packed)
    with pytest.raises(Image.DecompressionBombError):
        run(bench, "LoadImage", image="a.png")


@pytest.mark.parametrize(
    ("node", "inputs"),
    [
        ("EmptyImage", {"width": 16384, "height": 16384, "batch_size": 4096, "color": 0}),
        ("RepeatImageBatch", {"image": np.zeros((8, 512, 512, 3), np.float32), "amount": 4096}),
        ("SolidMask", {"value": 1.0, "width": 65536, "height": 65536}),
    ],
)
def test_a_result_too_large_for_memory_is_an_oom_error(
    bench: Bench, node: str, inputs: dict[str, Any]
) -> None:
    with pytest.raises(TooLarge) as caught:
        run(bench, node, **inputs)
    assert exception_type(caught.value) == "OOMError"


def test_cancelling_stops_before_the_next_file(bench: Bench) -> None:
    bench.cancel_after = 2
    with pytest.raises(Cancelled):
        run(bench, "SaveImage", images=np.zeros((5, 8, 8, 3), np.float32), filename_prefix="a")
    assert len(bench.saved) == 2


def test_one_channel_is_saved_as_grey(bench: Bench) -> None:
    run(bench, "SaveImage", images=np.full((1, 2, 2, 1), np.nan, np.float32), filename_prefix="a")
    (data,) = bench.saved.values()
    assert Image.open(io.BytesIO(data)).mode == "L"


def test_the_fields_of_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = time.struct_time((2026, 3, 4, 5, 6, 7, 0, 0, 0))
    monkeypatch.setattr(time, "localtime", lambda: moment)
    fields = "%year%-%month%-%day% %hour%.%minute%.%second% %width%x%height% %batch_num% %date:yy%"
    assert fill_prefix(fields, 64, 48, 2) == "2026-03-04 05.06.07 64x48 2 %date:yy%"
    assert fill_prefix("%batch_num%") == "%batch_num%"


_VARYING = (b"IDAT", b"fdAT", b"fcTL")


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, without what other versions write otherwise: packed pixels, durations."""
    found, at = [], 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        found.append((kind, b"" if kind in _VARYING else data[at + 8 : at + 8 + length]))
        at += length + 12
    return found


def test_files_are_those_comfyui_writes(bench: Bench) -> None:
    """The same graph gives the same chunks, metadata and pixels in every kind of image file."""
    with Image.open(SAVED / "SaveImage.png") as image:
        bench.prompt = graph = json.loads(image.info["prompt"])
    run_graph(graph, bench, default_registry())
    ours = {}
    for name, data in bench.saved.items():
        for kind in ("sub/dir/pic_%date:yyyy%_64x48", "rgba", "anim_00001_.webp", "anim_00002_.png"):
            if name.startswith(kind):
                ours.setdefault(kind, data)
    previews = [data for name, data in bench.saved.items() if "ComfyUI_temp_" in name]
    pairs = {
        "SaveImage.png": ours["sub/dir/pic_%date:yyyy%_64x48"],
        "SaveImage-rgba.png": ours["rgba"],
        "SaveAnimatedPNG.png": ours["anim_00002_.png"],
        "PreviewImage.png": previews[0],
        "MaskPreview.png": previews[-1],
    }
    for name, data in pairs.items():
        theirs = (SAVED / name).read_bytes()
        assert _chunks(data) == _chunks(theirs), name
        assert _pixels(data) == _pixels(theirs), name
    webp = (SAVED / "SaveAnimatedWEBP.webp").read_bytes()
    mine = ours["anim_00001_.webp"]
    assert _pixels(mine) == _pixels(webp)
    exif, expected = (Image.open(io.BytesIO(data)).getexif() for data in (mine, webp))
    assert dict(exif) == dict(expected)
    assert [Image.open(io.BytesIO(frame)).size for frame in bench.previews] == [(64, 48), (64, 48)]
    assert bench.steps == [(0, 2), (1, 2)]


def _pixels(data: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(image.convert("RGBA").tobytes())
        return frames


def test_the_workflow_travels_in_every_kind_of_file(bench: Bench) -> None:
    bench.prompt, bench.extra_pnginfo = {"1": {}}, {"workflow": {"nodes": []}, "more": 1}
    images = np.stack([np.zeros((8, 8, 3)), np.ones((8, 8, 3))]).astype(np.float32)
    run(bench, "SaveImage", images=images[:1], filename_prefix="a")
    run(
        bench,
        "SaveAnimatedWEBP",
        images=images,
        filename_prefix="b",
        fps=6.0,
        lossless=True,
        quality=80,
        method="fastest",
    )
    run(bench, "SaveAnimatedPNG", images=images, filename_prefix="c", fps=6.0, compress_level=0)
    still, webp, apng = bench.saved.values()
    assert Image.open(io.BytesIO(still)).info == {
        "prompt": '{"1": {}}',
        "workflow": '{"nodes": []}',
        "more": "1",
    }
    exif = Image.open(io.BytesIO(webp)).getexif()
    assert (exif[0x0110], exif[0x010F], exif[0x010E]) == (
        'prompt:{"1": {}}',
        'workflow:{"nodes": []}',
        "more:1",
    )
    comf = [data for kind, data in _chunks(apng) if kind == b"comf"]
    assert comf == [b'prompt\0{"1": {}}', b'workflow\0{"nodes": []}', b"more\0" + b"1"]
    assert Image.open(io.BytesIO(apng)).n_frames == Image.open(io.BytesIO(webp)).n_frames == 2


def test_one_picture_is_not_animated_unless_it_is_a_png(bench: Bench) -> None:
    """ComfyUI's own two answers: a WebP of one frame says no, a PNG always says yes."""
    webp = {"fps": 6.0, "lossless": True, "quality": 80, "method": "fastest"}
    said = []
    for count in (1, 2):
        images = np.zeros((count, 8, 8, 3), np.float32)
        for node, options in (
            ("SaveAnimatedWEBP", webp),
            ("SaveAnimatedPNG", {"fps": 6.0, "compress_level": 0}),
        ):
            made = run(bench, node, images=images, filename_prefix="a", **options)
            assert isinstance(made, Ui)
            said.append(made.ui["animated"])
    assert said == [[False], [True], [True], [True]]
