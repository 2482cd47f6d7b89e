"""Two images into one: blending, pasting through a mask, alpha, and Porter-Duff compositing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .base import Context, Input, Node, Output
from .mask import as_batch
from .pixels import Array
from .resize import resize, resize_mask, upscale

_MODES = ("normal", "multiply", "screen", "overlay", "soft_light", "difference")
_OFFSET = {"default": 0, "min": 0, "max": 16384, "step": 1}


def as_many(images: Array, batch: int) -> Array:
    """A batch cut, or repeated from its start, to so many images."""
    if len(images) == batch:
        return images
    return images[np.arange(batch) % len(images)]


def same_channels(destination: Array, source: Array) -> Array:
    """The source with no more channels than the destination.

    RuntimeError when it has fewer: ComfyUI 0.3.64 fails there too, only less clearly.
    """
    wanted, given = destination.shape[-1], source.shape[-1]
    if wanted > given:
        raise RuntimeError(
            f"The first image has {wanted} channels and the second {given}: "
            "give both an alpha channel, or take it from the first (SplitImageWithAlpha)."
        )
    return source[..., :wanted]


class ImageBlend(Node):
    """image2 blended onto image1; one of another size is first scaled (bicubic) and cropped to fit."""

    display_name = "Blend Images"
    category = "image/filters"
    python_module = "comfy_extras.nodes_post_processing"
    inputs = {
        "image1": Input("IMAGE"),
        "image2": Input("IMAGE"),
        "blend_factor": Input("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
        "blend_mode": Input("COMBO", choices=_MODES, v3=True),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self, ctx: Context, *, image1: Array, image2: Array, blend_factor: float, blend_mode: str
    ) -> tuple[Any, ...]:
        image2 = same_channels(image1, image2)
        if image1.shape != image2.shape:
            height, width = image1.shape[1:3]
            image2 = upscale(image2, width, height, "bicubic", "center")
        factor = np.float32(blend_factor)
        result = _blend(image1, image2, blend_mode) * factor
        result = result + image1 * (1 - factor)
        return (np.clip(result, 0, 1, out=result),)


def _blend(one: Array, two: Array, mode: str) -> Array:
    if mode == "normal":
        return two
    if mode == "multiply":
        return one * two
    if mode == "screen":
        return 1 - (1 - one) * (1 - two)
    if mode == "overlay":
        return np.where(one <= 0.5, 2 * one * two, 1 - 2 * (1 - one) * (1 - two))
    if mode == "soft_light":
        lifted = np.where(one <= 0.25, ((16 * one - 12) * one + 4) * one, np.sqrt(np.maximum(one, 0)))
        lighter = one + (2 * two - 1) * (lifted - one)
        return np.where(two <= 0.5, one - (1 - 2 * two) * one * (1 - one), lighter)
    return one - two


class ImageCompositeMasked(Node):
    """A source pasted into a destination at x, y, where its mask is white; what sticks out is cut."""

    display_name = "Image Composite Masked"
    category = "image/compositing"
    python_module = "comfy_extras.nodes_mask"
    inputs = {
        "destination": Input("IMAGE"),
        "source": Input("IMAGE"),
        "x": Input("INT", _OFFSET),
        "y": Input("INT", _OFFSET),
        "resize_source": Input("BOOLEAN", {"default": False}),
        "mask": Input("MASK", optional=True),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self,
        ctx: Context,
        *,
        destination: Array,
        source: Array,
        x: int,
        y: int,
        resize_source: bool,
        mask: Array | None = None,
    ) -> tuple[Any, ...]:
        return (paste(destination, same_channels(destination, source), x, y, resize_source, mask),)


def paste(
    destination: Array, source: Array, x: int, y: int, resize_source: bool = False, mask: Array | None = None
) -> Array:
    """(B, H, W, C) with the source put in at x, y (cells, not negative), through an optional mask."""
    batch, height, width, _ = destination.shape
    if resize_source:
        source = resize(source, width, height, "bilinear")
    source = as_many(source, batch)
    under = destination[:, y : y + source.shape[1], x : x + source.shape[2]]
    over = source[:, : under.shape[1], : under.shape[2]]
    if mask is not None:
        mask = as_many(resize_mask(as_batch(mask), source.shape[2], source.shape[1]), batch)[..., None]
        mask = mask[:, : under.shape[1], : under.shape[2]]
        over = mask * over
        over += (1 - mask) * under
        if over.shape == destination.shape:
            return over
    result = destination.copy()
    result[:, y : y + over.shape[1], x : x + over.shape[2]] = over
    return result


class SplitImageWithAlpha(Node):
    """The colours, and 1 - alpha as a mask (zeros when there is no alpha)."""

    display_name = "Split Image with Alpha"
    category = "image/compositing"
    python_module = "comfy_extras.nodes_compositing"
    inputs = {"image": Input("IMAGE")}
    outputs = (Output("IMAGE"), Output("MASK"))

    def run(self, ctx: Context, *, image: Array) -> tuple[Any, ...]:
        if image.shape[-1] > 3:
            return image[..., :3].copy(), 1.0 - image[..., 3]
        return image[..., :3].copy(), np.zeros(image.shape[:3], np.float32)


class JoinImageWithAlpha(Node):
    """An RGBA image whose alpha is 1 - mask, the mask scaled (bilinear) to the image."""

    display_name = "Join Image with Alpha"
    category = "image/compositing"
    python_module = "comfy_extras.nodes_compositing"
    inputs = {"image": Input("IMAGE"), "alpha": Input("MASK")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, alpha: Array) -> tuple[Any, ...]:
        alpha = as_batch(alpha)
        batch = min(len(image), len(alpha))
        height, width = image.shape[1:3]
        opacity = 1.0 - resize_mask(alpha[:batch], width, height)
        return (np.concatenate([image[:batch, ..., :3], opacity[..., None]], axis=-1),)


def _over(s: Array, sa: Array, d: Array, da: Array, mixed: Any) -> tuple[Any, Any]:
    return (1 - da) * s + (1 - sa) * d + mixed, sa + da - sa * da


# Premultiplied source, its alpha, destination, its alpha → premultiplied result, its alpha.
_PORTER_DUFF: dict[str, Callable[[Array, Array, Array, Array], tuple[Any, Any]]] = {
    "ADD": lambda s, sa, d, da: (np.clip(s + d, 0, 1), np.clip(sa + da, 0, 1)),
    "CLEAR": lambda s, sa, d, da: (np.zeros_like(d), np.zeros_like(da)),
    "DARKEN": lambda s, sa, d, da: _over(s, sa, d, da, np.minimum(s, d)),
    "DST": lambda s, sa, d, da: (d, da),
    "DST_ATOP": lambda s, sa, d, da: (sa * d + (1 - da) * s, sa),
    "DST_IN": lambda s, sa, d, da: (d * sa, sa * da),
    "DST_OUT": lambda s, sa, d, da: ((1 - sa) * d, (1 - sa) * da),
    "DST_OVER": lambda s, sa, d, da: (d + (1 - da) * s, da + (1 - da) * sa),
    "LIGHTEN": lambda s, sa, d, da: _over(s, sa, d, da, np.maximum(s, d)),
    "MULTIPLY": lambda s, sa, d, da: (s * d, sa * da),
    "OVERLAY": lambda s, sa, d, da: (
        np.where(2 * d < da, 2 * s * d, sa * da - 2 * (da - s) * (sa - d)),
        sa + da - sa * da,
    ),
    "SCREEN": lambda s, sa, d, da: (s + d - s * d, sa + da - sa * da),
    "SRC": lambda s, sa, d, da: (s, sa),
    "SRC_ATOP": lambda s, sa, d, da: (da * s + (1 - sa) * d, da),
    "SRC_IN": lambda s, sa, d, da: (s * da, sa * da),
    "SRC_OUT": lambda s, sa, d, da: ((1 - da) * s, (1 - da) * sa),
    "SRC_OVER": lambda s, sa, d, da: (s + (1 - sa) * d, sa + (1 - sa) * da),
    "XOR": lambda s, sa, d, da: ((1 - da) * s + (1 - sa) * d, (1 - da) * sa + (1 - sa) * da),
}


class PorterDuffImageComposite(Node):
    """Two images and their masks (1 = transparent) put together by a Porter-Duff rule.

    All is scaled (bicubic, cropped) to the destination image's size.
    """

    display_name = "Porter-Duff Image Composite"
    category = "image/compositing"
    python_module = "comfy_extras.nodes_compositing"
    inputs = {
        "source": Input("IMAGE"),
        "source_alpha": Input("MASK"),
        "destination": Input("IMAGE"),
        "destination_alpha": Input("MASK"),
        "mode": Input(
            "COMBO", {"default": "DST", "multiselect": False}, choices=tuple(_PORTER_DUFF), v3=True
        ),
    }
    outputs = (Output("IMAGE"), Output("MASK"))

    def run(
        self,
        ctx: Context,
        *,
        source: Array,
        source_alpha: Array,
        destination: Array,
        destination_alpha: Array,
        mode: str,
    ) -> tuple[Any, ...]:
        if source.shape[-1] != destination.shape[-1]:
            raise AssertionError("source and destination must have the same number of channels")
        masks = [as_batch(source_alpha)[..., None], as_batch(destination_alpha)[..., None]]
        layers = [source, destination, *masks]
        batch = min(map(len, layers))
        size = destination.shape[1:3]
        s, d, sa, da = (_fitted(layer[:batch], size) for layer in layers)
        sa, da = 1 - sa, 1 - da
        image, alpha = _PORTER_DUFF[mode](s * sa, sa, d * da, da)
        visible = alpha > 1e-5
        image = np.where(visible, image / np.where(visible, alpha, 1), 0)
        return np.clip(image, 0, 1).astype(np.float32), 1 - alpha[..., 0]


def _fitted(images: Array, size: tuple[int, ...]) -> Array:
    height, width = size
    if images.shape[1:3] == (height, width):
        return images
    return upscale(images, width, height, "bicubic", "center")


NODES: list[type[Node]] = [
    ImageBlend,
    ImageCompositeMasked,
    SplitImageWithAlpha,
    JoinImageWithAlpha,
    PorterDuffImageComposite,
]
