"""The published samplers that remember earlier steps: one model evaluation each, higher order.

The conventions are those of `samplers`.
"""

from __future__ import annotations

import math

import numpy as np

from .noise import Array
from .samplers import Denoiser, Noise, Report, Step, combine, slope, steps_of
from .schedules import Sigmas


def lms(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise, *, order: int = 4) -> Array:
    """Adams–Bashforth with the exact weights for uneven steps (Crowson, k-diffusion)."""
    levels = [float(sigma) for sigma in sigmas]
    slopes: list[Array] = []
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        slopes = [slope(x, denoised, step.here), *slopes[: order - 1]]
        if step.last:
            x = denoised
        else:
            known = levels[step.index :: -1][: len(slopes)]
            weights = _adams_weights(known, step)
            x = combine((1.0, x), *zip(weights, slopes, strict=True))
    return x


def _adams_weights(known: list[float], step: Step) -> list[float]:
    """The integrals over the step of the Lagrange polynomials through the known levels."""
    points, weights = np.polynomial.legendre.leggauss(len(known))
    half, centre = (step.there - step.here) / 2, (step.there + step.here) / 2
    at = centre + half * points
    found = []
    for j, own in enumerate(known):
        others = [level for k, level in enumerate(known) if k != j]
        basis = np.prod([(at - other) / (own - other) for other in others], axis=0) if others else 1.0
        found.append(float(half * np.sum(weights * basis)))
    return found


def dpmpp_2m(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """DPM-Solver++(2M) (Lu et al. 2022)."""
    before: tuple[Array, float] | None = None
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        if step.last:
            return denoised
        target = denoised
        if before is not None:
            lean = step.h / (2 * before[1])
            target = combine((1 + lean, denoised), (-lean, before[0]))
        ratio = step.there / step.here
        x = combine((ratio, x), (1 - ratio, target))
        before = denoised, step.h
    return x


def dpmpp_2m_sde(
    model: Denoiser,
    x: Array,
    sigmas: Sigmas,
    report: Report,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: str = "midpoint",
) -> Array:
    """DPM-Solver++(2M) as a stochastic equation (Crowson, k-diffusion)."""
    before: tuple[Array, float] | None = None
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        if step.last:
            return denoised
        reach = step.h * (1 + eta)
        gain = -math.expm1(-reach)
        x = combine((math.exp(-reach), x), (gain, denoised))
        if before is not None:
            weight = gain / 2 if solver_type == "midpoint" else 1 - gain / reach
            weight *= step.h / before[1]
            x = combine((1.0, x), (weight, denoised), (-weight, before[0]))
        x = _stir(x, step, eta, s_noise, noise)
        before = denoised, step.h
    return x


def dpmpp_2m_sde_heun(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """`dpmpp_2m_sde` with Heun's weights in place of the midpoint's."""
    return dpmpp_2m_sde(model, x, sigmas, report, noise, solver_type="heun")


def dpmpp_3m_sde(
    model: Denoiser,
    x: Array,
    sigmas: Sigmas,
    report: Report,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Array:
    """DPM-Solver++(3M) as a stochastic equation (Crowson, k-diffusion)."""
    before: list[tuple[Array, float]] = []
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        if step.last:
            return denoised
        reach = step.h * (1 + eta)
        x = combine((math.exp(-reach), x), (-math.expm1(-reach), denoised))
        if before:
            phi2 = math.expm1(-reach) / reach + 1
            near = before[0][1] / step.h
            lean = (denoised - before[0][0]) / np.float32(near)
            if len(before) == 1:
                x = combine((1.0, x), (phi2, lean))
            else:
                far = before[1][1] / step.h
                bend = lean - (before[0][0] - before[1][0]) / np.float32(far)
                phi3 = phi2 / reach - 0.5
                first = combine((1.0, lean), (near / (near + far), bend))
                x = combine((1.0, x), (phi2, first), (-phi3 / (near + far), bend))
        x = _stir(x, step, eta, s_noise, noise)
        before = [(denoised, step.h), *before[:1]]
    return x


def _stir(x: Array, step: Step, eta: float, s_noise: float, noise: Noise) -> Array:
    if not eta:
        return x
    spread = step.there * math.sqrt(-math.expm1(-2 * step.h * eta)) * s_noise
    return combine((1.0, x), (spread, noise()))


_ADAMS_EVEN = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def ipndm(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """Improved pseudo numerical methods (Zhang & Chen 2022): Adams–Bashforth weights for even steps."""
    slopes: list[Array] = []
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        slopes = [slope(x, denoised, step.here), *slopes[:3]]
        if step.last:
            return denoised
        length = step.there - step.here
        weights = [length * weight for weight in _ADAMS_EVEN[len(slopes) - 1]]
        x = combine((1.0, x), *zip(weights, slopes, strict=True))
    return x


def res_multistep(model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise) -> Array:
    """The two-step exponential integrator of RES (Zhang et al. 2023)."""
    before: tuple[Array, float] | None = None
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        if step.last:
            return denoised
        ratio = step.there / step.here
        x = combine((ratio, x), (1 - ratio, denoised))
        if before is not None:
            phi1 = math.expm1(-step.h) / -step.h
            phi2 = (phi1 - 1) / -step.h
            weight = step.h * phi2 * step.h / before[1]
            x = combine((1.0, x), (weight, denoised), (-weight, before[0]))
        before = denoised, step.h
    return x


def gradient_estimation(
    model: Denoiser, x: Array, sigmas: Sigmas, report: Report, noise: Noise, *, gamma: float = 2.0
) -> Array:
    """Permenter & Yuan (2024): Euler with the slope carried a little past its last change."""
    before: Array | None = None
    for step in steps_of(sigmas):
        denoised = model(x, step.here)
        report(step.index, denoised)
        if step.last:
            return denoised
        now = slope(x, denoised, step.here)
        length = step.there - step.here
        x = combine((1.0, x), (length, now))
        if before is not None:
            weight = (gamma - 1) * length
            x = combine((1.0, x), (weight, now), (-weight, before))
        before = now
    return x
