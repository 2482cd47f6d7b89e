"""Workflows out of files: every carrier ComfyUI writes, and nothing but a ComfyError from the rest."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from comfy_notebook.errors import (
    ComfyError,
    ConnectionFailed,
    InvalidWorkflow,
    NotAWorkflow,
    WorkflowNotFound,
)
from comfy_notebook.workflow import documents, files
from comfy_notebook.workflow.workflow import Workflow

from . import carriers
from .support import EXAMPLES, ROOT, catalog, example

API = example("txt2img")
EDITOR = example("txt2img.editor")


# -- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        API,
        {"prompt": API},
        {"prompt": json.dumps(API)},
        {"client_id": "x", "prompt": API, "extra_data": {"extra_pnginfo": {"workflow": EDITOR}}},
        {"output": API, "workflow": EDITOR},
        {"b4c5": {"prompt": [3, "b4c5", API, {"client_id": "x"}, ["9"]], "outputs": {}}},
        {"id": "b4c5", "status": "completed", "workflow": {"prompt": API, "extra_data": {}}},
    ],
    ids=["bare", "prompt", "text in prompt", "POSTed", "exported", "history", "job"],
)
@pytest.mark.parametrize("form", ["dict", "text", "bytes", "path", "str path", "open file"])
def test_api_json_in_every_wrapping(document: Any, form: str, tmp_path: Path) -> None:
    path = tmp_path / "wf.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    source: Any = {
        "dict": document,
        "text": "\n " + json.dumps(document),
        "bytes": json.dumps(document).encode(),
        "path": path,
        "str path": str(path),
        "open file": io.BytesIO(path.read_bytes()),
    }[form]
    assert Workflow.load(source).to_api() == API


def test_editor_json_is_told_apart() -> None:
    wf = Workflow.load(EXAMPLES / "txt2img.editor.json")
    assert not wf.is_converted
    assert wf.editor == EDITOR
    assert str(wf.source) == "from txt2img.editor.json (JSON, editor format)"


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_text_files_of_windows(codec: str) -> None:
    assert Workflow.load(json.dumps(API).encode(codec)).to_api() == API


def test_nan_and_infinity_are_read() -> None:
    text = '{"1": {"class_type": "A", "inputs": {"x": NaN, "y": -Infinity}, "is_changed": [NaN]}}'
    inputs = Workflow.load(text).to_api()["1"]["inputs"]
    assert inputs["x"] != inputs["x"]
    assert inputs["y"] == float("-inf")


# -- pictures, video, sound, 3D ------------------------------------------------------------------


@lru_cache(maxsize=64)
def carrier(name: str) -> bytes:
    if name in carriers.MEDIA:
        pytest.importorskip("av")
    if name == "AVIF":
        Image.init()
        if "AVIF" not in Image.SAVE:
            pytest.skip("this Pillow cannot write AVIF")
    return ({**carriers.PICTURES, **carriers.MEDIA})[name](API, EDITOR)


@pytest.mark.parametrize("name", [*carriers.PICTURES, *carriers.MEDIA])
def test_the_executed_prompt_is_preferred_and_the_editors_kept(name: str, tmp_path: Path) -> None:
    path = tmp_path / "made.bin"  # the content counts, not the name
    path.write_bytes(carrier(name))
    wf = Workflow.load(path)
    assert wf.to_api() == API
    assert wf.editor == EDITOR
    assert str(wf.source) == f"from made.bin ({name.split()[0]}, API format with the editor's workflow)"


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "data" / "saved").iterdir()), ids=lambda p: p.name)
def test_files_a_real_comfyui_saved(path: Path) -> None:
    wf = Workflow.load(path)
    assert wf.is_converted
    class_type = path.stem.partition("-")[0]
    assert class_type in {node.class_type for node in wf}


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "mpeg4"), ("mov", "mpeg4"), ("webm", "libvpx-vp9"), ("matroska", "mpeg4")],
)
def test_one_comment_with_both_as_other_savers_write_it(container: str, codec: str) -> None:
    pytest.importorskip("av")
    comment = json.dumps({"prompt": json.dumps(API), "workflow": EDITOR})
    wf = Workflow.load(carriers.media(container, codec, texts={"comment": comment}))
    assert wf.to_api() == API
    assert wf.editor == EDITOR


def test_a_picture_with_the_editors_workflow_alone() -> None:
    wf = Workflow.load(carriers.png(None, EDITOR))
    assert not wf.is_converted
    assert wf.editor == EDITOR


def test_text_in_any_language_survives() -> None:
    graph = {"1": {"class_type": "A", "inputs": {"text": "灯台 – phare 🗼"}}}
    for how in ("tEXt", "iTXt", "zTXt"):
        assert Workflow.load(carriers.png(graph, None, how)).to_api() == graph


def test_an_open_image_and_an_output_of_a_run_are_taken() -> None:
    data = carriers.png(API, EDITOR)
    assert Workflow.load(Image.open(io.BytesIO(data))).to_api() == API

    class Output:
        filename = "ComfyUI_00001_.png"
        bytes = data

    class Result:
        def __init__(self) -> None:
            self.outputs = [Output()]

    assert Workflow.load(Output()).to_api() == API
    assert "ComfyUI_00001_.png" in repr(Workflow.load(Result()))


def test_a_damaged_end_does_not_matter_once_the_workflow_is_read() -> None:
    data = carriers.png(API, None)
    assert Workflow.load(data[: data.index(b"IDAT") + 6]).to_api() == API


# -- not a workflow -------------------------------------------------------------------------


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "txt2img.json").write_text("{}")
    with pytest.raises(WorkflowNotFound, match=r"Did you mean 'txt2img\.json'"):
        Workflow.load(tmp_path / "txt2imag.json")
    with pytest.raises(WorkflowNotFound) as caught:
        Workflow.load(tmp_path / "other.json")  # that it ends in .json too makes no file like it
    assert str(caught.value).endswith(f"Looked in {str(tmp_path)!r}.")
    (tmp_path / "workflows").mkdir()
    with pytest.raises(WorkflowNotFound, match=r"no folder '\S+workflow' either. Did you mean 'workflows'"):
        Workflow.load(tmp_path / "workflow" / "a.json")
    with pytest.raises(WorkflowNotFound, match="no folder"):
        Workflow.load(str(tmp_path / "nowhere" / "a.json"))
    with pytest.raises(WorkflowNotFound, match=r"is a folder.*txt2img\.json"):
        Workflow.load(tmp_path)
    with pytest.raises(WorkflowNotFound):
        Workflow.load("a\0b.json")


@pytest.mark.parametrize(
    ("here", "asked", "found"),
    [
        (".", "txt2img.json", "notebooks/txt2img.json"),
        ("notebooks", "notebooks/txt2img.json", "txt2img.json"),
        ("other", "notebooks/txt2img.json", "../notebooks/txt2img.json"),
    ],
)
def test_a_path_relative_to_another_folder_is_suggested(
    here: str, asked: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("notebooks", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks" / "txt2img.json").write_text("{}")
    monkeypatch.chdir(tmp_path / here)
    with pytest.raises(WorkflowNotFound, match=f"Did you mean '{found}'"):
        Workflow.load(asked)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (b"", "The data is empty"),
        (b"<!DOCTYPE html><html>", "raw or download link"),
        (b"PK\x03\x04....", "zip"),
        (b"plain text", "nor a kind of file"),
        (b'{"1": {"class_type": "A"', "broken"),
        ({"a": 1, "b": 2}, "The dict is not a workflow: it holds only 'a', 'b'"),
        ({}, "no nodes"),
        ("[1, 2]", "no file"),
        ("  ", "name of the workflow is empty"),
        ('{"1"', "The text looks like JSON but is broken"),
        (carriers.picture(), "The image has no workflow in it"),
        (b"[1, 2]", "a list"),
        (42, "type int"),
        (carriers.png(None, None), "a PNG file, has no workflow in it"),
    ],
)
def test_other_kinds_of_file_are_named(source: Any, says: str) -> None:
    with pytest.raises((NotAWorkflow, WorkflowNotFound), match=says):
        Workflow.load(source)


def test_pictures_of_other_programs_are_recognised() -> None:
    info = carriers.PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20")
    file = io.BytesIO()
    carriers.picture().save(file, "PNG", pnginfo=info)
    with pytest.raises(NotAWorkflow, match="generation parameters"):
        Workflow.load(file.getvalue())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAWorkflow, match="not an ordinary file"):
        Workflow.load(tmp_path / "pipe")


# -- hostile -------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"1":{"class_type":"A","inputs":{"x":['])
def test_deep_json_is_refused(opening: str) -> None:
    with pytest.raises((InvalidWorkflow, NotAWorkflow)):
        Workflow.load((opening * 50_000).encode())
    closing = {"[": "]", "{": "}"}
    closers = "".join(closing[c] for c in reversed(opening) if c in closing)
    with pytest.raises((InvalidWorkflow, NotAWorkflow), match=r"deep|not a workflow"):
        Workflow.load((opening * 300 + "1" + closers * 300).encode())


def test_a_dict_that_holds_itself_is_refused() -> None:
    graph: dict[str, Any] = {"1": {"class_type": "A", "inputs": {}}}
    graph["1"]["inputs"]["self"] = graph
    with pytest.raises(InvalidWorkflow, match="deep"):
        Workflow.load(graph)


def test_a_node_that_is_there_twice_is_named() -> None:
    text = '{"3": {"class_type": "A", "inputs": {}}, "3": {"class_type": "B", "inputs": {}}}'
    with pytest.raises(InvalidWorkflow, match="'3' is in it twice"):
        Workflow.load(text)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + bytes(4)


def test_a_compressed_bomb_is_refused_quickly() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(b" " * 2**20) for _ in range(512)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(NotAWorkflow, match="larger than any workflow"):
        Workflow.load(b"\x89PNG\r\n\x1a\n" + _chunk(b"zTXt", b"prompt\0\0" + bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * 2**20


def test_text_larger_than_any_workflow_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate(2**31)
    tracemalloc.start()
    with pytest.raises(NotAWorkflow, match="larger than any workflow"):
        Workflow.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**20


def test_a_huge_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IDAT")
        file.seek(2**31 - 1 + 4, 1)
        file.write(_chunk(b"tEXt", b"prompt\0" + json.dumps(API).encode()))
    tracemalloc.start()
    assert Workflow.load(path).to_api() == API
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**20


def test_wrong_lengths_are_refused() -> None:
    for data in (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31) + b"tEXtprompt",
        b"RIFF\xff\xff\xff\xffWEBPEXIF" + struct.pack("<I", 2**31) + b"II*\0",
        b"\xff\xd8\xff\xe1\0\x30Exif\0\0II*\0\x08\0\0\0\1\0\x10\1\2\0\0\0\0\x7f\x1a\0\0\0" + bytes(40),
        b"\0\0\0\x08ftyp" + b"\0\0\0\x09moov" * 3,
        b"fLaC\x84\xff\xff\xff",
        b"ID3\4\0\0\x7f\x7f\x7f\x7fTXXX",
    ):
        with pytest.raises(NotAWorkflow):
            Workflow.load(data)


def test_endless_parts_are_refused() -> None:
    for data in (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"teST", b"") * 300_000,
        b"\0\0\0\x14ftypmp42" + bytes(8) + b"\0\0\0\x08free" * 300_000,
        b"\0\0\0\x14ftypmp42"
        + bytes(8)
        + b"".join(struct.pack(">I", 8 * n) + b"moov" for n in range(900, 0, -1)),
        b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 300_000,
    ):
        with pytest.raises(NotAWorkflow):
            Workflow.load(data)


MAGICS = [
    *(b"", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff", b"fLaC", b"OggS", b"ID3", b"glTF"),
    *(b"\0\0\0\x10ftypmp42", b"\0\0\0\x10ftypavif", b"\x1a\x45\xdf\xa3", b"<svg", b"{", b"["),
    b"\x10\0\0\0\0\0\0\0{",
]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(MAGICS))
def test_random_bytes_raise_only_comfy_errors(data: bytes, magic: bytes) -> None:
    with contextlib.suppress(ComfyError):
        Workflow.load(magic + data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_files_raise_only_comfy_errors(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([n for n in carriers.PICTURES if n != "AVIF"]))
    broken = bytearray(carrier(name))
    for _ in range(data.draw(st.integers(1, 6))):
        where = data.draw(st.integers(0, len(broken) - 1))
        broken[where] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(0, len(broken)))] if data.draw(st.booleans()) else broken
    with contextlib.suppress(ComfyError):
        wf = Workflow.load(bytes(broken))
        repr(wf)
        if wf.is_converted:
            wf.to_api()
            wf.inputs()
            wf.validate(catalog())


@pytest.mark.parametrize("name", ["AVIF", *carriers.MEDIA])
def test_damaged_media_raise_only_comfy_errors(name: str) -> None:
    whole = carrier(name)

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.integers(0, min(len(whole), 4000) - 1), st.integers(0, 255), st.integers(0, len(whole)))
    def damaged(where: int, byte: int, cut: int) -> None:
        broken = bytearray(whole)
        broken[where] = byte
        broken[-1 - where] = byte
        for version in (bytes(broken), bytes(broken[:cut])):
            with contextlib.suppress(ComfyError):
                repr(Workflow.load(version))

    damaged()


KEYS = [
    *("1", "2", "prompt", "workflow", "output", "nodes", "links", "inputs", "class_type", "_meta", "title"),
    *("id", "type", "outputs", "definitions", "subgraphs", "name", "link"),
]
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None)
@given(json_like)
def test_random_documents_raise_only_comfy_errors(document: Any) -> None:
    with contextlib.suppress(ComfyError):
        wf = Workflow.load(json.dumps(document))
        repr(wf)
        if wf.is_converted:
            wf.inputs()
            wf.outputs()
            wf.validate(catalog())


# -- URLs ----------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert "authorization" not in self.headers
            assert "x-api-key" not in self.headers
            bodies = {"/a.json": json.dumps(API).encode(), "/b.png": carriers.png(API, EDITOR)}
            body = bodies.get(self.path.partition("?")[0])
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/b.png")
                self.end_headers()
            elif self.path == "/loop":
                self.send_response(302)
                self.send_header("Location", "/loop")
                self.end_headers()
            elif body is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_urls(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wf = Workflow.load(f"{server}/a.json?token=secret-value")
    assert wf.to_api() == API
    assert "secret-value" not in repr(wf)
    assert "a.json on 127.0.0.1" in repr(wf)
    assert Workflow.load(f"{server}/moved").editor == EDITOR
    with pytest.raises(WorkflowNotFound, match="404"):
        Workflow.load(f"{server}/none.json")
    with pytest.raises(ConnectionFailed):
        Workflow.load(f"{server}/loop")
    with pytest.raises(ConnectionFailed):
        Workflow.load("http://127.0.0.1:9/a.json")
    monkeypatch.setattr(files, "LONGEST_DOWNLOAD", -1.0)
    with pytest.raises(ComfyError, match="took longer"):
        Workflow.load(f"{server}/a.json")
    monkeypatch.setattr(files, "LARGEST_DOWNLOAD", 100)
    with pytest.raises(ComfyError, match="larger"):
        Workflow.load(f"{server}/a.json")


# -- saving --------------------------------------------------------------------------------------


def test_save_and_load_again(tmp_path: Path) -> None:
    wf = Workflow.load(API)
    path = wf.save(tmp_path / "out.json")
    wf["3"].seed = 5
    assert wf.save(str(path)) == path  # an API-format file is replaced
    assert Workflow.load(path).to_api() == wf.to_api()
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_save_does_not_clobber_other_files(tmp_path: Path) -> None:
    wf = Workflow.load(API)
    for name, data in (
        ("e.json", json.dumps(EDITOR).encode()),
        ("p.png", carriers.png(API, EDITOR)),
        ("t", b"x"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ComfyError, match="overwrite=True"):
            wf.save(path)
        assert path.read_bytes() == data
        wf.save(path, overwrite=True)
        assert Workflow.load(path).to_api() == API
    with pytest.raises(ComfyError, match="could not be written"):
        wf.save(tmp_path / "no" / "such" / "folder.json")


def test_parse_says_where_json_breaks() -> None:
    with pytest.raises(documents.NotJSON, match="line 1 column"):
        documents.parse('{"a": }', "x")
