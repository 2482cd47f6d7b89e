"""Noise levels: Stable Diffusion 1's thousand, and the published ways to walk down them.

Scheduler names, formulas and roundings are ComfyUI's. A schedule is float32 (steps + 1,), falling,
and ends at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Sigmas = NDArray[np.float32]
Table = NDArray[np.float64]

TIMESTEPS = 1000


def _training_sigmas() -> Table:
    betas = np.linspace(0.00085**0.5, 0.012**0.5, TIMESTEPS) ** 2
    kept = np.cumprod(1.0 - betas)
    return np.sqrt((1.0 - kept) / kept)


SIGMAS: Table = _training_sigmas()
SIGMAS.setflags(write=False)
SIGMA_MIN = float(SIGMAS[0])
SIGMA_MAX = float(SIGMAS[-1])


def sigma_at(timestep: Table | float) -> Table:
    """σ at a fractional timestep 0–999, linear in log σ between the thousand."""
    return np.exp(np.interp(timestep, np.arange(TIMESTEPS), np.log(SIGMAS)))


def timestep_at(sigma: Table | float) -> Table:
    """The index of the training σ nearest in log σ."""
    distance = np.abs(np.log(np.atleast_1d(np.asarray(sigma, np.float64)))[:, None] - np.log(SIGMAS))
    return np.argmin(distance, axis=1).astype(np.float64)


def percent_to_sigma(percent: float) -> float:
    """σ after this share (0–1) of the sampling; above every σ at 0, and 0 at 1."""
    if percent <= 0.0:
        return 999999999.9
    if percent >= 1.0:
        return 0.0
    return float(sigma_at((1.0 - percent) * (TIMESTEPS - 1)))


def _ending(sigmas: Table | list[float]) -> Sigmas:
    return np.append(np.asarray(sigmas, np.float64), 0.0).astype(np.float32)


def normal(steps: int) -> Sigmas:
    """Evenly spaced timesteps, both ends included."""
    return _ending(sigma_at(np.linspace(TIMESTEPS - 1, 0, steps)))


def sgm_uniform(steps: int) -> Sigmas:
    """Evenly spaced timesteps, the last one left out."""
    return _ending(sigma_at(np.linspace(TIMESTEPS - 1, 0, steps + 1)[:-1]))


def simple(steps: int) -> Sigmas:
    """Every (1000 / steps)-th training σ from the top."""
    stride = TIMESTEPS / steps
    return _ending([SIGMAS[-(1 + int(i * stride))] for i in range(steps)])


def ddim_uniform(steps: int) -> Sigmas:
    """Every (1000 // steps)-th training σ from index 1; may give a step more than asked."""
    stride = max(TIMESTEPS // steps, 1)
    return _ending(SIGMAS[1:TIMESTEPS:stride][::-1])


def _above_zero(**levels: float) -> None:
    for name, value in levels.items():
        if value <= 0:
            raise ValueError(f"{name} must be above 0, not {value:g}.")


def karras(
    steps: int, sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX, rho: float = 7.0
) -> Sigmas:
    """Karras et al. (2022), equation 5: evenly spaced in σ^(1/ρ)."""
    _above_zero(rho=rho)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _ending((high + np.linspace(0, 1, steps) * (low - high)) ** rho)


def exponential(steps: int, sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX) -> Sigmas:
    """Evenly spaced in log σ."""
    _above_zero(sigma_min=sigma_min, sigma_max=sigma_max)
    return _ending(np.exp(np.linspace(math.log(sigma_max), math.log(sigma_min), steps)))


def polyexponential(
    steps: int, sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX, rho: float = 1.0
) -> Sigmas:
    """A power ρ of an even ramp, in log σ."""
    _above_zero(sigma_min=sigma_min, sigma_max=sigma_max)
    ramp = np.linspace(1, 0, steps) ** rho
    return _ending(np.exp(ramp * (math.log(sigma_max) - math.log(sigma_min)) + math.log(sigma_min)))


def variance_preserving(steps: int, beta_d: float, beta_min: float, eps_s: float) -> Sigmas:
    """The continuous variance-preserving schedule of Song et al. (2021)."""
    t = np.linspace(1, eps_s, steps)
    return _ending(np.sqrt(np.expm1(beta_d * t**2 / 2 + beta_min * t)))


def kl_optimal(steps: int) -> Sigmas:
    """Align Your Steps (Sabour et al. 2024), appendix: evenly spaced in atan σ."""
    share = np.arange(steps) / max(steps - 1, 1)
    return _ending(np.tan(share * math.atan(SIGMA_MIN) + (1 - share) * math.atan(SIGMA_MAX)))


def beta_quantiles(steps: int, alpha: float = 0.6, beta: float = 0.6) -> Sigmas:
    """Timesteps at the quantiles of a Beta distribution (Lee et al. 2024); repeated ones are left out."""
    _above_zero(alpha=alpha, beta=beta)
    shares = 1 - np.arange(steps) / steps
    timesteps = np.rint(_quantiles(shares, alpha, beta) * (TIMESTEPS - 1)).astype(int)
    kept = np.append(True, np.diff(timesteps) != 0)
    return _ending(SIGMAS[timesteps[kept]])


def _quantiles(shares: Table, alpha: float, beta: float) -> Table:
    """The inverse of the regularised incomplete beta function, by tanh–sinh quadrature (about 1e-7)."""
    u = np.linspace(-5.5, 5.5, 20001)
    stretched = math.pi * np.sinh(u)
    log_x, log_rest = -np.logaddexp(0, -stretched), -np.logaddexp(0, stretched)
    density = np.exp(alpha * log_x + beta * log_rest) * np.cosh(u)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.round(np.interp(shares, below / below[-1], np.exp(log_x)), 7)


SCHEDULERS: dict[str, Callable[[int], Sigmas]] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": karras,
    "exponential": exponential,
    "ddim_uniform": ddim_uniform,
    "beta": beta_quantiles,
    "normal": normal,
    "kl_optimal": kl_optimal,
}


# ComfyUI drops the last level before 0 for these samplers, whose last step would else be wasted.
_SKIP_PENULTIMATE = frozenset(["dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"])


def schedule(scheduler: str, steps: int, denoise: float = 1.0, sampler: str = "") -> Sigmas:
    """The levels of a run; with `denoise` < 1 the last `steps` of a run of steps / denoise.

    Empty when nothing is to be denoised.
    """
    if denoise <= 0.0:
        return np.zeros(0, np.float32)
    total = steps if denoise > 0.9999 else int(steps / denoise)
    skip = sampler in _SKIP_PENULTIMATE
    sigmas = SCHEDULERS[scheduler](total + skip)
    if skip:
        sigmas = np.concatenate([sigmas[:-2], sigmas[-1:]])
    return sigmas if total == steps else sigmas[-(steps + 1) :]


def turbo(steps: int, denoise: float) -> Sigmas:
    """Every hundredth timestep from the top down, the first 10 - 10·denoise of them left out (SD Turbo)."""
    start = 10 - int(10 * denoise)
    timesteps = np.linspace(999, 99, 10)
    return _ending(sigma_at(timesteps[start : start + steps]))
