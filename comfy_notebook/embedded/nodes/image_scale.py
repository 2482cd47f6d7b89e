"""Nodes that change an image's size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, room_for
from .dynamic import DynamicCombo, MatchType
from .pixels import Array
from .resize import METHODS, upscale

_SIDE = {"default": 512, "min": 0, "max": 16384, "step": 1}
_PIXELS_OF_A_MEGAPIXEL = 1024 * 1024


class ImageScale(Node):
    """To a width and a height; 0 for one of them keeps the aspect, 0 for both the image."""

    display_name = "Upscale Image"
    category = "image/upscaling"
    inputs = {
        "image": Input("IMAGE"),
        "upscale_method": Input("COMBO", choices=METHODS),
        "width": Input("INT", _SIDE),
        "height": Input("INT", _SIDE),
        "crop": Input("COMBO", choices=("disabled", "center")),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self, ctx: Context, *, image: Array, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Any, ...]:
        if width == 0 and height == 0:
            return (image,)
        old_height, old_width = image.shape[1:3]
        if width == 0:
            width = max(1, round(old_width * height / old_height))
        elif height == 0:
            height = max(1, round(old_height * width / old_width))
        return (upscale(image, width, height, upscale_method, crop),)


class ImageScaleBy(Node):
    """By a factor."""

    display_name = "Upscale Image By"
    category = "image/upscaling"
    inputs = {
        "image": Input("IMAGE"),
        "upscale_method": Input("COMBO", choices=METHODS),
        "scale_by": Input("FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0, "step": 0.01}),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, upscale_method: str, scale_by: float) -> tuple[Any, ...]:
        height, width = (round(side * scale_by) for side in image.shape[1:3])
        return (upscale(image, width, height, upscale_method),)


class ImageScaleToTotalPixels(Node):
    """To a number of megapixels (of 1024×1024), keeping the aspect."""

    display_name = "Scale Image to Total Pixels"
    category = "image/upscaling"
    python_module = "comfy_extras.nodes_post_processing"
    inputs = {
        "image": Input("IMAGE"),
        "upscale_method": Input("COMBO", choices=METHODS, v3=True),
        "megapixels": Input("FLOAT", {"default": 1.0, "min": 0.01, "max": 16.0, "step": 0.01}),
        "resolution_steps": Input("INT", {"default": 1, "min": 1, "max": 256, "advanced": True}),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self, ctx: Context, *, image: Array, upscale_method: str, megapixels: float, resolution_steps: int = 1
    ) -> tuple[Any, ...]:
        """Sides are rounded to multiples of `resolution_steps`."""
        height, width = image.shape[1:3]
        factor = math.sqrt(int(megapixels * _PIXELS_OF_A_MEGAPIXEL) / (width * height))
        width, height = (
            round(side * factor / resolution_steps) * resolution_steps for side in (width, height)
        )
        return (upscale(image, width, height, upscale_method),)


class ImageScaleToMaxDimension(Node):
    """So that the longer side has a given length."""

    display_name = "Scale Image to Max Dimension"
    category = "image/upscaling"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "upscale_method": Input(
            "COMBO", choices=("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic"), v3=True
        ),
        "largest_size": Input("INT", _SIDE),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, upscale_method: str, largest_size: int) -> tuple[Any, ...]:
        height, width = image.shape[1:3]
        if height > width:
            new = (round(width / height * largest_size), largest_size)
        elif width > height:
            new = (largest_size, round(height / width * largest_size))
        else:
            new = (largest_size, largest_size)
        return (upscale(image, *new, upscale_method),)


def _resize_branches() -> dict[str, dict[str, Input]]:
    side = Input("INT", {"default": 512, "min": 0, "max": 16384, "step": 1})
    crop = Input("COMBO", {"default": "center"}, choices=("disabled", "center"), v3=True)
    multiplier = Input("FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0, "step": 0.01})
    megapixels = Input("FLOAT", {"default": 1.0, "min": 0.01, "max": 16.0, "step": 0.01})
    multiple = Input("INT", {"default": 8, "min": 1, "max": 16384, "step": 1})
    return {
        "scale dimensions": {"width": side, "height": side, "crop": crop},
        "scale by multiplier": {"multiplier": multiplier},
        "scale longer dimension": {"longer_size": side},
        "scale shorter dimension": {"shorter_size": side},
        "scale width": {"width": side},
        "scale height": {"height": side},
        "scale total pixels": {"megapixels": megapixels},
        "match size": {"match": Input("IMAGE,MASK"), "crop": crop},
        "scale to multiple": {"multiple": multiple},
    }


class ResizeImageMaskNode(Node):
    """An image or a mask, resized in one of nine ways; a size of 0 follows the other, or changes nothing."""

    display_name = "Resize Image/Mask"
    category = "image/transform"
    python_module = "comfy_extras.nodes_post_processing"
    inputs = {
        "input": MatchType(template_id="input_type", allowed="IMAGE,MASK"),
        "resize_type": DynamicCombo(branches=_resize_branches()),
        "scale_method": Input(
            "COMBO",
            {"default": "area"},
            choices=("nearest-exact", "bilinear", "area", "bicubic", "lanczos"),
            v3=True,
        ),
    }
    outputs = (Output("*", "resized", template_id="input_type"),)

    def run(
        self, ctx: Context, *, input: Array, resize_type: dict[str, Any], scale_method: str
    ) -> tuple[Any, ...]:
        images = input[..., None] if input.ndim == 3 else input
        height, width = images.shape[1:3]
        new = new_size(width, height, resize_type)
        if new == (width, height):
            resized = images
        elif resize_type["resize_type"] == "scale to multiple":
            resized = cover(images, *new, scale_method)
        else:
            resized = upscale(images, *new, scale_method, resize_type.get("crop", "disabled"))
        return (resized[..., 0] if input.ndim == 3 else resized,)


def cover(images: Array, width: int, height: int, method: str) -> Array:
    """The images scaled until they cover a size, and the middle of them cut out."""
    old_height, old_width = images.shape[1:3]
    factor = max(width / old_width, height / old_height)
    scaled = upscale(images, round(old_width * factor), round(old_height * factor), method)
    y, x = (scaled.shape[1] - height) // 2, (scaled.shape[2] - width) // 2
    return scaled[:, y : y + height, x : x + width]


def new_size(width: int, height: int, chosen: Mapping[str, Any]) -> tuple[int, int]:
    """The width and height that an option of ResizeImageMaskNode gives; the old ones where it gives none."""
    kind = chosen["resize_type"]
    if kind == "match size":
        match = chosen["match"]
        return int(match.shape[2]), int(match.shape[1])
    if kind == "scale to multiple":
        step = chosen["multiple"]
        fitted = width // step * step, height // step * step
        return fitted if all(fitted) else (width, height)
    if kind == "scale by multiplier":
        factor = chosen["multiplier"]
    elif kind == "scale total pixels":
        factor = math.sqrt(int(chosen["megapixels"] * _PIXELS_OF_A_MEGAPIXEL) / (width * height))
    elif kind == "scale longer dimension":
        factor = chosen["longer_size"] / max(width, height)
    elif kind == "scale shorter dimension":
        factor = chosen["shorter_size"] / min(width, height)
    else:
        wanted = chosen.get("width", 0), chosen.get("height", 0)
        if all(wanted):
            return wanted
        factor = wanted[0] / width or wanted[1] / height
    if not factor:
        return width, height
    return max(1, round(width * factor)), max(1, round(height * factor))


class ResizeAndPadImage(Node):
    """Fitted into a size, the rest filled with bars of one colour."""

    display_name = "Resize And Pad Image"
    category = "image/transform"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "target_width": Input("INT", {**_SIDE, "min": 1}),
        "target_height": Input("INT", {**_SIDE, "min": 1}),
        "padding_color": Input("COMBO", {"advanced": True}, choices=("white", "black"), v3=True),
        "interpolation": Input(
            "COMBO",
            {"advanced": True},
            choices=("area", "bicubic", "nearest-exact", "bilinear", "lanczos"),
            v3=True,
        ),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self,
        ctx: Context,
        *,
        image: Array,
        target_width: int,
        target_height: int,
        padding_color: str,
        interpolation: str,
    ) -> tuple[Any, ...]:
        batch, height, width, channels = image.shape
        scale = min(target_width / width, target_height / height)
        new_width, new_height = int(width * scale), int(height * scale)
        room_for(batch, target_height, target_width, channels)
        fill = np.float32(0 if padding_color == "black" else 1)
        canvas = np.full((batch, target_height, target_width, channels), fill, np.float32)
        if interpolation == "area" and 0 in (new_width, new_height):
            return (canvas,)  # PyTorch averages to an empty picture; the other methods are errors
        x, y = (target_width - new_width) // 2, (target_height - new_height) // 2
        canvas[:, y : y + new_height, x : x + new_width] = upscale(
            image, new_width, new_height, interpolation
        )
        return (canvas,)


NODES: list[type[Node]] = [
    ImageScale,
    ImageScaleBy,
    ImageScaleToTotalPixels,
    ImageScaleToMaxDimension,
    ResizeImageMaskNode,
    ResizeAndPadImage,
]
