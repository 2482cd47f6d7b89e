"""Gaussian noise from a seed: the numbers PyTorch's CPU generator would draw, as ComfyUI uses them.

PyTorch takes the low 24 bits of MT19937 words as uniforms and turns blocks of 16 of them into 16
normals (Box–Muller: the first 8 give radii, the last 8 angles); a tensor whose size is not a multiple of
16 gets its last 16 numbers drawn anew. Fewer than 16 are drawn in pairs from uniforms of 53 bits. Only
the low 32 bits of a seed count, there as here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_BLOCK = 16


class NoiseStream:
    """A seeded generator that is drawn from again and again, like a `torch.Generator`."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.RandomState(seed & 0xFFFFFFFF)
        self._spare: list[float] = []  # the second of a pair, for the next few

    def normal(self, shape: tuple[int, ...]) -> Array:
        """The next `torch.randn(shape)`, float32, equal to PyTorch's to a few units in the last place."""
        size = math.prod(shape)
        if size < _BLOCK:
            return np.array([self._single() for _ in range(size)], np.float32).reshape(shape)
        uniform = self._uniform(size)
        blocks = size - size % _BLOCK
        numbers = np.empty(size, np.float32)
        numbers[:blocks] = _box_muller(uniform[:blocks])
        if blocks != size:
            numbers[-_BLOCK:] = _box_muller(self._uniform(_BLOCK))
        return numbers.reshape(shape)

    def _single(self) -> float:
        if self._spare:
            return self._spare.pop()
        words = np.frombuffer(self._words.bytes(16), dtype="<u4")
        pairs = words.reshape(2, 2).tolist()
        turn, share = (((high << 32 | low) & (2**53 - 1)) * 2.0**-53 for high, low in pairs)
        radius = math.sqrt(-2 * math.log1p(-share))
        self._spare.append(radius * math.sin(2 * math.pi * turn))
        return radius * math.cos(2 * math.pi * turn)

    def _uniform(self, count: int) -> Array:
        words = np.frombuffer(self._words.bytes(4 * count), dtype="<u4")
        return (words & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)


def _box_muller(uniform: Array) -> Array:
    pairs = uniform.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(-2 * np.log(1 - pairs[:, 0]))
    angle = np.float32(2 * math.pi) * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()


def latent_noise(shape: tuple[int, ...], seed: int, batch_index: list[int] | None = None) -> Array:
    """The starting noise of a batch (B, 4, h, w), as ComfyUI prepares it.

    The whole batch is one draw, so that item i is the same in any larger batch. With `batch_index`
    (from LatentFromBatch) item i gets the noise it had at that index of its first batch.
    """
    stream = NoiseStream(seed)
    if batch_index is None:
        return stream.normal(shape)
    drawn = [stream.normal((1, *shape[1:])) for _ in range(max(batch_index) + 1)]
    return np.concatenate([drawn[i] for i in batch_index])
