"""One sampling run: noise in, steps, previews, what is masked kept, latent out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..base import Context
from ..resize import resize_mask
from .guidance import Conditioning, Guidance
from .model import SCALE, AnalyticModel
from .multistep import (
    dpmpp_2m,
    dpmpp_2m_sde,
    dpmpp_2m_sde_heun,
    dpmpp_3m_sde,
    gradient_estimation,
    ipndm,
    lms,
    res_multistep,
)
from .noise import Array, NoiseStream, latent_noise
from .preview import preview_jpeg
from .samplers import (
    Denoiser,
    Sampler,
    ddpm,
    dpm_2,
    dpm_2_ancestral,
    dpmpp_2s_ancestral,
    dpmpp_sde,
    euler,
    euler_ancestral,
    heun,
    lcm,
)
from .schedules import SIGMA_MAX, Sigmas

Latent = dict[str, Any]

SAMPLERS: dict[str, Sampler] = {
    "euler": euler,
    "euler_ancestral": euler_ancestral,
    "heun": heun,
    "dpm_2": dpm_2,
    "dpm_2_ancestral": dpm_2_ancestral,
    "lms": lms,
    "dpmpp_2s_ancestral": dpmpp_2s_ancestral,
    # The names with _gpu say where the noise is drawn: here there is one place.
    "dpmpp_sde": dpmpp_sde,
    "dpmpp_sde_gpu": dpmpp_sde,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "dpmpp_2m_sde_gpu": dpmpp_2m_sde,
    "dpmpp_2m_sde_heun": dpmpp_2m_sde_heun,
    "dpmpp_2m_sde_heun_gpu": dpmpp_2m_sde_heun,
    "dpmpp_3m_sde": dpmpp_3m_sde,
    "dpmpp_3m_sde_gpu": dpmpp_3m_sde,
    "ddpm": ddpm,
    "lcm": lcm,
    "ipndm": ipndm,
    "res_multistep": res_multistep,
    "gradient_estimation": gradient_estimation,
    "ddim": euler,  # DDIM with η = 0 is Euler's method in these coordinates
}


@dataclass(frozen=True)
class ChosenSampler:
    """A SAMPLER: its name, and options where its node has some."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def walk(self) -> Sampler:
        """The function to call."""
        return partial(SAMPLERS[self.name], **self.options) if self.options else SAMPLERS[self.name]


@dataclass(frozen=True)
class Guider:
    """A GUIDER: a model, what is wanted, what is not, and how strongly; without `negative` no guidance."""

    model: AnalyticModel
    positive: Conditioning
    negative: Conditioning = ()
    cfg: float = 1.0


@dataclass(frozen=True)
class NoiseSource:
    """A NOISE: a seed, or no noise at all."""

    seed: int
    silent: bool = False

    def draw(self, latent: Latent) -> Array:
        """Unit noise for a latent's samples."""
        shape = latent["samples"].shape
        if self.silent:
            return np.zeros(shape, np.float32)
        return latent_noise(shape, self.seed, latent.get("batch_index"))


def sample(
    ctx: Context,
    guider: Guider,
    noise: NoiseSource,
    sampler: ChosenSampler,
    sigmas: Sigmas,
    latent: Latent,
) -> tuple[Latent, Latent]:
    """The latent at the last σ, and the last denoised estimate (both with all else `latent` holds).

    Each step reports 1…n with a preview. Where `noise_mask` is 0 the latent stays as it was.
    """
    latent = {**latent, "samples": checked(latent["samples"])}
    samples = latent["samples"]
    sigmas = sigmas[np.append(True, np.diff(sigmas) != 0)] if len(sigmas) else sigmas
    if len(sigmas) < 2:
        return latent, dict(latent)
    start = samples * np.float32(SCALE)
    mask = _mask_of(latent, start.shape)
    unit = noise.draw(latent)
    guidance = Guidance(guider.model, start.shape, mask, ctx.check_cancelled)
    denoiser = _kept_outside(_guided(guidance, guider), start, unit, mask)
    first = float(sigmas[0])
    whole = first > SIGMA_MAX or math.isclose(first, SIGMA_MAX, rel_tol=1e-5)
    x = start + unit * np.float32(math.sqrt(1 + first**2) if whole else first)
    stream = NoiseStream(noise.seed + 1)
    last: list[Array] = [start]

    def report(index: int, denoised: Array) -> None:
        last[0] = denoised
        ctx.progress(index + 1, len(sigmas) - 1, preview_jpeg(denoised / np.float32(SCALE)))

    x = sampler.walk()(denoiser, x, sigmas, report, lambda: stream.normal(x.shape))
    if mask is not None:
        x = x * mask + start * (1 - mask)
    ended, estimate = x / np.float32(SCALE), last[0] / np.float32(SCALE)
    return {**latent, "samples": ended}, {**latent, "samples": estimate}


def checked(samples: Array) -> Array:
    """The samples, if the model can work on them; ValueError says why not.

    Empty latents are made for a model by the node: as in ComfyUI, one of another number of channels is
    replaced by one of four.
    """
    if samples.ndim == 4 and samples.shape[1] != 4 and not samples.any():
        samples = np.zeros((len(samples), 4, *samples.shape[2:]), np.float32)
    if samples.ndim != 4 or samples.shape[1] != 4:
        raise ValueError(
            f"This model works on latents of shape (batch, 4, height, width), not {tuple(samples.shape)}. "
            "Make one with EmptyLatentImage or VAEEncode."
        )
    if not np.isfinite(samples).all():
        raise ValueError("The latent holds numbers that are not finite (NaN or infinity).")
    return samples.astype(np.float32, copy=False)


def _mask_of(latent: Latent, shape: tuple[int, ...]) -> Array | None:
    if latent.get("noise_mask") is None:
        return None
    mask = np.asarray(latent["noise_mask"], np.float32)
    mask = resize_mask(mask.reshape(-1, *mask.shape[-2:]), shape[3], shape[2])[:, None]
    return mask[np.arange(shape[0]) % len(mask)]


def _guided(guidance: Guidance, guider: Guider) -> Denoiser:
    def denoise(x: Array, sigma: float) -> Array:
        return guidance.guided(x, sigma, guider.positive, guider.negative, guider.cfg)

    return denoise


def _kept_outside(denoiser: Denoiser, start: Array, unit: Array, mask: Array | None) -> Denoiser:
    """Outside the mask the model sees the original with this σ's noise, and answers with the original."""
    if mask is None:
        return denoiser

    def denoise(x: Array, sigma: float) -> Array:
        seen = x * mask + (start + unit * np.float32(sigma)) * (1 - mask)
        return denoiser(seen, sigma) * mask + start * (1 - mask)

    return denoise
