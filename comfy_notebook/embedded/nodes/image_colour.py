"""Nodes that change colours cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output
from .pixels import Array


class ImageInvert(Node):
    """1 - image."""

    display_name = "Invert Image Colors"
    category = "image/color"
    inputs = {"image": Input("IMAGE")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array) -> tuple[Any, ...]:
        return (1.0 - image,)


class _Yuv(Node):
    """The colour space is full-range YCbCr with rounded coefficients (kornia's), zero at 0.5."""

    category = "image/color"
    python_module = "comfy_extras.nodes_morphology"


class ImageRGBToYUV(_Yuv):
    """Luma and the two colour differences, each as a grey image."""

    display_name = "Image RGB to YUV"
    inputs = {"image": Input("IMAGE")}
    outputs = (Output("IMAGE", "Y"), Output("IMAGE", "U"), Output("IMAGE", "V"))

    def run(self, ctx: Context, *, image: Array) -> tuple[Any, ...]:
        if image.shape[-1] != 3:
            raise ValueError(f"Input size must have a shape of (*, 3, H, W). Got {image.shape}")
        red, green, blue = np.moveaxis(image, -1, 0)
        luma = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
        u = (blue - luma) * np.float32(0.564) + np.float32(0.5)
        v = (red - luma) * np.float32(0.713) + np.float32(0.5)
        return tuple(np.repeat(plane[..., None], 3, axis=-1) for plane in (luma, u, v))


class ImageYUVToRGB(_Yuv):
    """The image of a luma and two colour differences, each taken as the mean of its channels."""

    display_name = "Image YUV to RGB"
    inputs = {"Y": Input("IMAGE"), "U": Input("IMAGE"), "V": Input("IMAGE")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, Y: Array, U: Array, V: Array) -> tuple[Any, ...]:
        luma = Y.mean(axis=-1)
        u, v = (plane.mean(axis=-1) - np.float32(0.5) for plane in (U, V))
        red = luma + np.float32(1.403) * v
        green = luma - np.float32(0.714) * v - np.float32(0.344) * u
        blue = luma + np.float32(1.773) * u
        return (np.clip(np.stack([red, green, blue], axis=-1), 0, 1),)


NODES: list[type[Node]] = [ImageInvert, ImageRGBToYUV, ImageYUVToRGB]
