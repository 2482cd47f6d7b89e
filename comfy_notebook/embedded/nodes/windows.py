"""Minimum and maximum over a sliding window: growing, shrinking and morphology."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .pixels import Array

Pick = Callable[..., Array]  # np.maximum or np.minimum


def box(array: Array, pick: Pick, before: int, after: int, axes: tuple[int, int]) -> Array:
    """The extreme of the box from `before` cells before to `after` cells after each cell.

    Cells beyond the edge do not count. Windows are put together from windows of half the size, so
    the work grows with the logarithm of the size.
    """
    for axis in axes:
        array = _along(array, pick, before, after, axis)
    return array


def _along(array: Array, pick: Pick, before: int, after: int, axis: int) -> Array:
    length = array.shape[axis]
    before, after = min(before, length), min(after, length)
    if before + after == 0:
        return array
    nothing = np.float32(-np.inf if pick is np.maximum else np.inf)
    margin = [(0, 0)] * array.ndim
    margin[axis] = (before, after)
    rest = np.moveaxis(np.pad(array, margin, constant_values=nothing), axis, 0)
    window, done = before + after + 1, 1
    while done * 2 <= window:
        rest = pick(rest[:-done], rest[done:])
        done *= 2
    rest = pick(rest[:length], rest[window - done : window - done + length])
    return np.ascontiguousarray(np.moveaxis(rest, 0, axis))


def cross(array: Array, pick: Pick) -> Array:
    """The extreme of each cell of (B, H, W) and its four neighbours."""
    result = array.copy()
    for one, other in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, :, 1:], np.s_[:, :, :-1]),
        (np.s_[:, :, :-1], np.s_[:, :, 1:]),
    ):
        pick(result[one], array[other], out=result[one])
    return result
