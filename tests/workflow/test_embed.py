"""A workflow written into a picture, and as a Python program, comes back as it was."""

from __future__ import annotations

import contextlib
import io
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import comfy_notebook
from comfy_notebook.errors import ComfyError
from comfy_notebook.workflow.workflow import Workflow

from . import carriers
from .support import catalog, example

API: dict[str, Any] = {
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "día 夜 😀"}, "_meta": {"title": "T"}}
}


def encoded(format: str, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((33, 20)).convert(mode).save(out, format, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("JPEG", "RGB", {}),
        ("JPEG", "L", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGB", {"exif": carriers._exif({}, {})}),
    ],
)
def test_the_pixels_stay_and_the_workflow_is_read_back(format: str, mode: str, options: Any) -> None:
    wf = Workflow.load(example("txt2img.editor"), nodes=catalog())
    before = encoded(format, mode, **options)
    after = wf.embed(before)
    found = Workflow.load(after)
    assert found.to_api() == wf.to_api()
    assert found.editor == wf.editor
    with Image.open(io.BytesIO(before)) as one, Image.open(io.BytesIO(after)) as other:
        assert one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
    again = Workflow.load(Workflow(API).embed(after))
    assert (again.to_api(), again.editor) == (API, None), "the first workflow was replaced"


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_orientation_and_other_exif_stay(format: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a boat"
    with Image.open(io.BytesIO(Workflow(API).embed(encoded(format, exif=exif)))) as image:
        assert (image.getexif()[0x0112], image.getexif()[0x010E]) == (6, "a boat")


def test_a_file_is_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    assert Workflow(API).embed(path) == path
    assert Workflow.load(path).to_api() == API
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(ComfyError, match=r"no file .*Did you mean 'a\.png'"):
        Workflow(API).embed(tmp_path / "aa.png")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"text", "cannot be written into this data"),
        (b"OggS" + bytes(50), "cannot be written into Ogg files"),
        (encoded("PNG")[:60], "PNG picture is damaged"),
        (encoded("WEBP")[:60], "WebP picture is damaged"),
        (b"\xff\xd8\xff\xe0", "JPEG picture is damaged"),
    ],
)
def test_what_cannot_hold_a_workflow_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ComfyError, match=said):
        Workflow(API).embed(data)


def test_a_workflow_too_large_for_a_jpeg_is_refused() -> None:
    wf = Workflow({"1": {"class_type": "A", "inputs": {"text": "x" * 70_000}}})
    with pytest.raises(ComfyError, match=r"at most 64 kB.*PNG or WebP"):
        wf.embed(encoded("JPEG"))


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([encoded("PNG"), encoded("JPEG"), encoded("WEBP")]), st.data())
def test_damaged_pictures_raise_only_comfy_errors(noise: bytes, data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    with contextlib.suppress(ComfyError):
        Workflow(API).embed(data[:at] + noise + data[at + len(noise) :])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NODES = st.fixed_dictionaries(
    {
        "class_type": st.text(min_size=1),
        "inputs": st.dictionaries(st.text(max_size=9) | st.just("class"), VALUES, max_size=3),
    },
    optional={
        "_meta": st.dictionaries(st.just("title") | st.text(max_size=5), VALUES, max_size=2),
        "is_changed": VALUES,
    },
)


def run(program: str) -> Any:
    """The graph that a program runs."""
    ran: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comfy_notebook, "run", lambda wf: ran.append(wf.to_api()), raising=False)
        exec(compile(program, "program", "exec"), {})
    return ran[0]


@settings(deadline=None)
@given(graph=st.dictionaries(st.text(min_size=1, max_size=5), NODES, min_size=1, max_size=3))
def test_a_python_program_rebuilds_the_graph_exactly(graph: Any) -> None:
    wf = Workflow(graph)
    assert run(wf.to_python()) == wf.to_api()


def test_the_program_reads_well() -> None:
    wf = Workflow.load(example("txt2img"))
    program = wf.to_python()
    assert "    '5': node('EmptyLatentImage', 'Empty Latent Image', width=" in program
    assert run(program) == wf.to_api()
    odd = Workflow({"1": {"class_type": "A", "inputs": {"size.width": 5, "class": 1, "x": math.inf}}})
    assert "x=float('inf'), **{'size.width': 5, 'class': 1}" in odd.to_python()
    assert run(odd.to_python()) == odd.to_api()
