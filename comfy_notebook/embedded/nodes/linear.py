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

_BLOCK = 32  # outputs to a block: few enough to waste little on zeros, enough for BLAS to be fast
_ONE_THREAD = 1 << 18  # multiplications up to which OpenBLAS starts no threads


@dataclass(frozen=True)
class Taps:
    """`index` and `weight`, both (outputs, taps); an index may repeat, its weights then add up."""

    index: NDArray[np.intp]
    weight: Array

    def blocks(self, block: int) -> Iterator[tuple[slice, slice, Array]]:
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
    for out, source, matrix in taps.blocks(_BLOCK):
        for part in _parts(width * channels, matrix):
            for number in range(batch):
                np.matmul(matrix, rows[number, source, part], out=result[number, out, part])
    return result.reshape(batch, -1, width, channels)


def along_width(images: Array, taps: Taps) -> Array:
    """Apply to axis 2 of (B, H, W, C)."""
    batch, height, width, channels = images.shape
    rows = np.ascontiguousarray(images).reshape(batch * height, width * channels)
    result = np.empty((batch * height, len(taps.index) * channels), np.float32)
    each = np.eye(channels, dtype=np.float32)
    for out, source, matrix in taps.blocks(2 * _BLOCK // channels):
        wide = np.ascontiguousarray(np.kron(matrix, each).T)
        here = slice(source.start * channels, source.stop * channels)
        there = slice(out.start * channels, out.stop * channels)
        for part in _parts(batch * height, wide):
            np.matmul(rows[part, here], wide, out=result[part, there])
    return result.reshape(batch, height, -1, channels)


def _parts(length: int, matrix: Array) -> Iterator[slice]:
    """Pieces of the other factor so small that OpenBLAS multiplies them in this thread.

    Handing blocks of this size to other threads gains little on an idle machine, and costs a
    hundredfold on a busy one, where each product waits for a thread that is not scheduled.
    """
    step = max(_BLOCK, _ONE_THREAD // matrix.size)
    return (slice(start, start + step) for start in range(0, length, step))


def along_both(images: Array, vertical: Taps, horizontal: Taps) -> Array:
    """Apply one to the height and the other to the width, the one that leaves less to do first."""
    grows = len(vertical.index) * images.shape[2] > images.shape[1] * len(horizontal.index)
    if grows:
        return along_height(along_width(images, horizontal), vertical)
    return along_width(along_height(images, vertical), horizontal)
