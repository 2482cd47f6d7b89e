"""`analytic-scenes.safetensors`: a denoiser in closed form, which has learned nothing.

D(x, σ) = E[x0 | x0 + σ·noise = x] for the mixture of `mixture.Scenes` and `photograph.Photograph`, in the
latent space of `latent_space`. The size of a latent is free; what is drawn follows it.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..base import TooLarge
from .latent_space import CRISP, from_rgb, to_rgb
from .mixture import SPREAD, Scenes
from .noise import Array
from .photograph import Photograph

CHECKPOINT = "analytic-scenes.safetensors"

LARGEST = 256 * 256
"""The most latent cells the model draws: 2048×2048 pixels, for which it takes about 0.5 GB."""

SCALE = 1.0
"""Latents times this are what the noise is added to: the smaller, the later in a run details are settled."""

_KEPT_CELLS = 3 * 128 * 128
_MISFIT = 2.0
"""How far (standard deviation, RGB) a scene may be from what surrounds a repainted area."""


@dataclass(frozen=True)
class Canvas:
    """All that the model needs at one latent size."""

    scenes: Scenes
    photograph: Photograph | None
    surroundings: Scenes | None = None


class AnalyticModel:
    """The model; it may be used from several threads at once."""

    scale = SCALE

    def __init__(self) -> None:
        self._canvases: OrderedDict[tuple[int, int], Canvas] = OrderedDict()
        self._lock = threading.Lock()

    def canvas(self, height: int, width: int, pause: Callable[[], None] = lambda: None) -> Canvas:
        """The scenes at a latent size; those of the last few sizes are kept.

        `pause` is called now and then while they are drawn; what it raises ends that.
        """
        if height * width > LARGEST:
            raise TooLarge(
                f"A picture of {8 * width}×{8 * height} pixels is more than this model draws: "
                f"at most {64 * LARGEST} pixels, such as 2048×2048."
            )
        with self._lock:
            found = self._canvases.pop((height, width), None)
            if found is None:
                found = Canvas(Scenes(height, width, pause), Photograph(height, width))
            self._canvases[height, width] = found
            while len(self._canvases) > 1 and sum(h * w for h, w in self._canvases) > _KEPT_CELLS:
                self._canvases.popitem(last=False)
        return found

    def masked_canvas(self, mask: Array, pause: Callable[[], None] = lambda: None) -> Canvas:
        """The scenes for repainting where `mask` (h, w) is 1: what is around it is only a hint."""
        canvas = self.canvas(mask.shape[0], mask.shape[1], pause)
        inside = np.clip(mask, 0, 1)
        return Canvas(canvas.scenes.trusting(inside), None, canvas.scenes.trusting(1 - inside))

    def denoised(
        self,
        x: Array,
        sigma: float,
        tilts: Sequence[Array],
        canvas: Canvas | None = None,
        pause: Callable[[], None] = lambda: None,
    ) -> list[Array]:
        """D(x, σ) of latents (B, 4, h, w) under each prompt's tilts: one array of x's shape a prompt.

        `pause` is called before each item of the batch.
        """
        canvas = canvas or self.canvas(x.shape[2], x.shape[3], pause)
        found = [np.empty_like(x, dtype=np.float32) for _ in tilts]
        for number, item in enumerate(x):
            pause()
            for prompt, picture in enumerate(_denoised_item(canvas, item, sigma, tilts)):
                found[prompt][number] = picture
        return found


def _denoised_item(canvas: Canvas, x: Array, sigma: float, tilts: Sequence[Array]) -> list[Array]:
    scenes, photograph = canvas.scenes, canvas.photograph
    x, sigma = x / np.float32(SCALE), sigma / SCALE
    variance = sigma**2 + SPREAD**2
    rgb = to_rgb(x).reshape(3, -1)
    likelihood = scenes.evidence(rgb).over(variance)
    if canvas.surroundings is not None:
        likelihood += canvas.surroundings.evidence(rgb).over(variance + _MISFIT**2)
    nothing = float((rgb.astype(np.float64) ** 2 @ scenes.counts).sum()) / (2 * variance)
    constant = nothing + 0.5 * rgb.size * math.log(variance)
    filtered = photograph.denoised(x[:3], sigma**2) if photograph else x[:3]
    density = photograph.log_density(x[:3], sigma**2) if photograph else -math.inf
    kept = np.float32(SPREAD**2 / variance)
    found = []
    for tilt in tilts:
        weights, total = scenes.posterior(likelihood, tilt)
        picture = scenes.mean(weights)
        picture = from_rgb((picture + kept * (rgb - picture)).reshape(3, *x.shape[1:]))
        other = _share(density - (total - constant))
        result = np.empty_like(x, dtype=np.float32)
        result[:3] = picture + np.float32(other) * (filtered - picture)
        soft = x[3] * np.float32(0.15 / (0.15 + sigma**2))
        crisp = CRISP + kept * (x[3] - CRISP)
        result[3] = crisp + np.float32(other) * (soft - crisp)
        found.append(result * np.float32(SCALE))
    return found


def within_range(denoised: Array) -> Array:
    """Estimates (B, 4, h, w), scaled, with their colours cut to what a picture can have.

    Imagen's static thresholding (Saharia et al. 2022): strong guidance overshoots without it.
    """
    found = denoised.copy()
    rgb = to_rgb(denoised / np.float32(SCALE))
    found[:, :3] = from_rgb(np.clip(rgb, 0, 1)) * np.float32(SCALE)
    return found


def _share(log_odds: float) -> float:
    """The probability of odds given as a logarithm."""
    return 1 / (1 + math.exp(min(-log_odds, 700.0))) if log_odds > -700 else 0.0
