"""Nodes over batches of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, room_for
from .dynamic import Autogrow
from .pixels import Array
from .resize import upscale


def with_alpha(images: Array, channels: int) -> Array:
    """The images with so many channels, the new ones opaque (1.0)."""
    missing = channels - images.shape[-1]
    if missing <= 0:
        return images
    return np.pad(images, [(0, 0)] * 3 + [(0, missing)], constant_values=np.float32(1))


def joined_batches(batches: Sequence[Array]) -> Array:
    """The batches as one; those of another size than the first are scaled (bilinear) and cropped to it."""
    channels = max(batch.shape[-1] for batch in batches)
    height, width = batches[0].shape[1:3]
    room_for(sum(len(batch) for batch in batches), height, width, channels)
    fitted = []
    for batch in batches:
        batch = with_alpha(batch, channels)
        if batch.shape[1:3] != (height, width):
            batch = upscale(batch, width, height, "bilinear", "center")
        fitted.append(batch)
    return np.concatenate(fitted)


class ImageBatch(Node):
    """Two batches one after the other; the second is scaled (bilinear) and cropped to the first's size."""

    deprecated = True

    display_name = "Batch Images (DEPRECATED)"
    category = "image/batch"
    inputs = {"image1": Input("IMAGE"), "image2": Input("IMAGE")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image1: Array, image2: Array) -> tuple[Any, ...]:
        return (joined_batches([image1, image2]),)


class BatchImagesNode(Node):
    """Any number of batches one after the other, each scaled and cropped to the first's size."""

    display_name = "Batch Images"
    category = "image/batch"
    python_module = "comfy_extras.nodes_post_processing"
    inputs = {"images": Autogrow(item=Input("IMAGE"), item_name="image", prefix="image", most=50)}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, images: dict[str, Array]) -> tuple[Any, ...]:
        return (joined_batches(list(images.values())),)


def start_index(index: int, length: int) -> int:
    """Where a part of a batch starts: negative indices count from the end; all are cut to what there is."""
    return min(max(index + length if index < 0 else index, 0), length - 1)


class ImageFromBatch(Node):
    """Some images of a batch; index and length are cut to what there is."""

    display_name = "Get Image from Batch"
    category = "image/batch"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "batch_index": Input("INT", {"default": 0, "min": -16384, "max": 16384}),
        "length": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, batch_index: int, length: int) -> tuple[Any, ...]:
        start = start_index(batch_index, len(image))
        return (image[start : start + length].copy(),)


class RepeatImageBatch(Node):
    """The whole batch, several times over."""

    display_name = "Repeat Image Batch"
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
    hidden = {"unique_id": ["UNIQUE_ID"]}
    outputs = (Output("INT", "width"), Output("INT", "height"), Output("INT", "batch_size"))

    def run(self, ctx: Context, *, image: Array) -> tuple[Any, ...]:
        batch, height, width = image.shape[:3]
        ctx.text(f"width: {width}, height: {height}\n batch size: {batch}")
        return width, height, batch


NODES: list[type[Node]] = [
    ImageBatch,
    BatchImagesNode,
    ImageFromBatch,
    RepeatImageBatch,
    RebatchImages,
    GetImageSize,
]
