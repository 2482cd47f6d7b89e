"""Latents as grids: fitted to another's size and batch, resized by every method, `bislerp` too."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import room_for
from .pixels import Array
from .resize import centre_crop, needs_pixels, resize, upscale

CELL = 8
METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")

Latent = dict[str, Any]


def resized(samples: Array, width: int, height: int, method: str, crop: str = "disabled") -> Array:
    """Samples (B, C, h, w) at width × height cells."""
    pictures = samples.transpose(0, 2, 3, 1)
    if method == "bislerp":
        needs_pixels(pictures, width, height)
        room_for(len(samples), samples.shape[1], height, width)
        if crop == "center":
            pictures = centre_crop(pictures, width, height)
        rows = _slerped(pictures, width, axis=2)
        return _slerped(rows, height, axis=1).transpose(0, 3, 1, 2)
    return upscale(pictures, width, height, method, crop).transpose(0, 3, 1, 2)


def repeated(samples: Array, batch: int) -> Array:
    """Samples cut to a batch, or repeated until they fill it."""
    return samples[np.arange(batch) % len(samples)] if len(samples) != batch else samples


def fitted(samples: Array, shape: tuple[int, ...], *, batch: bool = True) -> Array:
    """Samples in another's shape: resized (bilinear, centre-cropped) where it differs, and repeated."""
    if samples.shape[1:] != shape[1:]:
        samples = resized(samples, shape[3], shape[2], "bilinear", "center")
    return repeated(samples, shape[0]) if batch else samples


def resized_mask(masks: Array, width: int, height: int) -> Array:
    """Masks (B, 1, H, W) at width × height, bilinear."""
    return resize(masks.transpose(0, 2, 3, 1), width, height, "bilinear").transpose(0, 3, 1, 2)


def _slerped(pictures: Array, size: int, axis: int) -> Array:
    """(B, H, W, C) along one axis, turning from cell to cell and blending their lengths."""
    old = pictures.shape[axis]
    at = np.clip((np.arange(size, dtype=np.float32) + 0.5) * (old / size) - 0.5, 0, old - 1)
    first = np.floor(at).astype(int)
    second = np.minimum(first + 1, old - 1)
    shape = [1, 1, 1, 1]
    shape[axis] = size
    share = (at - first).astype(np.float32).reshape(shape)
    return slerp(np.take(pictures, first, axis), np.take(pictures, second, axis), share)


def slerp(one: Array, other: Array, share: Array) -> Array:
    """Between two fields of vectors (…, C): the direction on the great circle, the length linearly."""
    lengths = [np.linalg.norm(field, axis=-1, keepdims=True) for field in (one, other)]
    units = [
        np.divide(field, length, out=np.zeros_like(field), where=length > 0)
        for field, length in zip((one, other), lengths, strict=True)
    ]
    cosine = (units[0] * units[1]).sum(axis=-1, keepdims=True)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.where(np.abs(np.sin(angle)) > 0, np.sin(angle), 1)
    turned = np.sin((1 - share) * angle) / sine * units[0] + np.sin(share * angle) / sine * units[1]
    turned = turned * (lengths[0] * (1 - share) + lengths[1] * share)
    straight = one * (1 - share) + other * share
    found = np.where(cosine > 1 - 1e-5, one, np.where(cosine < 1e-5 - 1, straight, turned))
    return found.astype(np.float32)
