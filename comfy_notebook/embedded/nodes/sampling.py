"""KSampler and KSamplerAdvanced: from noise to a latent, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from .analytic.guidance import Conditioning
from .analytic.model import AnalyticModel
from .analytic.run import SAMPLERS, ChosenSampler, Guider, NoiseSource, sample
from .analytic.schedules import SCHEDULERS, schedule
from .base import Context, Input, Node, Output

SEED = {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}
CFG = {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}
STEPS = {"default": 20, "min": 1, "max": 10000}
DENOISE = {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}
SAMPLER_NAMES = list(SAMPLERS)
SCHEDULER_NAMES = list(SCHEDULERS)


class KSampler(Node):
    """Denoises a latent: all of it, or with `denoise` < 1 only the last part of the noise levels."""

    category = "model/sampling"
    inputs = {
        "model": Input("MODEL"),
        "seed": Input("INT", SEED),
        "steps": Input("INT", STEPS),
        "cfg": Input("FLOAT", CFG),
        "sampler_name": Input("COMBO", choices=SAMPLER_NAMES),
        "scheduler": Input("COMBO", choices=SCHEDULER_NAMES),
        "positive": Input("CONDITIONING"),
        "negative": Input("CONDITIONING"),
        "latent_image": Input("LATENT"),
        "denoise": Input("FLOAT", DENOISE),
    }
    outputs = (Output("LATENT"),)

    def run(
        self,
        ctx: Context,
        *,
        model: AnalyticModel,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: dict[str, Any],
        denoise: float = 1.0,
    ) -> tuple[Any, ...]:
        """The same seed and inputs give the same latent, byte for byte."""
        sigmas = schedule(scheduler, steps, denoise, sampler_name)
        guider = Guider(model, positive, negative, cfg)
        chosen = ChosenSampler(sampler_name)
        return (sample(ctx, guider, NoiseSource(seed), chosen, sigmas, latent_image)[0],)


class KSamplerAdvanced(Node):
    """KSampler over a part of the steps, with or without noise added before and left after."""

    display_name = "KSampler (Advanced)"
    category = "model/sampling"
    inputs = {
        "model": Input("MODEL"),
        "add_noise": Input("COMBO", {"advanced": True}, choices=["enable", "disable"]),
        "noise_seed": Input("INT", SEED),
        "steps": Input("INT", STEPS),
        "cfg": Input("FLOAT", CFG),
        "sampler_name": Input("COMBO", choices=SAMPLER_NAMES),
        "scheduler": Input("COMBO", choices=SCHEDULER_NAMES),
        "positive": Input("CONDITIONING"),
        "negative": Input("CONDITIONING"),
        "latent_image": Input("LATENT"),
        "start_at_step": Input("INT", {"default": 0, "min": 0, "max": 10000, "advanced": True}),
        "end_at_step": Input("INT", {"default": 10000, "min": 0, "max": 10000, "advanced": True}),
        "return_with_leftover_noise": Input("COMBO", {"advanced": True}, choices=["disable", "enable"]),
    }
    outputs = (Output("LATENT"),)

    def run(
        self,
        ctx: Context,
        *,
        model: AnalyticModel,
        add_noise: str,
        noise_seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: dict[str, Any],
        start_at_step: int,
        end_at_step: int,
        return_with_leftover_noise: str,
    ) -> tuple[Any, ...]:
        """A start at or after the last step gives the latent back unchanged."""
        sigmas = schedule(scheduler, steps, sampler=sampler_name)
        if end_at_step < len(sigmas) - 1:
            sigmas = sigmas[: end_at_step + 1].copy()
            if return_with_leftover_noise == "disable":
                sigmas[-1] = 0.0
        sigmas = sigmas[start_at_step:] if start_at_step < len(sigmas) - 1 else np.zeros(0, np.float32)
        noise = NoiseSource(noise_seed, silent=add_noise == "disable")
        guider = Guider(model, positive, negative, cfg)
        return (sample(ctx, guider, noise, ChosenSampler(sampler_name), sigmas, latent_image)[0],)


NODES: list[type[Node]] = [KSampler, KSamplerAdvanced]
