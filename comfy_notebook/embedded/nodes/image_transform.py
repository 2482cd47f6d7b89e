"""Nodes that cut, turn, pad and join images."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, Ui, room_for
from .image_batch import with_alpha
from .image_io import save_pngs
from .metadata import temporary_prefix
from .pixels import Array
from .resize import upscale

_SIDE = {"default": 512, "min": 1, "max": 16384, "step": 1}
_OFFSET = {"default": 0, "min": 0, "max": 16384, "step": 1}
_IMAGE = (Output("IMAGE"),)


class _Transform(Node):
    category = "image/transform"
    python_module = "comfy_extras.nodes_images"
    outputs = _IMAGE


class ImageCrop(_Transform):
    """A rectangle, cut short at the edges; its corner is moved inside, so one pixel always remains."""

    deprecated = True

    display_name = "Crop Image (DEPRECATED)"
    inputs = {
        "image": Input("IMAGE"),
        "width": Input("INT", _SIDE),
        "height": Input("INT", _SIDE),
        "x": Input("INT", _OFFSET),
        "y": Input("INT", _OFFSET),
    }

    def run(self, ctx: Context, *, image: Array, width: int, height: int, x: int, y: int) -> tuple[Any, ...]:
        y, x = min(y, image.shape[1] - 1), min(x, image.shape[2] - 1)
        return (image[:, y : y + height, x : x + width].copy(),)


class ImageCropV2(_Transform):
    """A rectangle, cut short at the edges. The editor draws it on the input, which is shown for that."""

    display_name = "Crop Image"
    shows_input = True
    inputs = {
        "image": Input("IMAGE"),
        "crop_region": Input(
            "BOUNDING_BOX",
            {
                "default": {"x": 0, "y": 0, "width": 512, "height": 512},
                "socketless": True,
                "component": "ImageCrop",
            },
        ),
    }

    def run(self, ctx: Context, *, image: Array, crop_region: dict[str, int]) -> Ui:
        x = min(crop_region.get("x", 0), image.shape[2] - 1)
        y = min(crop_region.get("y", 0), image.shape[1] - 1)
        width, height = crop_region.get("width", 512), crop_region.get("height", 512)
        shown = save_pngs(ctx, image, temporary_prefix(), type="temp", compress_level=1)
        cropped = image[:, y : y + height, x : x + width].copy()
        return Ui({**shown.ui, "animated": [False]}, (cropped,))


class ImageFlip(_Transform):
    """Mirrored up-down or left-right."""

    display_name = "Flip Image"
    inputs = {
        "image": Input("IMAGE"),
        "flip_method": Input("COMBO", choices=("x-axis: vertically", "y-axis: horizontally"), v3=True),
    }

    def run(self, ctx: Context, *, image: Array, flip_method: str) -> tuple[Any, ...]:
        return (np.flip(image, 1 if flip_method.startswith("x") else 2).copy(),)


class ImageRotate(_Transform):
    """Turned clockwise."""

    display_name = "Rotate Image"
    inputs = {
        "image": Input("IMAGE"),
        "rotation": Input("COMBO", choices=("none", "90 degrees", "180 degrees", "270 degrees"), v3=True),
    }

    def run(self, ctx: Context, *, image: Array, rotation: str) -> tuple[Any, ...]:
        quarters = {"9": 1, "1": 2, "2": 3}.get(rotation[0], 0)
        return (np.ascontiguousarray(np.rot90(image, quarters, axes=(2, 1))),)


class ImagePadForOutpaint(Node):
    """The image in a larger grey canvas, and the mask of the new parts, feathered into the old.

    There is no feathering when twice its width does not fit into the image.
    """

    display_name = "Pad Image for Outpainting"
    category = "image/transform"
    inputs = {
        "image": Input("IMAGE"),
        **{side: Input("INT", {**_OFFSET, "step": 8}) for side in ("left", "top", "right", "bottom")},
        "feathering": Input("INT", {**_OFFSET, "default": 40, "advanced": True}),
    }
    outputs = (Output("IMAGE"), Output("MASK"))

    def run(
        self, ctx: Context, *, image: Array, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[Any, ...]:
        batch, height, width, channels = image.shape
        size = (height + top + bottom, width + left + right)
        room_for(batch, *size, channels)
        canvas = np.full((batch, *size, channels), 0.5, np.float32)
        inside = np.s_[top : top + height, left : left + width]
        canvas[:, top : top + height, left : left + width] = image
        mask = np.ones(size, np.float32)
        mask[inside] = 0
        if 0 < feathering * 2 < min(height, width):
            rows, columns = _distances(height, top, bottom), _distances(width, left, right)
            distance = np.minimum(rows[:, None], columns)
            mask[inside] = (np.maximum(feathering - distance, 0) / feathering) ** 2
        return canvas, mask[None]


def _distances(length: int, before: int, after: int) -> np.ndarray:
    """How far each cell is from the sides that were padded; far, where neither was."""
    cell = np.arange(length, dtype=np.float64)
    first = cell if before else np.full(length, np.inf)
    last = length - cell if after else np.full(length, np.inf)
    return np.minimum(first, last)


_COLOURS: dict[str, tuple[float, float, float]] = {
    "white": (1, 1, 1),
    "black": (0, 0, 0),
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
}


class ImageStitch(_Transform):
    """Two images side by side or one above the other, with an optional strip between them.

    The second is scaled (lanczos) to the first's height or width, or both are padded to the larger:
    with white when the strip is white, else with black.
    """

    display_name = "Stitch Images"
    inputs = {
        "image1": Input("IMAGE"),
        "direction": Input("COMBO", {"default": "right"}, choices=("right", "down", "left", "up"), v3=True),
        "match_image_size": Input("BOOLEAN", {"default": True}),
        "spacing_width": Input("INT", {"default": 0, "min": 0, "max": 1024, "step": 2, "advanced": True}),
        "spacing_color": Input(
            "COMBO", {"default": "white", "advanced": True}, choices=tuple(_COLOURS), v3=True
        ),
        "image2": Input("IMAGE", optional=True),
    }

    def run(
        self,
        ctx: Context,
        *,
        image1: Array,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: Array | None = None,
    ) -> tuple[Any, ...]:
        if image2 is None:
            return (image1,)
        sideways = direction in ("left", "right")
        batch = max(len(image1), len(image2))
        image1, image2 = _lengthened(image1, batch), _lengthened(image2, batch)
        if match_image_size:
            image2 = _matched(image2, image1, sideways)
        else:
            fill = 1 if spacing_color == "white" else 0
            image1, image2 = (_centred(one, image1, image2, sideways, fill) for one in (image1, image2))
        channels = max(image1.shape[-1], image2.shape[-1])
        parts = [with_alpha(image1, channels), with_alpha(image2, channels)]
        if direction in ("left", "up"):
            parts.reverse()
        if spacing_width > 0:
            parts.insert(1, _strip(parts[0], spacing_width + spacing_width % 2, sideways, spacing_color))
        return (np.concatenate(parts, axis=2 if sideways else 1),)


def _lengthened(images: Array, batch: int) -> Array:
    """A batch filled up with its last image."""
    return images[np.minimum(np.arange(batch), len(images) - 1)]


def _matched(image: Array, model: Array, sideways: bool) -> Array:
    height, width = model.shape[1:3]
    aspect = image.shape[2] / image.shape[1]
    if sideways:
        return upscale(image, int(height * aspect), height, "lanczos")
    return upscale(image, width, int(width / aspect), "lanczos")


def _centred(image: Array, one: Array, two: Array, sideways: bool, fill: int) -> Array:
    """Padded to the larger of the two, on both sides of the axis that is not joined."""
    axis = 1 if sideways else 2
    missing = max(one.shape[axis], two.shape[axis]) - image.shape[axis]
    margin = [(0, 0)] * 4
    margin[axis] = (missing // 2, missing - missing // 2)
    return np.pad(image, margin, constant_values=np.float32(fill)) if missing else image


def _strip(neighbour: Array, width: int, sideways: bool, colour: str) -> Array:
    batch, height, across, channels = neighbour.shape
    shape = (batch, height, width, channels) if sideways else (batch, width, across, channels)
    strip = np.ones(shape, np.float32)
    strip[..., :3] = _COLOURS[colour][:channels]
    return strip


NODES: list[type[Node]] = [ImageCrop, ImageCropV2, ImageFlip, ImageRotate, ImagePadForOutpaint, ImageStitch]
