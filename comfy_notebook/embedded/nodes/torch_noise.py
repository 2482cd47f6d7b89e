"""The numbers of PyTorch's CPU generator, so that a seed means the same noise as in ComfyUI.

PyTorch draws 32-bit words from MT19937, makes each a float32 uniform of its low 24 bits, and turns
blocks of 16 uniforms into 16 normals (Box-Muller: the first 8 give the radii, the last 8 the
angles). A rest of fewer than 16 is made by drawing the last 16 numbers anew. Fewer than 16 numbers
in all go another way, in double precision and in pairs. (ATen: DistributionTemplates.h,
TransformationHelper.h.)
"""

from __future__ import annotations

import math

import numpy as np

from .pixels import Array

_BLOCK = 16


def randn(seed: int, *shape: int) -> Array:
    """`torch.randn(shape, generator=torch.manual_seed(seed))` on the CPU, float32.

    Equal to PyTorch's to a few units in the last place (its logarithm and cosine are its own).
    """
    words = np.random.MT19937()
    words._legacy_seeding(seed & 0xFFFFFFFF)
    count = math.prod(shape)
    if count < _BLOCK:
        return _few(words, count).reshape(shape)
    whole = count - count % _BLOCK
    numbers = np.empty(count, np.float32)
    numbers[:whole] = _normal(_uniform(words, count)[:whole])
    if whole != count:
        numbers[-_BLOCK:] = _normal(_uniform(words, _BLOCK))
    return numbers.reshape(shape)


def _uniform(words: np.random.MT19937, count: int) -> Array:
    raw = words.random_raw(count).astype(np.uint32)
    return (raw & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def _normal(uniform: Array) -> Array:
    blocks = uniform.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(-2 * np.log(1 - blocks[:, 0]))
    angle = np.float32(2 * math.pi) * blocks[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()


def _few(words: np.random.MT19937, count: int) -> Array:
    pairs = (count + 1) // 2
    raw = words.random_raw(pairs * 4).astype(np.uint64)
    wide = ((raw[0::2] << np.uint64(32) | raw[1::2]) & np.uint64(2**53 - 1)) * 2.0**-53
    angle, depth = 2 * math.pi * wide[0::2], wide[1::2]
    radius = np.sqrt(-2 * np.log1p(-depth))
    return (
        np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count].astype(np.float32)
    )
