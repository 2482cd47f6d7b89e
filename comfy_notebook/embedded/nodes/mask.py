"""Nodes that make, change and show masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, Ui, room_for
from .image_io import save_pngs
from .metadata import temporary_prefix
from .pixels import Array
from .windows import box, cross

_SIDE = {"default": 512, "min": 1, "max": 16384, "step": 1}
_OFFSET = {"default": 0, "min": 0, "max": 16384, "step": 1}
_MASK = (Output("MASK"),)


def as_batch(mask: Array) -> Array:
    """A mask as (B, H, W)."""
    return mask.reshape(-1, *mask.shape[-2:])


def mask_image(mask: Array) -> Array:
    """A mask as a grey image (B, H, W, 3)."""
    return np.repeat(as_batch(mask)[..., None], 3, axis=-1)


class _Mask(Node):
    category = "image/mask"
    python_module = "comfy_extras.nodes_mask"


class SolidMask(_Mask):
    """One value everywhere."""

    display_name = "Create Solid Mask"
    inputs = {
        "value": Input("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
        "width": Input("INT", _SIDE),
        "height": Input("INT", _SIDE),
    }
    outputs = _MASK

    def run(self, ctx: Context, *, value: float, width: int, height: int) -> tuple[Any, ...]:
        room_for(height, width)
        return (np.full((1, height, width), value, np.float32),)


class InvertMask(_Mask):
    """1 - mask."""

    display_name = "Invert Mask"
    inputs = {"mask": Input("MASK")}
    outputs = _MASK

    def run(self, ctx: Context, *, mask: Array) -> tuple[Any, ...]:
        return (1.0 - mask,)


class CropMask(_Mask):
    """A rectangle of the mask, cut short at its edges (and empty when it lies outside)."""

    display_name = "Crop Mask"
    inputs = {
        "mask": Input("MASK"),
        "x": Input("INT", _OFFSET),
        "y": Input("INT", _OFFSET),
        "width": Input("INT", _SIDE),
        "height": Input("INT", _SIDE),
    }
    outputs = _MASK

    def run(self, ctx: Context, *, mask: Array, x: int, y: int, width: int, height: int) -> tuple[Any, ...]:
        return (as_batch(mask)[:, y : y + height, x : x + width],)


class MaskComposite(_Mask):
    """One mask put onto another at x, y; `and`, `or` and `xor` round both to 0 or 1 first."""

    display_name = "Combine Masks"
    inputs = {
        "destination": Input("MASK"),
        "source": Input("MASK"),
        "x": Input("INT", _OFFSET),
        "y": Input("INT", _OFFSET),
        "operation": Input("COMBO", choices=("multiply", "add", "subtract", "and", "or", "xor"), v3=True),
    }
    outputs = _MASK

    def run(
        self, ctx: Context, *, destination: Array, source: Array, x: int, y: int, operation: str
    ) -> tuple[Any, ...]:
        result, source = as_batch(destination).copy(), as_batch(source)
        right = min(x + source.shape[2], result.shape[2])
        bottom = min(y + source.shape[1], result.shape[1])
        there = result[:, y:bottom, x:right]
        here = source[:, : bottom - y, : right - x]
        result[:, y:bottom, x:right] = _combine(there, here, operation)
        return (np.clip(result, 0, 1),)


def _combine(there: Array, here: Array, operation: str) -> Any:
    arithmetic = {"multiply": np.multiply, "add": np.add, "subtract": np.subtract}
    if operation in arithmetic:
        return arithmetic[operation](there, here)
    logic = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}[operation]
    return logic(np.round(there), np.round(here))


class FeatherMask(_Mask):
    """Ramps down to the edges over so many cells."""

    display_name = "Feather Mask"
    inputs = {
        "mask": Input("MASK"),
        **{side: Input("INT", _OFFSET) for side in ("left", "top", "right", "bottom")},
    }
    outputs = _MASK

    def run(
        self, ctx: Context, *, mask: Array, left: int, top: int, right: int, bottom: int
    ) -> tuple[Any, ...]:
        mask = as_batch(mask)
        height, width = mask.shape[1:]
        columns, rows = _ramps(width, left, right), _ramps(height, top, bottom)
        return (mask * columns * rows[:, None],)


def _ramps(length: int, first: int, last: int) -> Array:
    """Factors rising from the start and falling to the end.

    The falling one begins, as in ComfyUI, not with the last cell but with cell 0, and goes on from
    the last cell backwards with its second step.
    """
    first, last = min(first, length), min(last, length)
    factors = np.ones(length, np.float32)
    factors[:first] *= np.arange(1, first + 1, dtype=np.float32) / max(first, 1)
    factors[-np.arange(last)] *= np.arange(1, last + 1, dtype=np.float32) / max(last, 1)
    return factors


class GrowMask(_Mask):
    """The mask grown by so many cells, or shrunk when negative.

    With tapered corners each step takes in the four neighbours (a diamond), else all eight (a box).
    """

    display_name = "Grow Mask"
    inputs = {
        "mask": Input("MASK"),
        "expand": Input("INT", {"default": 0, "min": -16384, "max": 16384, "step": 1}),
        "tapered_corners": Input("BOOLEAN", {"default": True, "advanced": True}),
    }
    outputs = _MASK

    def run(self, ctx: Context, *, mask: Array, expand: int, tapered_corners: bool) -> tuple[Any, ...]:
        mask, steps = as_batch(mask), abs(expand)
        pick = np.maximum if expand > 0 else np.minimum
        if not tapered_corners:
            return (box(mask, pick, steps, steps, (1, 2)),)
        for _ in range(steps):
            ctx.check_cancelled()
            before, mask = mask, cross(mask, pick)
            if np.array_equal(before, mask):
                break
        return (mask,)


class ThresholdMask(_Mask):
    """1 where the mask is above a value, else 0."""

    display_name = "Threshold Mask"
    inputs = {
        "mask": Input("MASK"),
        "value": Input("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
    }
    outputs = _MASK

    def run(self, ctx: Context, *, mask: Array, value: float) -> tuple[Any, ...]:
        return ((mask > np.float32(value)).astype(np.float32),)


class MaskToImage(_Mask):
    """A grey image of the mask."""

    display_name = "Convert Mask to Image"
    inputs = {"mask": Input("MASK")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, mask: Array) -> tuple[Any, ...]:
        return (mask_image(mask),)


class ImageToMask(_Mask):
    """One channel of an image; IndexError when it has none of that name (alpha of an RGB image)."""

    display_name = "Convert Image to Mask"
    inputs = {
        "image": Input("IMAGE"),
        "channel": Input("COMBO", choices=("red", "green", "blue", "alpha"), v3=True),
    }
    outputs = _MASK

    def run(self, ctx: Context, *, image: Array, channel: str) -> tuple[Any, ...]:
        return (image[..., ("red", "green", "blue", "alpha").index(channel)].copy(),)


class ImageColorToMask(_Mask):
    """1 where the image, in 8 bits, has exactly this colour (0xRRGGBB)."""

    display_name = "Convert Image Color to Mask"
    inputs = {
        "image": Input("IMAGE"),
        "color": Input("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "number"}),
    }
    outputs = _MASK

    def run(self, ctx: Context, *, image: Array, color: int) -> tuple[Any, ...]:
        pixels = np.round(np.clip(image, 0, 1) * np.float32(255)).astype(np.int32)
        packed = (pixels[..., 0] << 16) + (pixels[..., 1] << 8) + pixels[..., 2]
        return ((packed == color).astype(np.float32),)


class MaskPreview(_Mask):
    """The mask as a temporary grey picture."""

    display_name = "Preview Mask"
    inputs = {"mask": Input("MASK")}
    hidden = {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]}
    outputs = (Output("MASK", "mask"),)
    output_node = True

    def run(self, ctx: Context, *, mask: Array) -> Ui:
        shown = save_pngs(ctx, mask_image(mask), temporary_prefix(), type="temp")
        return Ui({**shown.ui, "animated": [False]}, (mask,))


NODES: list[type[Node]] = [
    SolidMask,
    InvertMask,
    CropMask,
    MaskComposite,
    FeatherMask,
    GrowMask,
    ThresholdMask,
    MaskToImage,
    ImageToMask,
    ImageColorToMask,
    MaskPreview,
]
