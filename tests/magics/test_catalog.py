"""`%comfy nodes | node | models | upload`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
