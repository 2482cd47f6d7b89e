"""Noise against numbers PyTorch 2.13 drew on a CPU."""

from __future__ import annotations

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.analytic.noise import NoiseStream, latent_noise

# by seed: the first and the last of randn(1, 4, 8, 8), and the last of a randn(1, 4, 3, 3) drawn after it
DRAWN = {
    0: ([-1.12584, -1.15236, -0.250579, -0.433879], [0.144743, 1.902856, 0.390396], [-0.780379, -0.873878]),
    42: ([1.926915, 1.487284, 0.900717, -2.105521], [0.565505, 0.505792, 0.222454], [0.856861, -0.67205]),
    156680208700286: (
        [-0.720985, -1.27273, 1.488394, 1.269109],
        [1.600966, 0.426845, 1.075405],
        [0.023295, -1.352988],
    ),
}


@pytest.mark.parametrize("seed", DRAWN)
def test_noise_is_pytorchs(seed: int) -> None:
    head, tail, rest = DRAWN[seed]
    stream = NoiseStream(seed)
    first, second = stream.normal((1, 4, 8, 8)).ravel(), stream.normal((1, 4, 3, 3)).ravel()
    assert first[:4] == pytest.approx(head, abs=2e-6)
    assert first[-3:] == pytest.approx(tail, abs=2e-6)
    assert second[-2:] == pytest.approx(rest, abs=2e-6)


@pytest.mark.parametrize(
    ("seed", "few"),
    [
        (0, [1.540996, -0.293429, -2.178789, 0.568431, -1.084522]),
        (42, [0.33669, 0.128809, 0.234462]),
        (123456789012, [-0.610942, -0.339082, -0.338756, 1.042037]),
    ],
)
def test_fewer_than_sixteen_numbers_are_pytorchs_too(seed: int, few: list[float]) -> None:
    assert NoiseStream(seed).normal((1, len(few), 1)).ravel() == pytest.approx(few, abs=2e-6)
    stream = NoiseStream(seed)
    assert [stream.normal((1,))[0] for _ in few] == pytest.approx(few, abs=2e-6)


def test_an_item_of_a_batch_has_the_same_noise_in_a_larger_one() -> None:
    small, large = latent_noise((2, 4, 8, 8), 7), latent_noise((5, 4, 8, 8), 7)
    assert (small == large[:2]).all()


def test_batch_indices_choose_the_noise() -> None:
    whole = latent_noise((4, 4, 8, 8), 7)
    assert (latent_noise((2, 4, 8, 8), 7, [3, 3]) == whole[[3, 3]]).all()


def test_any_seed_there_can_be() -> None:
    assert np.isfinite(latent_noise((1, 4, 2, 2), 2**64 - 1)).all()
