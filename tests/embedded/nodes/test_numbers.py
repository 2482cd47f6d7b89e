"""The formulas against PyTorch, kornia and SciPy, which ComfyUI uses and this package does not.

`tests/data/pytorch_facts.json` holds what those libraries gave for a small made-up image.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_notebook.embedded.nodes.analytic.noise import NoiseStream
from comfy_notebook.embedded.nodes.resize import resize

from .kit import Bench, Folder, run

FACTS = json.loads((Path(__file__).parents[2] / "data" / "pytorch_facts.json").read_text())
BENCH = Bench(Folder(Path()))


def pattern(*shape: int) -> np.ndarray:
    """The made-up numbers, 0–1, that the facts were made from."""
    i = np.arange(int(np.prod(shape)))
    return ((i * i * 7 + i * 37) % 101 / 100).astype(np.float32).reshape(shape)


IMAGE = pattern(1, 5, 7, 3)


def close(ours: np.ndarray, theirs: list[float]) -> None:
    assert np.abs(ours.ravel() - np.array(theirs)).max() < 2e-5


def each(name: str) -> Any:
    return pytest.mark.parametrize(
        "fact", FACTS[name], ids=lambda f: "-".join(map(str, list(f.values())[:-1]))
    )


@each("interpolate")
def test_resizing(fact: dict[str, Any]) -> None:
    close(resize(IMAGE, fact["width"], fact["height"], fact["method"]), fact["values"])


@each("nearest")
def test_a_centre_on_a_border_goes_where_pytorch_puts_it(fact: dict[str, Any]) -> None:
    row = np.arange(fact["old"], dtype=np.float32).reshape(1, 1, -1, 1)
    assert resize(row, fact["new"], 1, "nearest-exact").ravel().tolist() == fact["cells"]


def test_such_a_centre_goes_elsewhere_where_there_is_alpha() -> None:
    """PyTorch gives pictures of four channels to another kernel: cell 70 of 141 (measured, torch 2.13)."""
    row = np.arange(2, dtype=np.float32).reshape(1, 1, 2, 1)
    for channels, cell in ((3, 1), (4, 0)):
        wide = resize(row.repeat(channels, axis=-1), 141, 1, "nearest-exact")
        assert wide[0, 0, 70].tolist() == [cell] * channels


@each("randn")
def test_noise_of_a_seed(fact: dict[str, Any]) -> None:
    close(NoiseStream(fact["seed"]).normal((fact["count"],)), fact["values"])


@each("blur")
def test_blur(fact: dict[str, Any]) -> None:
    (image,) = run(BENCH, "ImageBlur", image=IMAGE, blur_radius=fact["radius"], sigma=fact["sigma"])
    close(image, fact["values"])


@each("sharpen")
def test_sharpen(fact: dict[str, Any]) -> None:
    options = {"sharpen_radius": fact["radius"], "sigma": fact["sigma"], "alpha": fact["alpha"]}
    close(run(BENCH, "ImageSharpen", image=IMAGE, **options)[0], fact["values"])


@each("morphology")
def test_morphology(fact: dict[str, Any]) -> None:
    options = {"operation": fact["operation"], "kernel_size": fact["kernel_size"]}
    close(run(BENCH, "Morphology", image=IMAGE, **options)[0], fact["values"])


@each("grow")
def test_growing_a_mask(fact: dict[str, Any]) -> None:
    options = {"expand": fact["expand"], "tapered_corners": fact["tapered_corners"]}
    close(run(BENCH, "GrowMask", mask=pattern(6, 8), **options)[0], fact["values"])


def test_yuv_and_back() -> None:
    planes = run(BENCH, "ImageRGBToYUV", image=IMAGE)
    assert all(plane.shape == IMAGE.shape for plane in planes)
    close(np.stack([plane[..., 0] for plane in planes], -1), FACTS["yuv"]["to"])
    close(run(BENCH, "ImageYUVToRGB", **dict(zip("YUV", planes, strict=True)))[0], FACTS["yuv"]["back"])


@each("canny")
def test_edges(fact: dict[str, Any]) -> None:
    image = resize(pattern(1, 12, 16, 3)[:, ::4, ::4], 16, 12, "bilinear")
    (edges,) = run(BENCH, "Canny", image=image, low_threshold=fact["low"], high_threshold=fact["high"])
    assert edges[..., 1].ravel().tolist() == fact["edges"]


sides = st.integers(1, 40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    sides, sides, sides, sides, st.sampled_from(["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
)
def test_one_colour_stays_one_colour(
    height: int, width: int, to_height: int, to_width: int, method: str
) -> None:
    image = np.full((2, height, width, 3), 0.4, np.float32)
    result = resize(image, to_width, to_height, method)
    assert result.shape == (2, to_height, to_width, 3)
    assert np.allclose(result, 0.4, atol=1e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(sides, sides, st.integers(-50, 50), st.booleans())
def test_growing_and_shrinking_mirror_each_other(height: int, width: int, by: int, tapered: bool) -> None:
    mask = pattern(1, height, width)
    (grown,) = run(BENCH, "GrowMask", mask=mask, expand=by, tapered_corners=tapered)
    (shrunk,) = run(BENCH, "GrowMask", mask=1 - mask, expand=-by, tapered_corners=tapered)
    assert np.allclose(grown, 1 - shrunk, atol=1e-6)
    assert (grown >= mask).all() if by >= 0 else (grown <= mask).all()
