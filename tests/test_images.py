"""One rule a mode: the array, the picture on the page, the upload and the mask agree."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from comfy_notebook import images
from comfy_notebook.client import packing
from comfy_notebook.display.results import bundle, picture
from comfy_notebook.errors import NoOutput, UploadRejected
from comfy_notebook.jobs.outputs import Output
from comfy_notebook.jobs.result import Result

PICTURES = Path(__file__).parent / "data" / "pictures"
SIZE = (5, 3)


def filled(mode: str, value: Any) -> Image.Image:
    return Image.new(mode, SIZE, value)


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


def palette(transparency: int | None = None) -> Image.Image:
    image = Image.new("P", SIZE, 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def rotated() -> Image.Image:
    """A red and a blue half, saved with the orientation "rotate by 90 degrees"."""
    image = Image.new("RGB", (4, 2), "red")
    image.paste("blue", (2, 0, 4, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif)
    return images.decode(out.getvalue(), "rotated.png")


def animated() -> Image.Image:
    out = io.BytesIO()
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return images.decode(out.getvalue(), "animated.webp")


def file(name: str) -> Image.Image:
    return images.decode((PICTURES / name).read_bytes(), name)


TABLE: list[tuple[str, Image.Image, list[int]]] = [
    ("1", filled("1", 1), [255]),
    ("L", filled("L", 7), [7]),
    ("RGB", filled("RGB", (1, 2, 3)), [1, 2, 3]),
    ("RGBA", filled("RGBA", (1, 2, 3, 4)), [1, 2, 3, 4]),
    ("RGBX", filled("RGBX", (1, 2, 3, 0)), [1, 2, 3]),
    ("LA", filled("LA", (7, 9)), [7, 7, 7, 9]),
    ("La", filled("LA", (100, 255)).convert("La"), [100, 100, 100, 255]),
    ("PA", filled("RGBA", (9, 8, 7, 255)).quantize(4).convert("PA"), [9, 8, 7, 255]),
    ("RGBa", filled("RGBA", (90, 80, 70, 255)).convert("RGBa"), [90, 80, 70, 255]),
    ("P", palette(), [200, 100, 50]),
    ("P with transparency", palette(transparency=1), [200, 100, 50, 0]),
    ("P from RGBA", filled("RGBA", (9, 8, 7, 6)).quantize(4), [9, 8, 7, 6]),
    ("CMYK", filled("CMYK", (0, 255, 255, 0)), [255, 0, 0]),
    ("YCbCr", filled("YCbCr", (128, 128, 128)), [128, 128, 128]),
    ("HSV", filled("HSV", (0, 255, 255)), [255, 0, 0]),
    ("LAB", filled("LAB", (0, 128, 128)), [0, 0, 0]),
    ("I", filled("I", 40_000), [155]),
    ("I black", filled("I", 0), [0]),
    ("I;16", filled("I;16", 40_000), [155]),
    ("I;16B", filled("I;16B", 40_000), [155]),
    ("F", filled("F", 0.5), [128]),
    ("uniform16.png", file("uniform16.png"), [155]),
    ("uniformF.tiff", file("uniformF.tiff"), [128]),
    ("rotated", rotated(), [255, 0, 0]),
    ("animated", animated(), [255, 0, 0]),
]


@pytest.mark.parametrize(("image", "pixel"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_mode_means_one_thing(image: Image.Image, pixel: list[int]) -> None:
    tolerance = 2 if image.mode == "LAB" else 0  # lcms rounds
    assert images.to_array(image)[0, 0].tolist() == pytest.approx(pixel, abs=tolerance)
    agree(image)


def agree(image: Image.Image) -> None:
    """Compare what `.array` shows with the page, the upload and the mask of the same picture."""
    array = images.to_array(image)
    colours = array if array.shape[2] > 1 else array.repeat(3, axis=2)

    page = Image.open(io.BytesIO(picture.fitted(image, at_most=10**9)))
    assert (images.to_array(page) == array).all()

    upload = Image.open(io.BytesIO(packing.pack(image).data))
    assert upload.mode in ("RGB", "RGBA"), "ComfyUI reads grey PNGs one level off"
    assert (numpy.asarray(upload) == colours).all()

    mask = numpy.asarray(packing.as_mask(image))
    grey = numpy.asarray(Image.fromarray(colours).convert("L"))
    alpha_is_the_mask = array.shape[2] == 4 and grey.min() == grey.max() and array[..., 3].min() < 255
    assert (mask == (255 - array[..., 3] if alpha_is_the_mask else grey)).all()


MODES = st.sampled_from(["1", "L", "LA", "RGB", "RGBA", "P", "I;16", "I", "F", "CMYK", "YCbCr", "HSV"])


@settings(deadline=None)
@given(MODES, st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_pixels_in_any_mode_agree(mode: str, width: int, height: int, seed: int) -> None:
    random = numpy.random.default_rng(seed)
    if mode in ("I;16", "I"):
        values = random.integers(0, 65536, (height, width))
        values[0, 0] = 65535
        image = Image.fromarray(values.astype(numpy.uint16 if mode == "I;16" else numpy.int32))
    elif mode == "F":
        image = Image.fromarray(random.random((height, width), numpy.float32))
    elif mode == "P":
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), numpy.uint8)).quantize(8)
    else:
        size = (width, height)
        bands = [
            Image.frombytes("L", size, random.bytes(width * height))
            for _ in Image.new(mode, (1, 1)).getbands()
        ]
        image = bands[0].convert("1") if mode == "1" else Image.merge(mode, bands)
    assert image.mode == mode
    agree(image)


ARRAYS: list[tuple[str, Any, list[int]]] = [
    ("uint8", numpy.full((3, 5), 7, numpy.uint8), [7]),
    ("uint8 H×W×1", numpy.full((3, 5, 1), 7, numpy.uint8), [7]),
    ("uint8 RGB", numpy.full((3, 5, 3), 7, numpy.uint8), [7, 7, 7]),
    ("uint8 RGBA", numpy.full((3, 5, 4), 7, numpy.uint8), [7, 7, 7, 7]),
    ("batch of one", numpy.full((1, 3, 5, 3), 7, numpy.uint8), [7, 7, 7]),
    ("bool", numpy.ones((3, 5), bool), [255]),
    ("float32", numpy.full((3, 5), 0.5, numpy.float32), [128]),
    ("float16 RGB", numpy.full((3, 5, 3), 1, numpy.float16), [255, 255, 255]),
    ("uint16", numpy.full((3, 5), 40_000, numpy.uint16), [155]),
    ("uint16 RGB", numpy.full((3, 5, 3), 65_535, numpy.uint16), [255, 255, 255]),
    ("uint16 black", numpy.zeros((3, 5), numpy.uint16), [0]),
    ("int32", numpy.full((3, 5), 200, numpy.int32), [200]),
    ("int64", numpy.full((3, 5), 255, numpy.int64), [255]),
    ("not contiguous", numpy.full((5, 3, 3), 7, numpy.uint8).transpose(1, 0, 2)[:, ::-1], [7, 7, 7]),
]


@pytest.mark.parametrize(("array", "pixel"), [row[1:] for row in ARRAYS], ids=[row[0] for row in ARRAYS])
def test_arrays_arrive_as_they_would_be_shown(array: Any, pixel: list[int]) -> None:
    image = images.from_array(array)
    assert image.size == SIZE
    assert images.to_array(image)[0, 0].tolist() == pixel
    agree(image)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (numpy.full((3, 5), 200, numpy.uint16), r"almost black\. .*array\.astype\('uint8'\)"),
        (numpy.full((3, 5), 40_000, numpy.int32), r"40000\. .*array\.astype\('uint16'\)"),
        (numpy.full((3, 5), 70_000, numpy.int32), "70000. Scale it"),
        (numpy.full((3, 5), -1), "beyond 0–255"),
        (numpy.full((3, 5), 255.0), r"0 to 1; .*255\. Divide it by 255"),
        (numpy.full((3, 5), numpy.nan), "0 to 1"),
        (numpy.full((3, 5), 1j), "complex"),
        (numpy.array([["a"]]), "<U1"),
        (numpy.zeros((3, 5, 2)), "3×5×2"),
        (numpy.zeros((3, 4, 5)), r"array\.transpose\(1, 2, 0\)"),
        (numpy.zeros((2, 3, 5, 3)), "one picture of the batch"),
        (numpy.zeros((0, 5, 3)), "not a picture"),
        (numpy.float32(0.5), "zero"),
        (filled("I", 70_000), r"65535; .*70000\. .*70000 \* 255"),
        (filled("I", -1), "-1 to -1"),
        (filled("I", 200), r"almost black\. .*image\.convert\('L'\)"),
        (filled("F", 200.0), r"0 to 1; .*200\. Divide it by 255: image\.point"),
    ],
    ids=str,
)
def test_what_would_change_on_the_way_is_refused_with_the_conversion(value: Any, said: str) -> None:
    with pytest.raises(UploadRejected, match=said):
        packing.pack(value)
    with pytest.raises(UploadRejected, match=said):
        packing.as_mask(value)


def test_a_picture_from_a_server_is_clipped_rather_than_refused() -> None:
    assert images.to_array(filled("I", 70_000)).max() == 255
    assert images.to_array(filled("F", 2.0)).max() == 255
    assert images.to_array(filled("F", float("nan"))).max() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_does(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = numpy.random.default_rng(1).integers(0, 256, (3, 5, 3), numpy.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", exif=exif)
    image = images.decode(out.getvalue(), "a.png")
    assert (images.to_array(image) == numpy.asarray(ImageOps.exif_transpose(image))).all()
    agree(image)


def test_damaged_exif_is_ignored() -> None:
    image = filled("RGB", (1, 2, 3))
    image.info["exif"] = b"Exif\0\0garbage"
    assert images.to_array(image)[0, 0].tolist() == [1, 2, 3]


def test_the_current_frame_of_an_animation_is_taken() -> None:
    image = animated()
    image.seek(2)
    assert images.to_array(image)[0, 0].tolist() == [0, 0, 255]
    agree(image)


def test_bytes_that_are_not_a_picture_are_named() -> None:
    with pytest.raises(NoOutput, match=r"a\.png is not a picture .*output\.bytes"):
        images.decode(b"garbage", "a.png")
    assert images.dimensions(b"garbage") is None


def test_pictures_beyond_pillows_own_limit_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)  # an error in Pillow from twice as many
    data = encoded(filled("RGB", (1, 2, 3)))
    assert images.to_array(images.decode(data, "a.png"))[0, 0].tolist() == [1, 2, 3]
    assert images.dimensions(data) == SIZE
    assert Image.MAX_IMAGE_PIXELS == 4, "the limit of the process is left alone"


def test_pictures_beyond_our_limit_are_refused_with_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LARGEST", 14)
    for decode in (images.decode, lambda data, label: images.reduced(data, label, 2)):
        with pytest.raises(NoOutput, match=r"a\.png is 5×3; .*output\.bytes"):
            decode(encoded(filled("L", 7)), "a.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_large_picture_is_reduced(format: str) -> None:
    image = Image.linear_gradient("L").resize((2000, 1000)).convert("RGB")
    small = images.reduced(encoded(image, format), "a", 100)
    assert 100 <= max(small.size) < 400
    assert abs(small.width - 2 * small.height) <= 1
    expected = images.to_array(image.resize(small.size))
    assert abs(images.to_array(small).astype(int) - expected).max() < 8


def test_a_large_result_is_shown_reduced_with_its_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LARGE", 1000)
    output = Output(node_id="9", kind="image", filename="a.png", data=encoded(Image.new("L", (9000, 300), 7)))
    shown, size = bundle.open_image(output)
    assert size == (9000, 300)
    assert max(shown.size) < 9000
    assert output._image is None, "the whole picture is not kept"
    assert output.array.shape == (300, 9000, 1)


def test_what_cannot_be_decoded_is_not_called_not_downloaded() -> None:
    output = Output(node_id="9", kind="image", filename="a.png", data=b"garbage")
    _, size = bundle.open_image(output)
    assert size is None
    result = bundle.result_text(Result("id", [output]))
    assert "not downloaded" not in result


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.fixture
def pillow_heif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stand-in for pillow-heif: "decodes" every HEIC as a white picture."""

    class HeifImageFile(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._size, self._mode, self.tile = SIZE, "RGB", []

        def load(self) -> Any:
            white = Image.new("RGB", SIZE, "white")
            self.im = white.im
            return white.load()

    def register() -> None:
        Image.register_open("HEIF", HeifImageFile, lambda head: head[4:8] == b"ftyp")

    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(register_heif_opener=register))
    yield
    Image.OPEN.pop("HEIF", None)
    Image.ID.remove("HEIF")


@pytest.mark.usefixtures("pillow_heif")
def test_heic_is_decoded_with_pillow_heif_and_sent_as_png() -> None:
    assert images.to_array(images.decode(HEIC, "a.heic")).min() == 255
    packed = packing.pack(HEIC, "IMG 1.HEIC")
    assert packed.name == "IMG 1.png"
    assert images.decode(packed.data, "it").size == SIZE


def test_heic_without_pillow_heif_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(NoOutput, match=r"a\.heic is a HEIC picture.*pip install pillow-heif"):
        images.decode(HEIC, "a.heic")
    with pytest.raises(UploadRejected, match=r"a\.heic is a HEIC picture.*PNG or JPEG.*pillow-heif"):
        packing.pack(HEIC, "a.heic")
    with pytest.raises(NoOutput, match="an AVIF picture"):
        images.decode(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "a.avif")
