"""Schedules against published numbers and the formulas' own invariants."""

from __future__ import annotations

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.analytic import schedules
from comfy_notebook.embedded.nodes.analytic.schedules import SCHEDULERS, SIGMA_MAX, SIGMA_MIN, schedule


def test_the_levels_are_stable_diffusions() -> None:
    assert pytest.approx(14.614642) == SIGMA_MAX
    assert pytest.approx(0.0291675, rel=2e-5) == SIGMA_MIN


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 50])
def test_every_schedule_falls_to_zero(name: str, steps: int) -> None:
    sigmas = schedule(name, steps)
    assert sigmas.dtype == np.float32
    assert sigmas[-1] == 0
    assert (np.diff(sigmas) < 0).all()
    assert sigmas[0] <= SIGMA_MAX * (1 + 1e-6)
    if name != "ddim_uniform":
        assert len(sigmas) == steps + 1
        assert sigmas[0] == pytest.approx(SIGMA_MAX, rel=1e-6)


def test_karras_numbers() -> None:
    """ρ = 7 by hand: the middle of three is the mean of the 7th roots, to the 7th."""
    middle = ((SIGMA_MAX ** (1 / 7) + SIGMA_MIN ** (1 / 7)) / 2) ** 7
    assert schedules.karras(3) == pytest.approx([SIGMA_MAX, middle, SIGMA_MIN, 0], rel=1e-6)


def test_exponential_is_geometric() -> None:
    sigmas = schedules.exponential(9)[:-1].astype(float)
    assert sigmas[1:] / sigmas[:-1] == pytest.approx([(SIGMA_MIN / SIGMA_MAX) ** (1 / 8)] * 8, rel=1e-5)
    assert schedules.polyexponential(9) == pytest.approx(schedules.exponential(9), rel=1e-6)


def test_normal_and_sgm_uniform_share_their_timesteps() -> None:
    """sgm_uniform leaves the last of one more out."""
    assert schedules.sgm_uniform(10)[:-1] == pytest.approx(schedules.normal(11)[:-2])


def test_simple_takes_training_levels() -> None:
    assert schedules.simple(4)[:-1] == pytest.approx(schedules.SIGMAS[[999, 749, 499, 249]], rel=1e-6)


def test_ddim_uniform_counts_up_from_the_second_level() -> None:
    assert schedules.ddim_uniform(4)[:-1] == pytest.approx(schedules.SIGMAS[[751, 501, 251, 1]], rel=1e-6)


def test_kl_optimal_is_even_in_the_arc_tangent() -> None:
    angles = np.arctan(schedules.kl_optimal(6)[:-1].astype(float))
    assert np.diff(angles) == pytest.approx([np.diff(angles)[0]] * 5, rel=1e-5)


@pytest.mark.parametrize(
    ("alpha", "beta", "timesteps"),
    [  # rint(scipy.stats.beta.ppf(1 - arange(10) / 10, alpha, beta) * 999), SciPy's own numbers
        (0.6, 0.6, [999, 959, 876, 765, 637, 500, 362, 234, 123, 40]),
        (2.0, 5.0, [999, 510, 422, 360, 309, 264, 222, 182, 140, 93]),
        (0.1, 3.0, [999, 98, 27, 7, 1, 0]),
    ],
)
def test_beta_takes_the_quantiles(alpha: float, beta: float, timesteps: list[int]) -> None:
    found = schedules.beta_quantiles(10, alpha, beta)
    assert found[:-1] == pytest.approx(schedules.SIGMAS[timesteps], rel=1e-6)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_denoise_takes_the_end_of_a_longer_schedule(name: str) -> None:
    assert (schedule(name, 20, 0.6) == SCHEDULERS[name](33)[-21:]).all()
    assert len(schedule(name, 20, 0.0)) == 0
    assert (schedule(name, 20, 0.99995) == SCHEDULERS[name](20)).all()


def test_some_samplers_leave_out_the_last_level_before_zero() -> None:
    whole = schedules.normal(21)
    assert (schedule("normal", 20, sampler="dpm_2") == np.append(whole[:-2], whole[-1])).all()


def test_percent_and_sigma() -> None:
    assert schedules.percent_to_sigma(0.0) > 1e8
    assert schedules.percent_to_sigma(1.0) == 0.0
    assert schedules.percent_to_sigma(0.5) == pytest.approx(float(schedules.sigma_at(499.5)))


def test_turbo_steps_a_hundred_timesteps_at_a_time() -> None:
    assert schedules.turbo(2, 1.0)[:-1] == pytest.approx(schedules.SIGMAS[[999, 899]], rel=1e-6)
    assert schedules.turbo(1, 0.5)[:-1] == pytest.approx(schedules.SIGMAS[[499]], rel=1e-6)


def test_levels_that_have_no_logarithm_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="sigma_min must be above 0, not 0"):
        schedules.exponential(5, 0.0, 10.0)
    with pytest.raises(ValueError, match="rho must be above 0"):
        schedules.karras(5, 0.1, 10.0, 0.0)
