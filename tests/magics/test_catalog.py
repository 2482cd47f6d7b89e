"""`%comfy nodes | node | models | upload`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import comfy_notebook as comfy

from .conftest import Notebook


def test_nodes_by_words(connected: Notebook) -> None:
    ran = connected("t = %comfy nodes scale image")
    assert ran.error is None, ran.text
    assert "ImageScale" in [row[0] for row in connected["t"]]
    assert "No node class matches 'xyzzy'" in connected("%comfy nodes xyzzy").out


def test_a_node(connected: Notebook) -> None:
    ran = connected("%comfy node KSampler")
    assert ran.error is None, ran.text
    assert "sampler_name" in ran.out
    ran = connected("%comfy node KSampeler")
    assert isinstance(ran.error, comfy.UnknownNode)
    assert "KSampler" in ran.text


def test_models(connected: Notebook) -> None:
    connected("m = %comfy models checkpoints")
    assert "analytic-scenes.safetensors" in [str(name) for name in connected["m"]]


def test_upload(connected: Notebook, folder: Path) -> None:
    picture = Image.new("RGB", (9, 7), (10, 20, 30))
    picture.save(folder / "small.png")
    for what in ("small.png", "picture", "{picture}", "pixels"):
        ran = connected(f"r = %comfy upload {what}", picture=picture, pixels=np.asarray(picture))
        assert ran.error is None, ran.text
        assert f"Uploaded as {connected['r'].name}" in ran.out
    wf = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "up"}},
    }
    ran = connected("x = %comfy run wf 1.image={r.name};", wf=wf)
    assert ran.error is None, ran.text
    assert connected["x"].image.size == (9, 7)


def test_upload_of_a_mask(connected: Notebook, folder: Path) -> None:
    picture = Image.new("RGB", (8, 8), (200, 0, 0))
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    connected("o = %comfy upload picture;", picture=picture)
    ran = connected("m = %comfy upload mask --mask o", mask=mask)
    assert ran.error is None, ran.text
    wf = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x"}},
        "3": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 1]}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "m"}},
    }
    ran = connected("x = %comfy run wf 1.image={m.name};", wf=wf)
    assert ran.error is None, ran.text
    assert (connected["x"].array[:4] == 255).all()
    assert (connected["x"].array[4:] == 0).all()


def test_a_file_that_is_not_there(connected: Notebook) -> None:
    assert "Did you mean 'plain.json'" in connected("%comfy upload plane.json").text
    ran = connected("%comfy upload nothing.png")
    assert isinstance(ran.error, comfy.ComfyError)
    assert "nothing.png" in ran.text
    assert "Traceback" not in ran.text


def test_models_of_a_workflow(connected: Notebook, folder: Path) -> None:
    wf = comfy.Workflow(
        {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}}}
    )
    wf.save(folder / "needs.json")
    for what in ("needs.json", "wf"):
        ran = connected(f"m = %comfy models {what}", wf=wf)
        assert ran.error is None, ran.text
        assert [(file.folder, file.name, file.here) for file in connected["m"]] == [
            ("checkpoints", "x.safetensors", False)
        ]


def test_missing_models_are_downloaded_where_a_url_is_known(
    connected: Notebook, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, str]] = []

    def download(url: str, path: Path, *, sha256: str, progress: object) -> None:
        asked.append((url, path.relative_to("models").as_posix(), sha256))
        path.write_bytes(b"model")

    monkeypatch.setattr("comfy_notebook.web.download", download)
    monkeypatch.setattr("comfy_notebook.web.length", lambda url: 3 << 20)
    names = ["x.safetensors", "../out.safetensors", "unknown.safetensors"]
    models = [{"name": name.rpartition("/")[2], "url": f"https://hf.co/{n}", "directory": "checkpoints",
               "hash": "ab"} for n, name in enumerate(names[:2])]  # fmt: skip
    wf = comfy.Workflow(
        {
            str(n): {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}}
            for n, name in enumerate(names)
        },
        editor={"nodes": [{"id": 1, "type": "Note", "properties": {"models": models}}]},
    )
    ran = connected("m = %comfy models wf --get models", wf=wf)
    assert ran.error is None, ran.text
    assert asked == [("https://hf.co/0", "checkpoints/x.safetensors", "ab")]
    assert "../out.safetensors: its name is not safe; left out" in ran.out
    assert "unknown.safetensors: no URL is known; left out" in ran.out
    assert "Downloading 3.0 MB." in ran.out
    assert "Nothing to download" in connected("m = %comfy models wf --get models", wf=wf).out
    assert "needs a workflow" in connected("%comfy models --get models").text


def test_the_name_of_an_upload(connected: Notebook, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.png").write_bytes(b"x")
    asked: list[dict[str, object]] = []
    stored = SimpleNamespace(name="stored.png")
    monkeypatch.setattr(comfy.Client, "upload", lambda self, what, **more: asked.append(more) or stored)
    assert connected("%comfy upload a.png --name mine.png").error is None
    assert connected("%comfy upload a.png").error is None
    assert asked == [{"name": "mine.png"}, {}]
