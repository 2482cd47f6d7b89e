"""Every sampler on a Gaussian, where both the ODE and the final distribution have a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.analytic.noise import Array, NoiseStream
from comfy_notebook.embedded.nodes.analytic.run import SAMPLERS
from comfy_notebook.embedded.nodes.analytic.samplers import Sampler
from comfy_notebook.embedded.nodes.analytic.schedules import Sigmas, karras

MEAN, SPREAD = 0.7, 0.5
ODE = {
    "euler": 1,
    "ddim": 1,
    "gradient_estimation": 1,
    "heun": 2,
    "dpm_2": 2,
    "dpmpp_2m": 2,
    "res_multistep": 2,
    "lms": 3,
}
"""The samplers that draw no noise, and the order of convergence to be seen at the least."""
EVEN_STEPS = {"ipndm"}
STOCHASTIC = sorted(set(SAMPLERS) - set(ODE) - EVEN_STEPS)
CONSISTENCY = {"lcm"}


def gaussian(x: Array, sigma: float) -> Array:
    """The exact denoiser of N(MEAN, SPREAD²)."""
    return MEAN + SPREAD**2 / (SPREAD**2 + sigma**2) * (x - MEAN)


def exact(x: Array, here: float, there: float) -> Array:
    """The exact solution of the ODE."""
    return MEAN + (x - MEAN) * math.sqrt((SPREAD**2 + there**2) / (SPREAD**2 + here**2))


def walked(sampler: Sampler, x: Array, sigmas: Sigmas, seed: int = 0) -> Array:
    stream = NoiseStream(seed)
    return sampler(gaussian, x, sigmas, lambda i, denoised: None, lambda: stream.normal(x.shape))


def start(sigma: float, count: int = 64) -> Array:
    return (MEAN + math.hypot(SPREAD, sigma) * NoiseStream(3).normal((count,))).astype(np.float32)


def error(name: str, steps: int) -> float:
    """How far a walk over the upper levels (no step to 0) ends from the exact solution."""
    sigmas = karras(steps + 1, 0.1, 10.0)[:-1]
    x = start(10.0)
    return float(np.abs(walked(SAMPLERS[name], x, sigmas) - exact(x, 10.0, 0.1)).mean())


@pytest.mark.parametrize("name", [*ODE, *EVEN_STEPS])
def test_ode_samplers_reach_the_exact_solution(name: str) -> None:
    sigmas = karras(200, 0.002, 10.0)
    x = start(10.0)
    assert walked(SAMPLERS[name], x, sigmas) == pytest.approx(exact(x, 10.0, 0.0), abs=0.02)


@pytest.mark.parametrize(("name", "order"), ODE.items())
def test_ode_samplers_converge_with_their_order(name: str, order: int) -> None:
    """Halving the steps must shrink the error by about 2^order (float32 bounds it from below)."""
    coarse, fine = error(name, 16), error(name, 64)
    assert coarse / fine > 4 ** (order - 0.35) or fine < 2e-5


@pytest.mark.parametrize("name", sorted(set(STOCHASTIC) - CONSISTENCY))
def test_stochastic_samplers_end_in_the_distribution(name: str) -> None:
    sigmas = karras(80, 0.02, 30.0)
    found = walked(SAMPLERS[name], start(30.0, 40_000), sigmas)
    assert found.mean() == pytest.approx(MEAN, abs=0.02)
    assert found.std() == pytest.approx(SPREAD, rel=0.08)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_noise_seed_matters_to_stochastic_samplers_alone(name: str) -> None:
    sigmas, x = karras(6, 0.02, 10.0), start(10.0)
    first, again, other = (walked(SAMPLERS[name], x, sigmas, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first == other).all() == (name not in STOCHASTIC)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_is_reported_once(name: str) -> None:
    reported: list[int] = []
    x = start(10.0)
    SAMPLERS[name](
        gaussian, x, karras(7, 0.02, 10.0), lambda i, d: reported.append(i), lambda: np.zeros_like(x)
    )
    assert reported == list(range(7))


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_step_is_the_denoiser(name: str) -> None:
    x = start(10.0)
    found = walked(SAMPLERS[name], x, np.array([10.0, 0.0], np.float32))
    assert found == pytest.approx(gaussian(x, 10.0), abs=1e-4)


def test_lcm_noises_the_estimate_anew() -> None:
    x, noise = start(10.0), NoiseStream(0).normal((64,))
    found = walked(SAMPLERS["lcm"], x, np.array([10.0, 2.0, 0.0], np.float32))
    assert found == pytest.approx(gaussian(gaussian(x, 10.0) + 2 * noise, 2.0), abs=1e-5)


def test_lms_weights_are_adams_bashforths_for_even_steps() -> None:
    from comfy_notebook.embedded.nodes.analytic.multistep import _adams_weights
    from comfy_notebook.embedded.nodes.analytic.samplers import Step

    assert _adams_weights([4.0, 5.0, 6.0, 7.0], Step(3, 4.0, 3.0)) == pytest.approx(
        [-55 / 24, 59 / 24, -37 / 24, 9 / 24]
    )
