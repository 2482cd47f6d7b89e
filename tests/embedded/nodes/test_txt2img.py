"""The standard editor's default graph, run on the analytic model."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from comfy_notebook.embedded.nodes.analytic.model import CHECKPOINT
from comfy_notebook.embedded.nodes.registry import default_registry

from .kit import Bench, Cancelled, Folder, run_graph


def default_graph(**sampler: Any) -> dict[str, Any]:
    """The default workflow's graph, smaller, with only its checkpoint's name changed."""
    settings = {
        "seed": 156680208700286,
        "steps": 20,
        "cfg": 8,
        "sampler_name": "euler",
        "scheduler": "normal",
    }
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                **settings,
                "denoise": 1,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
                **sampler,
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINT}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 192, "batch_size": 1}},
        "6": {
            "class_type": "CLIPTextEncode",
            "inputs": {"text": "a glass bottle with a galaxy inside, mountains", "clip": ["4", 1]},
        },
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    }


def png_of(tmp_path: Path, **sampler: Any) -> tuple[bytes, Bench]:
    bench = Bench(Folder(tmp_path))
    run_graph(default_graph(**sampler), bench, default_registry())
    (png,) = bench.saved.values()
    return png, bench


def test_the_default_graph_makes_a_picture_with_a_preview_each_step(tmp_path: Path) -> None:
    png, bench = png_of(tmp_path)
    image = Image.open(io.BytesIO(png))
    assert (image.size, image.mode) == ((128, 192), "RGB")
    assert np.asarray(image).std() > 20
    assert bench.steps == [(step, 20) for step in range(1, 21)]
    previews = [Image.open(io.BytesIO(data)) for data in bench.previews]
    assert [(preview.format, preview.size) for preview in previews] == [("JPEG", (341, 512))] * 20
    assert len(set(bench.previews)) == 20


def test_a_seed_is_a_picture(tmp_path: Path) -> None:
    first, again, other = (png_of(tmp_path, seed=seed, steps=6)[0] for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_cancelling_takes_effect_at_the_next_evaluation(tmp_path: Path) -> None:
    class Impatient(Bench):
        def check_cancelled(self) -> None:
            if len(self.steps) == 2:
                raise Cancelled

    bench = Impatient(Folder(tmp_path))
    with pytest.raises(Cancelled):
        run_graph(default_graph(), bench, default_registry())
    assert len(bench.steps) == 2


def test_cancelling_takes_effect_while_scenes_are_drawn(tmp_path: Path) -> None:
    bench = Bench(Folder(tmp_path), cancel_after=4)
    with pytest.raises(Cancelled):
        run_graph(default_graph(), bench, default_registry())
    assert bench.steps == []
