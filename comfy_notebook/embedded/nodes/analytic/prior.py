"""How probable each combination of land, light, sky and subject is, before and after a prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .light import LIGHTS
from .noise import Array
from .words import INDEX

NATS = 12.0
"""The log-odds that one plain word adds to the scenes it names."""

_ODD = -7.0
_SKY_IN = {
    "sun": {"day", "dawn", "sunset", "gold"},
    "moon": {"dusk", "night", "aurora"},
    "moon+stars": {"dusk", "night", "aurora"},
    "stars": {"dusk", "night", "aurora"},
    "clouds": {"day", "dawn", "gold", "storm", "sunset"},
    "birds": {"day", "dawn", "sunset", "gold", "storm", "dusk"},
}
_SUBJECT_ON = {
    "lighthouse": {"sea"},
    "boat": {"sea"},
    "house": {"meadow", "snow", "forest", "mountains"},
    "tree": {"meadow", "forest", "mountains", "snow"},
    "castle": {"mountains", "meadow", "forest"},
    "windmill": {"meadow"},
    "balloon": {"meadow", "mountains", "desert", "sea", "forest", "city", "snow"},
    "flower": {"meadow", "mountains"},
    "cactus": {"desert"},
    "cat": {"meadow", "city"},
    "bottle": set(),
}

Logs = NDArray[np.float64]


def _tilt(tilts: Array, kind: str, name: str) -> float:
    concepts = [f"{kind}:{part}" for part in name.split("+") if part != "none"]
    found = [float(tilts[INDEX[concept]]) for concept in concepts]
    if (
        len(found) == 2
    ):  # both parts wanted is best; one alone is half of it, so that "moon" may mean no stars
        return NATS * (sum(found) if min(found) > 0 else max(found) * 0.8 if max(found) > 0 else sum(found))
    return NATS * sum(found)


def backgrounds(tilts: Array, grounds: Sequence[str]) -> Logs:
    """Log-weights (lights, layouts) of every land in every light, even before the tilts."""
    ground = [_tilt(tilts, "ground", name) for name in grounds]
    light = [_tilt(tilts, "light", each.name) for each in LIGHTS]
    return np.add.outer(light, ground) - math.log(len(light) * len(ground))


def skies(tilts: Array, names: Sequence[str]) -> Logs:
    """Log-weights (lights, skies): a sun at night is odd, but may be asked for."""
    allowed = [[name == "none" or light.name in _SKY_IN[name] for name in names] for light in LIGHTS]
    return _conditional(allowed, names) + [_tilt(tilts, "sky", name) for name in names]


def subjects(tilts: Array, names: Sequence[str], grounds: Sequence[str]) -> Logs:
    """Log-weights (layouts, subjects): a boat in a desert is odd, but may be asked for."""
    allowed = [[name == "none" or ground in _SUBJECT_ON[name] for name in names] for ground in grounds]
    return _conditional(allowed, names) + [_tilt(tilts, "subject", name) for name in names]


def _conditional(allowed: list[list[bool]], names: Sequence[str]) -> Logs:
    """Logarithms of p(thing | where): kinds are even, a kind's weight is shared by its places."""
    shares = np.array([1 / names.count(name) for name in names])
    weights = shares * np.where(allowed, 1.0, math.exp(_ODD))
    return np.log(weights / weights.sum(axis=1, keepdims=True))
