"""Nodes over batches of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, room_for
from .pixels import Array
from .resize import upscale


def with_alpha(images: Array, channels: int) -> Array:
    """The images with so many channels, the new ones opaque (1.0)."""
    missing = channels - images.shape[-1]
    if missing <= 0:
        return images
    return np.pad(images, [(0, 0)] * 3 + [(0, missing)], constant_values=np.float32(1))


class ImageBatch(Node):
    """Two batches one after the other; the second is scaled (bilinear) and cropped to the first's size."""

    display_name = "Batch Images"
    category = "image"
    inputs = {"image1": Input("IMAGE"), "image2": Input("IMAGE")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image1: Array, image2: Array) -> tuple[Any, ...]:
        channels = max(image1.shape[-1], image2.shape[-1])
        image1, image2 = with_alpha(image1, channels), with_alpha(image2, channels)
        height, width = image1.shape[1:3]
        if image2.shape[1:3] != (height, width):
            image2 = upscale(image2, width, height, "bilinear", "center")
        room_for(len(image1) + len(image2), height, width, channels)
        return (np.concatenate([image1, image2]),)


class ImageFromBatch(Node):
    """Some images of a batch; index and length are cut to what there is."""

    category = "image/batch"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "batch_index": Input("INT", {"default": 0, "min": 0, "max": 4095}),
        "length": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, batch_index: int, length: int) -> tuple[Any, ...]:
        start = min(len(image) - 1, batch_index)
        return (image[start : start + length].copy(),)


class RepeatImageBatch(Node):
    """The whole batch, several times over."""

    category = "image/batch"
    python_module = "comfy_extras.nodes_images"
    inputs = {"image": Input("IMAGE"), "amount": Input("INT", {"default": 1, "min": 1, "max": 4096})}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, amount: int) -> tuple[Any, ...]:
        room_for(amount, *image.shape)
        return (np.tile(image, (amount, 1, 1, 1)),)


class RebatchImages(Node):
    """All images of all batches, in new batches of a size (the last may be smaller)."""

    display_name = "Rebatch Images"
    category = "image/batch"
    python_module = "comfy_extras.nodes_rebatch"
    inputs = {
        "images": Input("IMAGE"),
        "batch_size": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("IMAGE", is_list=True),)
    input_is_list = True

    def run(self, ctx: Context, *, images: list[Array], batch_size: list[int]) -> tuple[Any, ...]:
        singles = [image[None] for batch in images for image in batch]
        size = batch_size[0]
        return ([np.concatenate(singles[i : i + size]) for i in range(0, len(singles), size)],)


class GetImageSize(Node):
    """Width, height and number of images; also shown as text under the node."""

    display_name = "Get Image Size"
    category = "image"
    python_module = "comfy_extras.nodes_images"
    inputs = {"image": Input("IMAGE")}
    hidden = {"unique_id": "UNIQUE_ID"}
    outputs = (Output("INT", "width"), Output("INT", "height"), Output("INT", "batch_size"))

    def run(self, ctx: Context, *, image: Array) -> tuple[Any, ...]:
        batch, height, width = image.shape[:3]
        ctx.text(f"width: {width}, height: {height}\n batch size: {batch}")
        return width, height, batch


NODES: list[type[Node]] = [ImageBatch, ImageFromBatch, RepeatImageBatch, RebatchImages, GetImageSize]
