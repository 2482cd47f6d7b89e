"""The published samplers that take one model evaluation a step, or a fixed few, and keep no long memory.

Every sampler walks x from `sigmas[0]` to `sigmas[-1]`, calling the denoiser D(x, σ) → E[x0 | x] and
reporting each step. x is float32 (B, C, h, w) at noise level σ (variance-exploding: x = x0 + σ·noise).
`noise` draws the next unit noise of x's shape; samplers without `noise` in their formula are ODE
solvers and never draw. Multistep methods are in `multistep`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from .noise import Array
from .schedules import Sigmas

Denoiser = Callable[[Array, float], Array]
Report = Callable[[int, Array], None]
Noise = Callable[[], Array]


class Sampler(Protocol):
    """A walk down the noise levels."""

    def __call__(self, model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
        """x at `sigmas[-1]`; `report(i, denoised)` after the evaluation that opens step i (from 0)."""
        ...


@dataclass(frozen=True)
class Step:
    """One step of a schedule: from σ `here` to σ `there` (0 at the end)."""

    index: int
    here: float
    there: float

    @property
    def last(self) -> bool:
        """Whether this step ends at a clean picture."""
        return self.there == 0.0

    @property
    def h(self) -> float:
        """The step's length in -log σ."""
        return math.log(self.here / self.there)


def steps_of(sigmas: Sigmas) -> list[Step]:
    """The steps of a schedule, in order."""
    levels = [float(sigma) for sigma in sigmas]
    return [Step(i, here, there) for i, (here, there) in enumerate(pairwise(levels))]


def combine(*terms: tuple[float, Array]) -> Array:
    """The weighted sum of arrays, in float32 whatever the weights are."""
    total = np.zeros_like(terms[0][1], dtype=np.float32)
    for weight, array in terms:
        total += np.float32(weight) * array
    return total


def ancestral(here: float, there: float, eta: float = 1.0) -> tuple[float, float]:
    """The level to step down to and the noise to add, so that together they make level `there`.

    A step up adds none.
    """
    if not eta or there == 0.0 or there >= here:
        return there, 0.0
    up = min(there, eta * math.sqrt(there**2 * (here**2 - there**2) / here**2))
    return math.sqrt(there**2 - up**2), up


def slope(x: Array, denoised: Array, sigma: float) -> Array:
    """dx/dσ of the probability-flow ODE."""
    return (x - denoised) / np.float32(sigma)


def _toward(x: Array, denoised: Array, here: float, there: float) -> Array:
    """The exact solution of the ODE if the denoiser's answer stayed the same; Euler's step, too."""
    ratio = there / here
    return combine((ratio, x), (1.0 - ratio, denoised))


def euler(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """Karras et al. (2022), algorithm 1 without its second half; DDIM in these coordinates."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        x = _toward(x, denoised, step.here, step.there)
    return x


def euler_ancestral(
    model: Denoiser,
    x: Array,
    sigmas: Sigmas,
    report: Report,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Array:
    """Euler's step too far down, then noise back up."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        down, up = ancestral(step.here, step.there, eta)
        x = _toward(x, denoised, step.here, down)
        if up:
            x = combine((1.0, x), (up * s_noise, noise()))
    return x


def heun(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """Karras et al. (2022), algorithm 1: the mean of the slopes at both ends of the step."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        ahead = _toward(x, denoised, step.here, step.there)
        if not step.last:
            length = step.there - step.here
            first = slope(x, denoised, step.here)
            second = slope(ahead, model(ahead, step.there), step.there)
            ahead = combine((1.0, x), (length / 2, first), (length / 2, second))
        x = ahead
    return x


def dpm_2(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """DPM-Solver-2 of Karras et al. (2022): the slope at the geometric middle of the step."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        x = _middle(model, x, denoised, step.here, step.there)
    return x


def dpm_2_ancestral(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """`dpm_2` with ancestral noise."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        down, up = ancestral(step.here, step.there)
        x = _middle(model, x, denoised, step.here, down)
        if up:
            x = combine((1.0, x), (up, noise()))
    return x


def _middle(model: Denoiser, x: Array, denoised: Array, here: float, there: float) -> Array:
    if there == 0.0:
        return _toward(x, denoised, here, there)
    middle = math.sqrt(here * there)
    halfway = _toward(x, denoised, here, middle)
    return combine((1.0, x), (there - here, slope(halfway, model(halfway, middle), middle)))


def dpmpp_2s_ancestral(
    model: Denoiser,
    x: Array,
    sigmas: Sigmas,
    report: Report,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Array:
    """DPM-Solver++(2S) (Lu et al. 2022) with ancestral noise."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        down, up = ancestral(step.here, step.there, eta)
        if down:
            middle = math.sqrt(step.here * down)
            halfway = _toward(x, denoised, step.here, middle)
            denoised = model(halfway, middle)
        x = _toward(x, denoised, step.here, down)
        if up:
            x = combine((1.0, x), (up * s_noise, noise()))
    return x


def dpmpp_sde(
    model: Denoiser,
    x: Array,
    sigmas: Sigmas,
    report: Report,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Array:
    """DPM-Solver++ as a stochastic equation, two evaluations a step (Crowson, k-diffusion).

    The noises of the half step and of the whole step are increments of one Brownian path over σ.
    """
    if not 0 < r <= 1:
        raise ValueError(
            f"r is where in a step the second evaluation lies: above 0 and at most 1, not {r:g}."
        )
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        if step.last:
            x = denoised
            continue
        middle = step.here * math.exp(-step.h * r)
        early, late = math.sqrt(step.here - middle), math.sqrt(max(0.0, middle - step.there))
        first = noise()
        down, up = ancestral(step.here, middle, eta)
        halfway = combine((1.0, _toward(x, denoised, step.here, down)), (up * s_noise, first))
        share = 1.0 / (2.0 * r)
        denoised = combine((1.0 - share, denoised), (share, model(halfway, middle)))
        down, up = ancestral(step.here, step.there, eta)
        length = math.hypot(early, late)
        whole = combine((early / length, first), (late / length, noise()))
        x = combine((1.0, _toward(x, denoised, step.here, down)), (up * s_noise, whole))
    return x


def ddpm(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """Ho et al. (2020): the posterior mean and variance of the step before."""
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        kept, kept_before = 1 / (step.here**2 + 1), 1 / (step.there**2 + 1)
        alpha = kept / kept_before
        scaled = x / np.float32(math.sqrt(1 + step.here**2))
        back = (1 - alpha) / math.sqrt(1 - kept)
        x = combine((1.0, scaled), (-back, slope(x, denoised, step.here))) / np.float32(math.sqrt(alpha))
        if not step.last:
            spread = math.sqrt((1 - alpha) * (1 - kept_before) / (1 - kept))
            x = combine((1.0, x), (spread, noise())) * np.float32(math.sqrt(1 + step.there**2))
    return x


def lcm(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """Song et al. (2023), multistep consistency sampling: to the clean picture, and noise anew."""
    for step in steps_of(sigmas):
        x = model(x, step.here)
        report(step.index, x)
        if not step.last:
            x = combine((1.0, x), (step.there, noise()))
    return x
