"""The closed form against the sum over all combinations, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.analytic import prior
from comfy_notebook.embedded.nodes.analytic.mixture import SPREAD, Overlays, Scenes
from comfy_notebook.embedded.nodes.analytic.noise import Array, NoiseStream
from comfy_notebook.embedded.nodes.analytic.words import CONCEPTS, tilts

pytestmark = pytest.mark.slow

SIZE = 5
NOTHING = np.zeros(len(CONCEPTS), np.float32)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes(SIZE, SIZE)


def laid(scenes: Scenes, overlays: Overlays, light: int, number: int) -> tuple[Array, Array]:
    """An overlay's coverage (N,) and its colours (3, N) in a light."""
    colour = overlays.lit[number].reshape(3, -1) * scenes.ambient[light][:, None]
    return overlays.coverage[number], colour + overlays.glowing[number].reshape(3, -1)


def by_hand(scenes: Scenes, x: Array, sigma: float, tilt: Array) -> Array:
    """E[x0 | x] but for SPREAD's share of x, by going through every combination."""
    base = prior.backgrounds(tilt, scenes.grounds)
    sky_prior = prior.skies(tilt, scenes.skies.names)
    subject_prior = prior.subjects(tilt, scenes.subjects.names, scenes.grounds)
    pictures, logs = [], []
    lights, layouts = scenes.means.shape[:2]
    for light in range(lights):
        for layout in range(layouts):
            under = scenes.means[light, layout]
            for s in range(len(scenes.skies.names)):
                cover, colour = laid(scenes, scenes.skies, light, s)
                with_sky = under * (1 - cover) + colour
                for o in range(len(scenes.subjects.names)):
                    if scenes.apart[s, o] < 0:
                        continue
                    cover, colour = laid(scenes, scenes.subjects, light, o)
                    pictures.append(with_sky * (1 - cover) + colour)
                    logs.append(base[light, layout] + sky_prior[light, s] + subject_prior[layout, o])
    stacked = np.stack(pictures).reshape(len(pictures), -1)
    scores = np.array(logs) - ((stacked - x.ravel()) ** 2).sum(axis=1) / (2 * (sigma**2 + SPREAD**2))
    weights = np.exp(scores - scores.max())
    return (weights / weights.sum() @ stacked).reshape(x.shape)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("prompt", ["", "a boat by the sea at night, moon"])
def test_the_posterior_mean_is_exact(scenes: Scenes, sigma: float, prompt: str) -> None:
    x = (0.5 + sigma * NoiseStream(1).normal((3, SIZE * SIZE))).astype(np.float32)
    weights, _ = scenes.posterior(scenes.evidence(x).over(sigma**2 + SPREAD**2), tilts(prompt))
    assert scenes.mean(weights) == pytest.approx(by_hand(scenes, x, sigma, tilts(prompt)), abs=2e-4)


def test_weights_are_a_probability(scenes: Scenes) -> None:
    x = NoiseStream(2).normal((3, SIZE * SIZE))
    weights, _ = scenes.posterior(scenes.evidence(x).over(4.0), NOTHING)
    assert weights.backgrounds.sum() == pytest.approx(1, abs=1e-5)
    assert weights.skies.sum(axis=2) == pytest.approx(weights.backgrounds, abs=1e-6)
    assert weights.subjects.sum(axis=2) == pytest.approx(weights.backgrounds, abs=1e-6)


def test_evidence_counts_only_where_it_is_trusted(scenes: Scenes) -> None:
    known = np.zeros((SIZE, SIZE), np.float32)
    known[:2] = 1
    x = NoiseStream(2).normal((3, SIZE * SIZE))
    y = x.copy()
    y.reshape(3, SIZE, SIZE)[:, 2:] += 3
    partial = scenes.trusting(known)
    assert partial.evidence(x).backgrounds == pytest.approx(partial.evidence(y).backgrounds, abs=1e-3)
    assert (scenes.evidence(x).backgrounds != scenes.evidence(y).backgrounds).any()


def test_words_make_their_scenes_likely(scenes: Scenes) -> None:
    nothing_seen = scenes.evidence(np.zeros((3, SIZE * SIZE), np.float32)).over(1e9)
    weights, _ = scenes.posterior(nothing_seen, tilts("lighthouse at night"))
    lighthouses = [name == "lighthouse" for name in scenes.subjects.names]
    assert weights.subjects[..., lighthouses].sum() > 0.99
    assert weights.backgrounds[4].sum() > 0.99
    by_the_sea = [ground == "sea" for ground in scenes.grounds]
    assert weights.backgrounds[:, by_the_sea].sum() > 0.9
