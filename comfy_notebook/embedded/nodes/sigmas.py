"""Noise levels as values: made by every schedule, split, turned around."""

from __future__ import annotations

from typing import Any

from .analytic.model import AnalyticModel
from .analytic.schedules import (
    SIGMA_MAX,
    SIGMA_MIN,
    Sigmas,
    beta_quantiles,
    exponential,
    karras,
    percent_to_sigma,
    polyexponential,
    schedule,
    turbo,
    variance_preserving,
)
from .base import Context, Input, Node, Output
from .sampling import DENOISE, SCHEDULER_NAMES, STEPS

_MODULE = "comfy_extras.nodes_custom_sampler"
_SCHEDULERS = "model/sampling/schedulers"
_SIGMAS = "model/sampling/sigmas"
_LEVEL = {"min": 0.0, "max": 5000.0, "step": 0.01, "round": False}
_HIGH = Input("FLOAT", {"default": 14.614642, **_LEVEL, "advanced": True})
_LOW = Input("FLOAT", {"default": 0.0291675, **_LEVEL, "advanced": True})


class _Schedule(Node):
    """A schedule of its own, whatever the model."""

    category = _SCHEDULERS
    python_module = _MODULE
    outputs = (Output("SIGMAS"),)


class BasicScheduler(_Schedule):
    """A schedule of the model's levels, or with `denoise` < 1 the last part of a longer one."""

    display_name = None
    inputs = {
        "model": Input("MODEL"),
        "scheduler": Input("COMBO", choices=SCHEDULER_NAMES, v3=True),
        "steps": Input("INT", STEPS),
        "denoise": Input("FLOAT", DENOISE),
    }

    def run(
        self, ctx: Context, *, model: AnalyticModel, scheduler: str, steps: int, denoise: float
    ) -> tuple[Any, ...]:
        """(steps + 1,); empty at denoise 0."""
        return (schedule(scheduler, steps, denoise),)


class KarrasScheduler(_Schedule):
    """Karras et al. (2022)."""

    display_name = None
    inputs = {
        "steps": Input("INT", STEPS),
        "sigma_max": _HIGH,
        "sigma_min": _LOW,
        "rho": Input(
            "FLOAT",
            {"default": 7.0, "min": 0.0, "max": 100.0, "step": 0.01, "round": False, "advanced": True},
        ),
    }

    def run(
        self, ctx: Context, *, steps: int, sigma_max: float, sigma_min: float, rho: float
    ) -> tuple[Any, ...]:
        """(steps + 1,)."""
        return (karras(steps, sigma_min, sigma_max, rho),)


class ExponentialScheduler(_Schedule):
    """Even in log σ."""

    display_name = None
    inputs = {"steps": Input("INT", STEPS), "sigma_max": _HIGH, "sigma_min": _LOW}

    def run(self, ctx: Context, *, steps: int, sigma_max: float, sigma_min: float) -> tuple[Any, ...]:
        """(steps + 1,)."""
        return (exponential(steps, sigma_min, sigma_max),)


class PolyexponentialScheduler(_Schedule):
    """A power of a ramp, in log σ."""

    display_name = None
    inputs = {
        "steps": Input("INT", STEPS),
        "sigma_max": _HIGH,
        "sigma_min": _LOW,
        "rho": Input(
            "FLOAT",
            {"default": 1.0, "min": 0.0, "max": 100.0, "step": 0.01, "round": False, "advanced": True},
        ),
    }

    def run(
        self, ctx: Context, *, steps: int, sigma_max: float, sigma_min: float, rho: float
    ) -> tuple[Any, ...]:
        """(steps + 1,)."""
        return (polyexponential(steps, sigma_min, sigma_max, rho),)


class VPScheduler(_Schedule):
    """The continuous variance-preserving schedule."""

    display_name = None
    inputs = {
        "steps": Input("INT", STEPS),
        "beta_d": Input("FLOAT", {"default": 19.9, **_LEVEL, "advanced": True}),
        "beta_min": Input("FLOAT", {"default": 0.1, **_LEVEL, "advanced": True}),
        "eps_s": Input(
            "FLOAT",
            {"default": 0.001, "min": 0.0, "max": 1.0, "step": 0.0001, "round": False, "advanced": True},
        ),
    }

    def run(
        self, ctx: Context, *, steps: int, beta_d: float, beta_min: float, eps_s: float
    ) -> tuple[Any, ...]:
        """(steps + 1,)."""
        return (variance_preserving(steps, beta_d, beta_min, eps_s),)


class BetaSamplingScheduler(_Schedule):
    """The model's timesteps at the quantiles of a Beta distribution."""

    display_name = None
    inputs = {
        "model": Input("MODEL"),
        "steps": Input("INT", STEPS),
        "alpha": Input(
            "FLOAT", {"default": 0.6, "min": 0.0, "max": 50.0, "step": 0.01, "round": False, "advanced": True}
        ),
        "beta": Input(
            "FLOAT", {"default": 0.6, "min": 0.0, "max": 50.0, "step": 0.01, "round": False, "advanced": True}
        ),
    }

    def run(
        self, ctx: Context, *, model: AnalyticModel, steps: int, alpha: float, beta: float
    ) -> tuple[Any, ...]:
        """Up to (steps + 1,)."""
        return (beta_quantiles(steps, alpha, beta),)


class SDTurboScheduler(_Schedule):
    """Every hundredth timestep from the top: for one to ten large steps."""

    display_name = None
    inputs = {
        "model": Input("MODEL"),
        "steps": Input("INT", {"default": 1, "min": 1, "max": 10}),
        "denoise": Input("FLOAT", {"default": 1.0, "min": 0, "max": 1.0, "step": 0.01}),
    }

    def run(self, ctx: Context, *, model: AnalyticModel, steps: int, denoise: float) -> tuple[Any, ...]:
        """Up to (steps + 1,)."""
        return (turbo(steps, denoise),)


class SplitSigmas(Node):
    """The levels up to a step, and from it on; both hold the level between."""

    display_name = None
    category = _SIGMAS
    python_module = _MODULE
    inputs = {"sigmas": Input("SIGMAS"), "step": Input("INT", {"default": 0, "min": 0, "max": 10000})}
    outputs = (Output("SIGMAS", "high_sigmas"), Output("SIGMAS", "low_sigmas"))

    def run(self, ctx: Context, *, sigmas: Sigmas, step: int) -> tuple[Any, ...]:
        """(step + 1,) and the rest."""
        return sigmas[: step + 1], sigmas[step:]


class SplitSigmasDenoise(Node):
    """The same, cut so that the second part is this share of the steps."""

    display_name = None
    category = _SIGMAS
    python_module = _MODULE
    inputs = {"sigmas": Input("SIGMAS"), "denoise": Input("FLOAT", DENOISE)}
    outputs = (Output("SIGMAS", "high_sigmas"), Output("SIGMAS", "low_sigmas"))

    def run(self, ctx: Context, *, sigmas: Sigmas, denoise: float) -> tuple[Any, ...]:
        """The share is rounded to steps."""
        steps = max(len(sigmas) - 1, 0)
        kept = round(steps * denoise)
        return sigmas[: len(sigmas) - kept], sigmas[len(sigmas) - kept - 1 :]


class FlipSigmas(Node):
    """The levels from the lowest up: adds noise where a sampler takes it away."""

    display_name = None
    category = _SIGMAS
    python_module = _MODULE
    inputs = {"sigmas": Input("SIGMAS")}
    outputs = (Output("SIGMAS"),)

    def run(self, ctx: Context, *, sigmas: Sigmas) -> tuple[Any, ...]:
        """A first level of 0 becomes 0.0001: no sampler starts at 0."""
        flipped = sigmas[::-1].copy()
        if len(flipped) and flipped[0] == 0:
            flipped[0] = 0.0001
        return (flipped,)


class SetFirstSigma(Node):
    """The levels with another first one."""

    display_name = None
    category = _SIGMAS
    python_module = _MODULE
    inputs = {
        "sigmas": Input("SIGMAS"),
        "sigma": Input(
            "FLOAT", {"default": 136.0, "min": 0.0, "max": 20000.0, "step": 0.001, "round": False}
        ),
    }
    outputs = (Output("SIGMAS"),)

    def run(self, ctx: Context, *, sigmas: Sigmas, sigma: float) -> tuple[Any, ...]:
        """As many as before."""
        changed = sigmas.copy()
        if len(changed):
            changed[0] = sigma
        return (changed,)


class SamplingPercentToSigma(Node):
    """The level after a share of the sampling."""

    display_name = None
    category = _SIGMAS
    python_module = _MODULE
    inputs = {
        "model": Input("MODEL"),
        "sampling_percent": Input("FLOAT", {"default": 0.0, "min": 0.0, "max": 1.0, "step": 0.0001}),
        "return_actual_sigma": Input("BOOLEAN", {"default": False}),
    }
    outputs = (Output("FLOAT", "sigma_value"),)

    def run(
        self, ctx: Context, *, model: AnalyticModel, sampling_percent: float, return_actual_sigma: bool
    ) -> tuple[Any, ...]:
        """At 0 a number above every level and at 1 zero, unless the actual ones are wanted."""
        if return_actual_sigma and sampling_percent in (0.0, 1.0):
            return (SIGMA_MAX if sampling_percent == 0.0 else SIGMA_MIN,)
        return (percent_to_sigma(sampling_percent),)


NODES: list[type[Node]] = [
    BasicScheduler,
    KarrasScheduler,
    ExponentialScheduler,
    PolyexponentialScheduler,
    VPScheduler,
    BetaSamplingScheduler,
    SDTurboScheduler,
    SplitSigmas,
    SplitSigmasDenoise,
    FlipSigmas,
    SetFirstSigma,
    SamplingPercentToSigma,
]
