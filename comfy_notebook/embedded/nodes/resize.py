"""Resizing images and masks with the conventions of PyTorch's `interpolate`, and PIL's Lanczos.

Pixels are cells: output cell `i` has its centre at `(i + 0.5) * in / out` (align_corners=False), and
nothing is smoothed before shrinking (antialias=False), apart from `area`, which averages the cells
that an output cell touches, and `lanczos`, which goes through PIL and so through 8 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .base import room_for
from .linear import Taps, along_both
from .pixels import Array, from_pil, to_pil

METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
_SMALL = 128  # width + height up to which PyTorch takes another kernel for nearest-exact
_SHARPNESS = -0.75  # the free parameter of cubic convolution, as PyTorch sets it


def upscale(images: Array, width: int, height: int, method: str, crop: str = "disabled") -> Array:
    """(B, H, W, C) at another size; `crop="center"` first cuts it to the new shape's aspect."""
    if crop == "center":
        images = centre_crop(images, width, height)
    return resize(images, width, height, method)


def centre_crop(images: Array, width: int, height: int) -> Array:
    """The largest centred part of the images whose aspect is width:height, to a pixel."""
    needs_pixels(images, width, height)
    old_height, old_width = images.shape[1:3]
    old_aspect, aspect = old_width / old_height, width / height
    x = round((old_width - old_width * (aspect / old_aspect)) / 2) if old_aspect > aspect else 0
    y = round((old_height - old_height * (old_aspect / aspect)) / 2) if old_aspect < aspect else 0
    return images[:, y : old_height - y, x : old_width - x]


def resize(images: Array, width: int, height: int, method: str) -> Array:
    """(B, H, W, C) at exactly width × height; RuntimeError when either size has no pixels.

    Lanczos is PIL's, which calls that a ValueError, and makes black of a picture cropped to nothing.
    """
    if method != "lanczos":
        needs_pixels(images, width, height)
    batch, old_height, old_width, channels = images.shape
    room_for(batch, height, width, channels)
    if method == "lanczos":
        size = (width, height)
        resized = [from_pil(to_pil(image).resize(size, Image.Resampling.LANCZOS)) for image in images]
        return np.stack(resized).reshape(batch, height, width, channels)
    if (old_height, old_width) == (height, width):
        return images.copy()
    if method == "nearest-exact":
        fused = width + height > _SMALL and (channels < 4 or not images.flags.c_contiguous)
        rows, columns = _nearest(old_height, height, fused), _nearest(old_width, width, fused)
        return images.take(columns, axis=2).take(rows, axis=1)
    taps = {"bilinear": _bilinear, "bicubic": _bicubic, "area": _area}[method]
    return along_both(images, taps(old_height, height), taps(old_width, width))


def resize_mask(masks: Array, width: int, height: int, method: str = "bilinear") -> Array:
    """(B, H, W) at width × height."""
    return resize(masks[..., None], width, height, method)[..., 0]


def needs_pixels(images: Array, width: int, height: int) -> None:
    """Raise PyTorch's RuntimeError where the old size or the new has no pixels."""
    old_height, old_width = images.shape[1:3]
    if min(old_height, old_width, width, height) < 1:
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"(H: {old_height}, W: {old_width}) output (H: {height}, W: {width})"
        )


def _centres(old: int, new: int) -> Array:
    """Where the centres of the new cells lie among the old ones; float32, as PyTorch computes it."""
    scale = np.float32(old) / np.float32(new)
    return scale * (np.arange(new, dtype=np.float32) + np.float32(0.5))


def _nearest(old: int, new: int, fused: bool) -> NDArray[np.intp]:
    """The cell that holds each centre. Where a centre falls on a border between two, rounding decides:
    PyTorch multiplies and rounds to float32, or, `fused`, multiplies and subtracts 0.5 in one step,
    rounds, and adds 0.5 again. (It has one kernel for small results and for pictures with alpha, one
    for all else.)"""
    scale = np.float64(np.float32(old) / np.float32(new))
    centre = scale * (np.arange(new) + 0.5)
    if fused:
        centre = (centre - 0.5).astype(np.float32) + np.float32(0.5)
    return np.minimum(np.floor(centre.astype(np.float32)).astype(np.intp), old - 1)


def _bilinear(old: int, new: int) -> Taps:
    position = np.maximum(_centres(old, new) - np.float32(0.5), 0)
    low = np.minimum(position.astype(np.intp), old - 1)
    part = position - low.astype(np.float32)
    return Taps(np.stack([low, np.minimum(low + 1, old - 1)], 1), np.stack([1 - part, part], 1))


def _bicubic(old: int, new: int) -> Taps:
    position = _centres(old, new) - np.float32(0.5)
    low = np.floor(position)
    part = position - low
    index = low.astype(np.intp)[:, None] + np.arange(-1, 3)
    distance = np.abs(part[:, None] - np.arange(-1, 3, dtype=np.float32))
    return Taps(np.clip(index, 0, old - 1), _cubic(distance))


def _cubic(distance: Array) -> Array:
    """The cubic convolution kernel (Keys 1981) at distances 0–2."""
    a, d = np.float32(_SHARPNESS), distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, far).astype(np.float32)


def _area(old: int, new: int) -> Taps:
    cell = np.arange(new)
    start = cell * old // new
    stop = -(-(cell + 1) * old // new)
    count = stop - start
    offset = np.arange(int(count.max()))
    index = np.minimum(start[:, None] + offset, old - 1)
    weight = np.where(offset < count[:, None], 1 / count[:, None], 0).astype(np.float32)
    return Taps(index, weight)
