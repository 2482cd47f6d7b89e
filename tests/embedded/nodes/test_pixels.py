"""The image and mask nodes against a real ComfyUI: the same graphs, the same pixels within 1/255.

Each pair in `tests/data/pixels` is a graph and the images that ComfyUI 0.3.64 saved for it.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from comfy_notebook.embedded.nodes.registry import default_registry

from .kit import Bench, Folder, run_graph

PAIRS = Path(__file__).parents[2] / "data" / "pixels"
NAMES = sorted(path.stem for path in PAIRS.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_comfyuis(name: str) -> None:
    pair = json.loads((PAIRS / f"{name}.json").read_text())
    bench = Bench(Folder(PAIRS))
    if pair.get("error"):
        with pytest.raises(IndexError):
            run_graph(pair["graph"], bench, default_registry())
        return
    run_graph(pair["graph"], bench, default_registry())
    assert len(bench.saved) == pair["images"]
    for number, data in enumerate(bench.saved.values()):
        ours = np.asarray(Image.open(io.BytesIO(data))).astype(int)
        theirs = np.asarray(Image.open(PAIRS / f"{name}.{number}.png")).astype(int)
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1
