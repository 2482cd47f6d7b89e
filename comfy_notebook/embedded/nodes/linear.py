"""Filters that are a weighted sum along one axis, done as small matrix products.

Resizing, blurring and sharpening all have this form: output `i` is the sum over `t` of
`weight[i, t] * input[index[i, t]]`. The indices lie in a narrow band, so a block of outputs needs
only a block of inputs: each block is one product with a small dense matrix, which BLAS does many
times faster than numpy can gather.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pixels import Array

_BLOCK = 64


@dataclass(frozen=True)
class Taps:
    """`index` and `weight`, both (outputs, taps); an index may repeat, its weights then add up."""

    index: NDArray[np.intp]
    weight: Array

    def blocks(self, block: int = _BLOCK) -> Iterator[tuple[slice, slice, Array]]:
        """Outputs, the inputs they need, and the dense matrix (outputs, inputs) between them."""
        outputs, taps = self.index.shape
        span = int(self.index.max()) + 1 - int(self.index.min())
        step = max(1, min(block, block * outputs // max(span, 1)))
        for start in range(0, outputs, step):
            index, weight = self.index[start : start + step], self.weight[start : start + step]
            low, high = int(index.min()), int(index.max()) + 1
            matrix = np.zeros((len(index), high - low), np.float32)
            rows = np.repeat(np.arange(len(index)), taps)
            np.add.at(matrix, (rows, (index - low).ravel()), weight.ravel())
            yield slice(start, start + len(index)), slice(low, high), matrix


def along_height(images: Array, taps: Taps) -> Array:
    """Apply to axis 1 of (B, H, W, C)."""
    batch, height, width, channels = images.shape
    rows = np.ascontiguousarray(images).reshape(batch, height, width * channels)
    result = np.empty((batch, len(taps.index), width * channels), np.float32)
    for out, source, matrix in taps.blocks():
        for number in range(batch):
            np.matmul(matrix, rows[number, source], out=result[number, out])
    return result.reshape(batch, -1, width, channels)


def along_width(images: Array, taps: Taps) -> Array:
    """Apply to axis 2 of (B, H, W, C)."""
    batch, height, width, channels = images.shape
    rows = np.ascontiguousarray(images).reshape(batch * height, width * channels)
    result = np.empty((batch * height, len(taps.index) * channels), np.float32)
    each = np.eye(channels, dtype=np.float32)
    for out, source, matrix in taps.blocks(_BLOCK // channels):
        wide = np.kron(matrix, each).T
        here = slice(source.start * channels, source.stop * channels)
        there = slice(out.start * channels, out.stop * channels)
        result[:, there] = rows[:, here] @ wide
    return result.reshape(batch, height, -1, channels)


def along_both(images: Array, vertical: Taps, horizontal: Taps) -> Array:
    """Apply one to the height and the other to the width, the one that leaves less to do first."""
    grows = len(vertical.index) * images.shape[2] > images.shape[1] * len(horizontal.index)
    if grows:
        return along_height(along_width(images, horizontal), vertical)
    return along_width(along_height(images, vertical), horizontal)
