"""From conditionings to one prediction: areas and masks, time ranges, classifier-free guidance.

A CONDITIONING is a list of entries `(embedding, options)`; the embedding is (1, tokens, concepts), its
rows adding up to the tilts of `words`. Options are ComfyUI's: `area`, `strength`, `mask`,
`mask_strength`, `set_area_to_bounds`, `start_percent`, `end_percent`. Overlapping entries are averaged
by weight, as ComfyUI averages them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..resize import resize_mask
from .model import AnalyticModel, Canvas, within_range
from .noise import Array
from .schedules import percent_to_sigma

Entry = tuple[Array, Mapping[str, Any]]
Conditioning = Sequence[Entry]
Box = tuple[int, int, int, int]

_FEATHER = 8


class Guidance:
    """The predictions of one model under one or more conditionings, for one latent size."""

    def __init__(
        self,
        model: AnalyticModel,
        shape: tuple[int, ...],
        mask: Array | None = None,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """`mask` (B, 1, h, w) is what is to be repainted; the model then looks mostly there.

        `pause` is called before each item's prediction; what it raises ends the run.
        """
        self._model = model
        self._shape = shape
        self._pause = pause
        self._whole: Canvas | None = None
        if mask is not None and float(mask.min()) < 1.0:
            self._whole = model.masked_canvas(mask.max(axis=(0, 1)), pause)

    def predict(self, x: Array, sigma: float, conditionings: Sequence[Conditioning]) -> list[Array]:
        """One prediction of x's shape for each conditioning; zeros where none of its entries reaches."""
        parts = [
            (number, _box(entry, self._shape), entry)
            for number, conditioning in enumerate(conditionings)
            for entry in conditioning
            if _active(entry[1], sigma)
        ]
        sums = [np.zeros_like(x) for _ in conditionings]
        counts = [np.full_like(x, 1e-37) for _ in conditionings]
        for box in dict.fromkeys(box for _, box, _ in parts):
            here = [(number, entry) for number, other, entry in parts if other == box]
            y, x0, height, width = box
            inside = (slice(None), slice(None), slice(y, y + height), slice(x0, x0 + width))
            canvas = self._whole if (height, width) == self._shape[2:] else None
            tilts = [entry[0].sum(axis=(0, 1)) for _, entry in here]
            for (number, entry), found in zip(
                here, self._model.denoised(x[inside], sigma, tilts, canvas, self._pause), strict=True
            ):
                weight = _weight(entry[1], box, self._shape)
                sums[number][inside] += found * weight
                counts[number][inside] += weight
        return [total / count for total, count in zip(sums, counts, strict=True)]

    def guided(
        self, x: Array, sigma: float, positive: Conditioning, negative: Conditioning, cfg: float
    ) -> Array:
        """Classifier-free guidance: the negative's prediction, and `cfg` times the way to the positive's.

        As in ComfyUI, at `cfg` 1 the negative is not evaluated. Colours no picture has are cut off.
        """
        if math.isclose(cfg, 1.0):
            return self.predict(x, sigma, [positive])[0]
        wanted, unwanted = self.predict(x, sigma, [positive, negative])
        return within_range(unwanted + (wanted - unwanted) * np.float32(cfg))


def _active(options: Mapping[str, Any], sigma: float) -> bool:
    start, end = options.get("start_percent", 0.0), options.get("end_percent", 1.0)
    return percent_to_sigma(end) <= sigma <= percent_to_sigma(start)


def _box(entry: Entry, shape: tuple[int, ...]) -> Box:
    """The area of an entry as (y, x, height, width) in latent cells."""
    height, width = shape[2:]
    options = entry[1]
    area = options.get("area")
    if area is not None and area[0] == "percentage":
        down, across, y, x = area[1:]
        area = (
            max(1, round(down * height)),
            max(1, round(across * width)),
            round(y * height),
            round(x * width),
        )
    elif area is None and options.get("set_area_to_bounds") and "mask" in options:
        area = _bounds(_fitted(options["mask"], height, width))
    if area is None:
        return 0, 0, height, width
    down, across, y, x = area
    y, x = min(y, height - 1), min(x, width - 1)
    return y, x, min(down, height - y), min(across, width - x)


def _bounds(mask: Array) -> tuple[int, int, int, int] | None:
    rows, columns = (np.flatnonzero(mask.max(axis=axes) > 0) for axes in ((0, 2), (0, 1)))
    if not rows.size:
        return None
    return (
        int(rows[-1] - rows[0]) + 1,
        int(columns[-1] - columns[0]) + 1,
        int(rows[0]),
        int(columns[0]),
    )


def _fitted(mask: Array, height: int, width: int) -> Array:
    """A mask (B, H, W) on the latent grid."""
    return mask if mask.shape[1:] == (height, width) else resize_mask(mask, width, height)


def _weight(options: Mapping[str, Any], box: Box, shape: tuple[int, ...]) -> Array:
    """How much an entry counts at each cell of its box, (B or 1, 1, height, width)."""
    y, x, height, width = box
    weight = np.full((1, 1, height, width), options.get("strength", 1.0), np.float32)
    if "mask" in options:
        mask = _fitted(options["mask"], *shape[2:])[np.arange(shape[0]) % len(options["mask"])]
        mask = mask[:, None, y : y + height, x : x + width]
        return weight * mask * np.float32(options.get("mask_strength", 1.0))
    for axis, (start, length, whole) in enumerate(((y, height, shape[2]), (x, width, shape[3]))):
        ramp = np.ones(length, np.float32)
        fade = min(_FEATHER, length)
        rise = (np.arange(fade, dtype=np.float32) + 1) / _FEATHER
        if start > 0:
            ramp[:fade] *= rise
        if start + length < whole:
            ramp[length - fade :] *= rise[::-1]
        weight = weight * (ramp[:, None] if axis == 0 else ramp[None, :])
    return weight
