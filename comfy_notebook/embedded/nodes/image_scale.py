"""Nodes that change an image's size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, room_for
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

    display_name = None
    category = "image/upscaling"
    python_module = "comfy_extras.nodes_post_processing"
    inputs = {
        "image": Input("IMAGE"),
        "upscale_method": Input("COMBO", {"multiselect": False}, choices=METHODS, v3=True),
        "megapixels": Input("FLOAT", {"default": 1.0, "min": 0.01, "max": 16.0, "step": 0.01}),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, upscale_method: str, megapixels: float) -> tuple[Any, ...]:
        height, width = image.shape[1:3]
        factor = math.sqrt(int(megapixels * _PIXELS_OF_A_MEGAPIXEL) / (width * height))
        return (upscale(image, round(width * factor), round(height * factor), upscale_method),)


class ImageScaleToMaxDimension(Node):
    """So that the longer side has a given length."""

    category = "image/upscaling"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "upscale_method": Input(
            "COMBO", choices=("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic")
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


class ResizeAndPadImage(Node):
    """Fitted into a size, the rest filled with bars of one colour."""

    category = "image/transform"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "target_width": Input("INT", {**_SIDE, "min": 1}),
        "target_height": Input("INT", {**_SIDE, "min": 1}),
        "padding_color": Input("COMBO", choices=("white", "black")),
        "interpolation": Input("COMBO", choices=("area", "bicubic", "nearest-exact", "bilinear", "lanczos")),
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
    ResizeAndPadImage,
]
