"""Any other picture: a Gaussian whose spectrum falls steeply, diagonal in cosines."""

from __future__ import annotations

import math

import numpy as np

from .noise import Array

_VARIANCE = (0.13, 0.012, 0.006)
_CORNER = 0.010
_FALL = 1.6


def log_prior(cells: int) -> float:
    """The log-odds that a picture of so many latent cells is none of the scenes.

    Low enough that noise never turns into it; high enough that a photograph with the noise of
    denoise 0.3 is still known for one.
    """
    return -8.0 - 0.004 * cells


class Photograph:
    """The component at one latent size; latents are channels 0–2, (3, h, w)."""

    def __init__(self, height: int, width: int) -> None:
        self._rows, self._columns = _cosines(height), _cosines(width)
        down, across = np.arange(height) / (2 * height), np.arange(width) / (2 * width)
        spectrum = (down[:, None] ** 2 + across[None, :] ** 2 + _CORNER**2) ** -_FALL
        self.variance = np.array(_VARIANCE)[:, None, None] * spectrum / spectrum.mean()
        self.prior = log_prior(height * width)

    def log_density(self, x: Array, variance: float) -> float:
        """The prior's and the evidence's logarithm for x with noise of this variance, up to (2π)^…."""
        total = self.variance + variance
        return self.prior - 0.5 * float((self._forward(x) ** 2 / total + np.log(total)).sum())

    def denoised(self, x: Array, variance: float) -> Array:
        """Wiener's filter: E[x0 | x] if the picture is of this kind."""
        kept = (self.variance / (self.variance + variance)).astype(np.float32)
        return self._rows.T @ (kept * self._forward(x)) @ self._columns

    def _forward(self, x: Array) -> Array:
        return self._rows @ x @ self._columns.T


def _cosines(size: int) -> Array:
    """The orthonormal cosine transform, (frequencies, cells)."""
    at = (np.arange(size) + 0.5) / size
    found = math.sqrt(2 / size) * np.cos(math.pi * np.arange(size)[:, None] * at[None, :])
    found[0] /= math.sqrt(2)
    return found.astype(np.float32)
