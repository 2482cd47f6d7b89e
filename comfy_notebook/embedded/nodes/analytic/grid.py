"""Putting masks and latents on another grid, with the conventions of PyTorch's `interpolate`."""

from __future__ import annotations

import numpy as np

from .noise import Array


def resize_mask(masks: Array, width: int, height: int) -> Array:
    """Masks (B, H, W) at another size, bilinear, align_corners=False, nothing smoothed before shrinking."""
    rows, columns = _bilinear(masks.shape[1], height), _bilinear(masks.shape[2], width)
    return (rows @ masks @ columns.T).astype(np.float32)


def _bilinear(old: int, new: int) -> Array:
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    first = np.floor(at).astype(int)
    found = np.zeros((new, old), np.float32)
    share = (at - first).astype(np.float32)
    found[np.arange(new), first] = 1 - share
    found[np.arange(new), np.minimum(first + 1, old - 1)] += share
    return found
