"""What the mask nodes do, on masks small enough to be checked by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.base import Ui

from .kit import Bench, Cancelled, Folder, run

BENCH = Bench(Folder(Path()))


def one(class_type: str, **inputs: Any) -> list[list[float]]:
    return np.round(run(BENCH, class_type, **inputs)[0][0].astype(float), 4).tolist()


def mask(*rows: Any) -> np.ndarray:
    return np.array(rows, np.float32)[None]


DOT = mask(*[[float(row == column == 2) for column in range(5)] for row in range(5)])


def test_plain_ones() -> None:
    assert one("SolidMask", value=0.25, width=3, height=2) == [[0.25] * 3] * 2
    assert one("InvertMask", mask=mask([0, 0.25])) == [[1, 0.75]]
    assert one("ThresholdMask", mask=mask([0.4, 0.5, 0.6]), value=0.5) == [[0, 0, 1]]
    assert one("CropMask", mask=DOT, x=2, y=2, width=9, height=1) == [[1, 0, 0]]
    assert run(BENCH, "CropMask", mask=DOT, x=9, y=0, width=2, height=2)[0].shape == (1, 2, 0)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0.42, 0, 0.4]),
        ("add", [1, 0.4, 1]),
        ("subtract", [0, 0, 0.6]),
        ("and", [1, 0, 0]),
        ("or", [1, 0, 1]),
        ("xor", [0, 0, 1]),
    ],
)
def test_composites_of_masks(operation: str, expected: list[float]) -> None:
    under, over = mask([0.6, 0.0, 1.0]), mask([0.7, 0.4, 0.4])
    assert one("MaskComposite", destination=under, source=over, x=0, y=0, operation=operation) == [expected]


def test_a_composite_is_cut_at_the_edge() -> None:
    under, over = mask([0.0, 0.0], [0.0, 0.0]), mask([1.0, 1.0], [1.0, 1.0])
    placed = {"destination": under, "source": over, "operation": "add"}
    assert one("MaskComposite", x=1, y=1, **placed) == [[0, 0], [0, 1]]


def test_feathering_counts_the_far_sides_from_cell_zero() -> None:
    """The first step from the right falls on column 0, the next on the last one: so ComfyUI does."""
    solid = np.ones((1, 1, 6), np.float32)
    assert one("FeatherMask", mask=solid, left=2, top=0, right=0, bottom=0) == [[0.5, 1, 1, 1, 1, 1]]
    assert one("FeatherMask", mask=solid, left=0, top=0, right=2, bottom=0) == [[0.5, 1, 1, 1, 1, 1]]
    assert one("FeatherMask", mask=solid, left=0, top=0, right=4, bottom=0) == [[0.25, 1, 1, 1, 0.75, 0.5]]
    assert one("FeatherMask", mask=solid, left=99, top=0, right=0, bottom=0)[0][-1] == 1


def test_growing_with_and_without_tapered_corners() -> None:
    assert one("GrowMask", mask=DOT, expand=1, tapered_corners=True)[1] == [0, 0, 1, 0, 0]
    assert one("GrowMask", mask=DOT, expand=1, tapered_corners=False)[1] == [0, 1, 1, 1, 0]
    assert np.sum(one("GrowMask", mask=DOT, expand=-1, tapered_corners=True)) == 0
    assert one("GrowMask", mask=DOT, expand=0, tapered_corners=False)[2] == [0, 0, 1, 0, 0]


def test_growing_past_the_edge_ends_when_nothing_changes() -> None:
    bench = Bench(Folder(Path()))
    (full,) = run(bench, "GrowMask", mask=DOT, expand=16384, tapered_corners=True)
    assert full.min() == 1
    assert bench.looks < 10
    bench.cancel_after = 0
    with pytest.raises(Cancelled):
        run(bench, "GrowMask", mask=DOT, expand=5, tapered_corners=True)


def test_masks_and_images() -> None:
    (image,) = run(BENCH, "MaskToImage", mask=mask([0.25, 0.5]))
    assert image.shape == (1, 1, 2, 3)
    assert one("ImageToMask", image=image, channel="blue") == [[0.25, 0.5]]
    with pytest.raises(IndexError):
        one("ImageToMask", image=image, channel="alpha")


def test_one_exact_colour() -> None:
    image = (np.array([[[255, 128, 0], [255, 128, 1]]], np.float32) / 255)[None]
    assert one("ImageColorToMask", image=image, color=0xFF8000) == [[1, 0]]


def test_a_preview_is_a_temporary_picture() -> None:
    shown = run(Bench(Folder(Path())), "MaskPreview", mask=DOT)
    assert isinstance(shown, Ui)
    (picture,) = shown.ui["images"]
    assert picture["type"] == "temp"
