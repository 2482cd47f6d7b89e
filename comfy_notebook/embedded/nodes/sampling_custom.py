"""Sampling taken apart: noise, guider, sampler and noise levels as values of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .analytic.guidance import Conditioning
from .analytic.model import AnalyticModel
from .analytic.run import SAMPLERS, ChosenSampler, Guider, NoiseSource, sample
from .analytic.schedules import Sigmas
from .base import Context, Input, Node, Output
from .latent_grid import Latent
from .sampling import CFG, SAMPLER_NAMES, SEED

_MODULE = "comfy_extras.nodes_custom_sampler"
_ETA = {"default": 1.0, "min": 0.0, "max": 100.0, "step": 0.01, "round": False}
_DEVICE = Input("COMBO", {"advanced": True}, choices=("gpu", "cpu"), v3=True)


class SamplerCustom(Node):
    """A sampler over given noise levels."""

    display_name = None
    category = "model/sampling/custom"
    python_module = _MODULE
    inputs = {
        "model": Input("MODEL"),
        "add_noise": Input("BOOLEAN", {"default": True, "advanced": True}),
        "noise_seed": Input("INT", SEED),
        "cfg": Input("FLOAT", CFG),
        "positive": Input("CONDITIONING"),
        "negative": Input("CONDITIONING"),
        "sampler": Input("SAMPLER"),
        "sigmas": Input("SIGMAS"),
        "latent_image": Input("LATENT"),
    }
    outputs = (Output("LATENT", "output"), Output("LATENT", "denoised_output"))

    def run(
        self,
        ctx: Context,
        *,
        model: AnalyticModel,
        add_noise: bool,
        noise_seed: int,
        cfg: float,
        positive: Conditioning,
        negative: Conditioning,
        sampler: ChosenSampler,
        sigmas: Sigmas,
        latent_image: Latent,
    ) -> tuple[Any, ...]:
        """The latent at the last level, and the last estimate of the clean one."""
        guider = Guider(model, positive, negative, cfg)
        return sample(ctx, guider, NoiseSource(noise_seed, not add_noise), sampler, sigmas, latent_image)


class SamplerCustomAdvanced(Node):
    """The same, with the noise and the guider given too."""

    display_name = None
    category = "model/sampling/custom"
    python_module = _MODULE
    inputs = {
        "noise": Input("NOISE"),
        "guider": Input("GUIDER"),
        "sampler": Input("SAMPLER"),
        "sigmas": Input("SIGMAS"),
        "latent_image": Input("LATENT"),
    }
    outputs = (Output("LATENT", "output"), Output("LATENT", "denoised_output"))

    def run(
        self,
        ctx: Context,
        *,
        noise: NoiseSource,
        guider: Guider,
        sampler: ChosenSampler,
        sigmas: Sigmas,
        latent_image: Latent,
    ) -> tuple[Any, ...]:
        """As SamplerCustom."""
        return sample(ctx, guider, noise, sampler, sigmas, latent_image)


class BasicGuider(Node):
    """Only the positive's prediction."""

    display_name = "Basic Guider"
    category = "model/sampling/guiders"
    python_module = _MODULE
    inputs = {"model": Input("MODEL"), "conditioning": Input("CONDITIONING")}
    outputs = (Output("GUIDER"),)

    def run(self, ctx: Context, *, model: AnalyticModel, conditioning: Conditioning) -> tuple[Any, ...]:
        """A Guider without a negative."""
        return (Guider(model, conditioning),)


class CFGGuider(Node):
    """Classifier-free guidance."""

    display_name = "CFG Guider"
    category = "model/sampling/guiders"
    python_module = _MODULE
    inputs = {
        "model": Input("MODEL"),
        "positive": Input("CONDITIONING"),
        "negative": Input("CONDITIONING"),
        "cfg": Input("FLOAT", CFG),
    }
    outputs = (Output("GUIDER"),)

    def run(
        self,
        ctx: Context,
        *,
        model: AnalyticModel,
        positive: Conditioning,
        negative: Conditioning,
        cfg: float,
    ) -> tuple[Any, ...]:
        """A Guider."""
        return (Guider(model, positive, negative, cfg),)


class RandomNoise(Node):
    """The noise of a seed."""

    display_name = None
    category = "model/sampling/noise"
    python_module = _MODULE
    inputs = {"noise_seed": Input("INT", SEED)}
    outputs = (Output("NOISE"),)

    def run(self, ctx: Context, *, noise_seed: int) -> tuple[Any, ...]:
        """A NoiseSource."""
        return (NoiseSource(noise_seed),)


class DisableNoise(Node):
    """No noise: for a latent that has some left."""

    display_name = None
    category = "model/sampling/noise"
    python_module = _MODULE
    outputs = (Output("NOISE"),)

    def run(self, ctx: Context) -> tuple[Any, ...]:
        """A silent NoiseSource."""
        return (NoiseSource(0, silent=True),)


class AddNoise(Node):
    """A latent with as much noise as a run over these levels takes away."""

    display_name = None
    category = "model/sampling/noise"
    python_module = _MODULE
    inputs = {
        "model": Input("MODEL"),
        "noise": Input("NOISE"),
        "sigmas": Input("SIGMAS"),
        "latent_image": Input("LATENT"),
    }
    outputs = (Output("LATENT"),)

    def run(
        self, ctx: Context, *, model: AnalyticModel, noise: NoiseSource, sigmas: Sigmas, latent_image: Latent
    ) -> tuple[Any, ...]:
        """The levels' first less their last; without levels the latent as it was."""
        if len(sigmas) == 0:
            return (latent_image,)
        amount = abs(sigmas[0] - sigmas[-1]) if len(sigmas) > 1 else sigmas[0]
        noisy = latent_image["samples"] + noise.draw(latent_image) * np.float32(amount / model.scale)
        return ({**latent_image, "samples": np.nan_to_num(noisy)},)


class KSamplerSelect(Node):
    """A sampler by name."""

    display_name = None
    category = "model/sampling/samplers"
    python_module = _MODULE
    inputs = {"sampler_name": Input("COMBO", choices=SAMPLER_NAMES, v3=True)}
    outputs = (Output("SAMPLER"),)

    def run(self, ctx: Context, *, sampler_name: str) -> tuple[Any, ...]:
        """One of the samplers there are."""
        return (ChosenSampler(sampler_name),)


class _SamplerOf(Node):
    """A sampler with its options."""

    category = "model/sampling/samplers"
    python_module = _MODULE
    outputs = (Output("SAMPLER"),)
    sampler_name = ""

    def run(self, ctx: Context, **options: Any) -> tuple[Any, ...]:
        """`noise_device` is ComfyUI's choice of hardware: there is one here."""
        options.pop("noise_device", None)
        assert self.sampler_name in SAMPLERS
        return (ChosenSampler(self.sampler_name, options),)


class SamplerEulerAncestral(_SamplerOf):
    """`euler_ancestral`: `eta` is how much of each step is noise put back, `s_noise` its strength."""

    display_name = None

    sampler_name = "euler_ancestral"
    inputs = {
        "eta": Input("FLOAT", {**_ETA, "advanced": True}),
        "s_noise": Input("FLOAT", {**_ETA, "advanced": True}),
    }


class SamplerLMS(_SamplerOf):
    """`lms` of a given order."""

    display_name = None

    sampler_name = "lms"
    inputs = {"order": Input("INT", {"default": 4, "min": 1, "max": 100, "advanced": True})}


class SamplerDPMPP_2S_Ancestral(_SamplerOf):
    """`dpmpp_2s_ancestral`."""

    display_name = None

    sampler_name = "dpmpp_2s_ancestral"
    inputs = {"eta": Input("FLOAT", _ETA), "s_noise": Input("FLOAT", _ETA)}


class SamplerDPMPP_SDE(_SamplerOf):
    """`dpmpp_sde`; `r` is where in the step the second evaluation lies."""

    display_name = None

    sampler_name = "dpmpp_sde"
    inputs = {
        "eta": Input("FLOAT", {**_ETA, "advanced": True}),
        "s_noise": Input("FLOAT", {**_ETA, "advanced": True}),
        "r": Input("FLOAT", {**_ETA, "default": 0.5, "advanced": True}),
        "noise_device": _DEVICE,
    }


class SamplerDPMPP_2M_SDE(_SamplerOf):
    """`dpmpp_2m_sde`, with the midpoint's or Heun's weights."""

    display_name = None

    sampler_name = "dpmpp_2m_sde"
    inputs = {
        "solver_type": Input("COMBO", choices=("midpoint", "heun"), v3=True),
        "eta": Input("FLOAT", {**_ETA, "advanced": True}),
        "s_noise": Input("FLOAT", {**_ETA, "advanced": True}),
        "noise_device": _DEVICE,
    }


class SamplerDPMPP_3M_SDE(_SamplerOf):
    """`dpmpp_3m_sde`."""

    display_name = None

    sampler_name = "dpmpp_3m_sde"
    inputs = {
        "eta": Input("FLOAT", {**_ETA, "advanced": True}),
        "s_noise": Input("FLOAT", {**_ETA, "advanced": True}),
        "noise_device": _DEVICE,
    }


NODES: list[type[Node]] = [
    SamplerCustom,
    SamplerCustomAdvanced,
    BasicGuider,
    CFGGuider,
    RandomNoise,
    DisableNoise,
    AddNoise,
    KSamplerSelect,
    SamplerEulerAncestral,
    SamplerLMS,
    SamplerDPMPP_2S_Ancestral,
    SamplerDPMPP_SDE,
    SamplerDPMPP_2M_SDE,
    SamplerDPMPP_3M_SDE,
]
