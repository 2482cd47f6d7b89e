"""Latents made, moved and scaled as the small pictures they are: (B, 4, h, w), 8 pixels to a cell.

Sizes and places are given in pixels and rounded down to cells. What else a latent holds (a noise mask, the
indices of its batch) is carried along untouched where ComfyUI does so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, room_for
from .latent_grid import CELL, METHODS, Latent, repeated, resized, resized_mask
from .pixels import Array

_PLACE = {"default": 0, "min": 0, "max": 16384, "step": 8}
_LEAST = 64


class EmptyLatentImage(Node):
    """Latents of zeros: where a picture from nothing but noise begins."""

    display_name = "Empty Latent Image"
    category = "model/latent"
    inputs = {
        "width": Input("INT", {"default": 512, "min": 16, "max": 16384, "step": 8}),
        "height": Input("INT", {"default": 512, "min": 16, "max": 16384, "step": 8}),
        "batch_size": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, width: int, height: int, batch_size: int) -> tuple[Any, ...]:
        """{"samples": zeros (batch_size, 4, height // 8, width // 8)}."""
        shape = (batch_size, 4, height // CELL, width // CELL)
        room_for(*shape)
        return ({"samples": np.zeros(shape, np.float32)},)


class LatentUpscale(Node):
    """Latents at another size; a side of 0 follows from the other, both 0 change nothing."""

    display_name = "Upscale Latent"
    category = "model/latent"
    inputs = {
        "samples": Input("LATENT"),
        "upscale_method": Input("COMBO", choices=METHODS),
        "width": Input("INT", {"default": 512, "min": 0, "max": 16384, "step": 8}),
        "height": Input("INT", {"default": 512, "min": 0, "max": 16384, "step": 8}),
        "crop": Input("COMBO", choices=("disabled", "center")),
    }
    outputs = (Output("LATENT"),)

    def run(
        self, ctx: Context, *, samples: Latent, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Any, ...]:
        """At least 64 pixels a side."""
        cells = samples["samples"]
        if width == 0 and height == 0:
            return (samples,)
        if width == 0:
            height = max(_LEAST, height)
            width = max(_LEAST, round(cells.shape[3] * height / cells.shape[2]))
        elif height == 0:
            width = max(_LEAST, width)
            height = max(_LEAST, round(cells.shape[2] * width / cells.shape[3]))
        width, height = max(_LEAST, width) // CELL, max(_LEAST, height) // CELL
        return ({**samples, "samples": resized(cells, width, height, upscale_method, crop)},)


class LatentUpscaleBy(Node):
    """Latents scaled by a factor."""

    display_name = "Upscale Latent By"
    category = "model/latent"
    inputs = {
        "samples": Input("LATENT"),
        "upscale_method": Input("COMBO", choices=METHODS),
        "scale_by": Input("FLOAT", {"default": 1.5, "min": 0.01, "max": 8.0, "step": 0.01}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, upscale_method: str, scale_by: float) -> tuple[Any, ...]:
        """Sides rounded to cells."""
        cells = samples["samples"]
        width, height = round(cells.shape[3] * scale_by), round(cells.shape[2] * scale_by)
        return ({**samples, "samples": resized(cells, width, height, upscale_method)},)


class LatentFlip(Node):
    """Latents mirrored."""

    display_name = "Flip Latent"
    category = "model/latent/transform"
    inputs = {
        "samples": Input("LATENT"),
        "flip_method": Input("COMBO", choices=("x-axis: vertically", "y-axis: horizontally")),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, flip_method: str) -> tuple[Any, ...]:
        """Upside down, or left for right."""
        axis = 2 if flip_method.startswith("x") else 3
        return ({**samples, "samples": np.flip(samples["samples"], axis).copy()},)


class LatentRotate(Node):
    """Latents turned clockwise by quarters."""

    display_name = "Rotate Latent"
    category = "model/latent/transform"
    inputs = {
        "samples": Input("LATENT"),
        "rotation": Input("COMBO", choices=("none", "90 degrees", "180 degrees", "270 degrees")),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, rotation: str) -> tuple[Any, ...]:
        """Height and width change places at 90 and 270 degrees."""
        quarters = {"90": 1, "180": 2, "270": 3}.get(rotation.split()[0], 0)
        return ({**samples, "samples": np.rot90(samples["samples"], quarters, axes=(3, 2)).copy()},)


class LatentCrop(Node):
    """A part of the latents."""

    display_name = "Crop Latent"
    category = "model/latent/transform"
    inputs = {
        "samples": Input("LATENT"),
        "width": Input("INT", {"default": 512, "min": 64, "max": 16384, "step": 8}),
        "height": Input("INT", {"default": 512, "min": 64, "max": 16384, "step": 8}),
        "x": Input("INT", _PLACE),
        "y": Input("INT", _PLACE),
    }
    outputs = (Output("LATENT"),)

    def run(
        self, ctx: Context, *, samples: Latent, width: int, height: int, x: int, y: int
    ) -> tuple[Any, ...]:
        """What there is of the part; it begins 8 cells before the end at the latest.

        So a side of fewer than 8 cells counts from its end, as in ComfyUI, and may lose its beginning.
        """
        cells = samples["samples"]
        left = min(x // CELL, cells.shape[3] - CELL)
        top = min(y // CELL, cells.shape[2] - CELL)
        part = cells[:, :, top : top + height // CELL, left : left + width // CELL]
        return ({**samples, "samples": part.copy()},)


class LatentComposite(Node):
    """Latents laid over others, their edges faded if asked."""

    display_name = "Latent Composite"
    category = "model/latent"
    inputs = {
        "samples_to": Input("LATENT"),
        "samples_from": Input("LATENT"),
        "x": Input("INT", _PLACE),
        "y": Input("INT", _PLACE),
        "feather": Input("INT", _PLACE),
    }
    outputs = (Output("LATENT"),)

    def run(
        self, ctx: Context, *, samples_to: Latent, samples_from: Latent, x: int, y: int, feather: int
    ) -> tuple[Any, ...]:
        """Edges that lie on the edge of the picture below are not faded.

        RuntimeError when the place lies beyond that picture, unless by more than there is to lay over.
        """
        left, top, fade = x // CELL, y // CELL, feather // CELL
        below = samples_to["samples"].copy()
        height, width = below.shape[2:]
        above = samples_from["samples"][:, :, : height - top, : width - left]
        rows, columns = above.shape[2:]
        down = _faded(rows, fade, start=top != 0, end=top + rows < height)
        across = _faded(columns, fade, start=left != 0, end=left + columns < width)
        under = below[:, :, top : top + rows, left : left + columns]
        if under.shape[2:] != above.shape[2:]:
            raise RuntimeError(
                f"x {x}, y {y} lies beyond the {width * CELL}×{height * CELL} pixels to composite onto."
            )
        under += down[:, None] * across * (above - under)
        return ({**samples_to, "samples": below},)


def _faded(length: int, fade: int, *, start: bool, end: bool) -> Array:
    """Factors rising over `fade` cells from a faded start, and falling to a faded end.

    A fade longer than the side goes on, as in ComfyUI, round its end: cells counted below 0 are the last.
    """
    factors = np.ones(length, np.float32)
    for step in range(fade):
        share = np.float32((step + 1) / fade)
        if start and step < length:
            factors[step] *= share
        if end and step != length:
            factors[length - 1 - step : length - step] *= share
    return factors


class LatentCompositeMasked(Node):
    """Latents laid over others through a mask (white = what is laid over)."""

    display_name = "Latent Composite Masked"
    category = "model/latent"
    python_module = "comfy_extras.nodes_mask"
    inputs = {
        "destination": Input("LATENT"),
        "source": Input("LATENT"),
        "x": Input("INT", _PLACE),
        "y": Input("INT", _PLACE),
        "resize_source": Input("BOOLEAN", {"default": False}),
        "mask": Input("MASK", optional=True),
    }
    outputs = (Output("LATENT"),)

    def run(
        self,
        ctx: Context,
        *,
        destination: Latent,
        source: Latent,
        x: int,
        y: int,
        resize_source: bool,
        mask: Array | None = None,
    ) -> tuple[Any, ...]:
        """The mask is fitted to the source before that is cut to what is visible of it."""
        below = destination["samples"].copy()
        height, width = below.shape[2:]
        above = source["samples"]
        if resize_source:
            above = resized(above, width, height, "bilinear")
        above = repeated(above, len(below))
        rows, columns = above.shape[2:]
        left, top = min(x, width * CELL) // CELL, min(y, height * CELL) // CELL
        cover = np.ones((1, 1, rows, columns), np.float32)
        if mask is not None:
            cover = resized_mask(mask.reshape(-1, 1, *mask.shape[-2:]), columns, rows)
        cover = repeated(cover, len(below))
        seen = (slice(None), slice(None), slice(0, height - top), slice(0, width - left))
        under = below[:, :, top : top + rows, left : left + columns]
        under += cover[seen] * (above[seen] - under)
        return ({**destination, "samples": below},)


class SetLatentNoiseMask(Node):
    """Latents of which only the white part of a mask will be painted anew."""

    display_name = "Set Latent Noise Mask"
    category = "model/latent"
    inputs = {"samples": Input("LATENT"), "mask": Input("MASK")}
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, mask: Array) -> tuple[Any, ...]:
        """Adds "noise_mask" (B, 1, H, W)."""
        return ({**samples, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])},)


NODES: list[type[Node]] = [
    EmptyLatentImage,
    LatentUpscale,
    LatentUpscaleBy,
    LatentFlip,
    LatentRotate,
    LatentCrop,
    LatentComposite,
    LatentCompositeMasked,
    SetLatentNoiseMask,
]
