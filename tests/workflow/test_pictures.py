"""A picture gives the same workflow from its path, its bytes, an open file and a PIL image of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from comfy_notebook.errors import NotAWorkflow
from comfy_notebook.workflow.workflow import Workflow

from . import carriers

API: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "día 夜 😀 {a|b}"}},
}
EDITOR: dict[str, Any] = {"nodes": [{"id": 3, "type": "KSampler", "title": "día 夜"}], "links": []}
SAVED = Path(__file__).parents[1] / "data" / "saved"


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG with a chunk of this kind, written as it is."""
    info = PngImagePlugin.PngInfo()
    info.add(kind, data)
    out = io.BytesIO()
    carriers.picture().save(out, "PNG", pnginfo=info)
    return out.getvalue()


def utf8(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def user_comment(code: bytes, codec: str) -> bytes:
    exif = Image.Exif()
    text = json.dumps({"prompt": API, "workflow": EDITOR}, ensure_ascii=False)
    exif[0x8769] = {0x9286: code + text.encode(codec)}
    return exif.tobytes()


def raw_profile(kind: str) -> bytes:
    digits = user_comment(b"UNICODE\0", "utf-16-le").hex()
    lines = "\n".join(digits[n : n + 72] for n in range(0, len(digits), 72))
    info = PngImagePlugin.PngInfo()
    info.add_text(f"Raw profile type {kind}", f"\n{kind}\n    {len(digits) // 2}\n{lines}\n", zip=True)
    out = io.BytesIO()
    carriers.picture().save(out, "PNG", pnginfo=info)
    return out.getvalue()


def saved(format: str, exif: bytes) -> bytes:
    out = io.BytesIO()
    carriers.picture().save(out, format, exif=exif)
    return out.getvalue()


PICTURES = {
    "tEXt": carriers.png(API, EDITOR),
    "tEXt in UTF-8": chunk(b"tEXt", b"prompt\0" + utf8(API)),
    "zTXt": carriers.png(API, EDITOR, "zTXt"),
    "iTXt": carriers.png(API, EDITOR, "iTXt"),
    "packed iTXt": carriers.png(API, EDITOR, "iTXt packed"),
    "comf": chunk(b"comf", b"prompt\0" + json.dumps(API).encode()),
    "eXIf": saved("PNG", user_comment(b"UNICODE\0", "utf-16-le")),
    "raw profile exif": raw_profile("exif"),
    "raw profile APP1": raw_profile("APP1"),
    "JPEG Make": carriers.jpeg(API, EDITOR),
    "JPEG UserComment, big endian": saved("JPEG", user_comment(b"UNICODE\0", "utf-16-be")),
    "JPEG UserComment, little endian": saved("JPEG", user_comment(b"UNICODE\0", "utf-16-le")),
    "JPEG UserComment, UTF-8": saved("JPEG", user_comment(b"\0" * 8, "utf-8")),
    "WebP": carriers.webp(API, EDITOR),
    "WebP UserComment": saved("WEBP", user_comment(b"UNICODE\0", "utf-16-be")),
    "AVIF": carriers.avif(API, EDITOR),
}


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES.keys())
def test_the_same_answer_from_every_source(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)
    with Image.open(path) as opened, Image.open(path) as loaded, path.open("rb") as file:
        loaded.load()
        kept = Image.open(io.BytesIO(data))
        kept.load()
        sources: list[Any] = [path, data, io.BytesIO(data), file, opened, loaded, kept]
        if b"comf" not in data:  # Pillow leaves private chunks out of a copy
            sources.append(loaded.copy())
        found = [Workflow.load(source) for source in sources]
    assert [wf.to_api() for wf in found] == [API] * len(found)
    assert [wf.editor for wf in found] == [found[0].editor] * len(found)


def test_reading_an_open_image_leaves_it_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(carriers.png(API, EDITOR))
    with Image.open(path) as image:
        Workflow.load(image)
        assert image.getpixel((0, 0)) == (200, 30, 60)


def test_a_picture_drawn_anew_has_no_workflow_of_the_file_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(carriers.png(API, EDITOR))
    with Image.open(path) as opened:
        image = Image.frombytes("RGB", (8, 8), opened.tobytes())
    with pytest.raises(NotAWorkflow, match="has no workflow in it"):
        Workflow.load(image)


@pytest.mark.parametrize("name", ["SaveImage.png", "SaveAnimatedPNG.png", "SaveAnimatedWEBP.webp"])
def test_what_comfyui_saved_reads_the_same_as_a_pil_image(name: str) -> None:
    path = SAVED / name
    image = Image.open(io.BytesIO(path.read_bytes()))
    image.load()
    assert Workflow.load(image).to_api() == Workflow.load(path).to_api()


@pytest.mark.parametrize(
    ("key", "program"),
    [("parameters", "A1111"), ("invokeai_metadata", "InvokeAI"), ("fooocus_scheme", "Fooocus")],
)
def test_pictures_of_other_programs_are_named(key: str, program: str) -> None:
    with pytest.raises(NotAWorkflow, match=f"generation parameters of {program}"):
        Workflow.load(chunk(b"tEXt", key.encode() + b"\0a1111"))
