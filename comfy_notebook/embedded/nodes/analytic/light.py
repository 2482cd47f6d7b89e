"""The light of a scene: the colours of its sky, and what it does to everything under it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Array
from .sketch import Colour


@dataclass(frozen=True)
class Light:
    """Sky colours from the top to the horizon, the light on things, the haze over far ones, the darkness."""

    name: str
    top: Colour
    middle: Colour
    low: Colour
    ambient: Colour
    haze: Colour
    dark: float

    def sky(self, depth: NDArray[np.floating]) -> Array:
        """RGB (3, …) at depths 0 (the top) to 1 (the horizon)."""
        stops = [0.0, 0.55, 1.0]
        colours = (self.top, self.middle, self.low)
        return np.stack([np.interp(depth, stops, [c[i] for c in colours]) for i in range(3)]).astype(
            np.float32
        )

    def on(self, colour: Colour, far: float = 0.0) -> Array:
        """A lit colour (3,) as it looks in this light, `far` 0–1 away into the haze."""
        lit = np.asarray(colour, np.float32) * np.asarray(self.ambient, np.float32)
        return (1 - np.float32(far)) * lit + np.float32(far) * np.asarray(self.haze, np.float32)


LIGHTS = (
    Light(
        "day",
        (0.20, 0.50, 0.82),
        (0.47, 0.74, 0.93),
        (0.87, 0.95, 0.96),
        (1.0, 1.0, 1.0),
        (0.77, 0.89, 0.95),
        0.0,
    ),
    Light(
        "dawn",
        (0.50, 0.60, 0.86),
        (0.93, 0.74, 0.80),
        (1.0, 0.91, 0.76),
        (1.0, 0.87, 0.88),
        (0.97, 0.83, 0.81),
        0.1,
    ),
    Light(
        "sunset",
        (0.30, 0.15, 0.40),
        (0.89, 0.35, 0.27),
        (1.0, 0.80, 0.40),
        (0.80, 0.48, 0.42),
        (0.95, 0.56, 0.36),
        0.4,
    ),
    Light(
        "dusk",
        (0.12, 0.10, 0.32),
        (0.42, 0.24, 0.54),
        (0.95, 0.54, 0.53),
        (0.50, 0.39, 0.62),
        (0.60, 0.38, 0.57),
        0.7,
    ),
    Light(
        "night",
        (0.02, 0.04, 0.13),
        (0.06, 0.11, 0.27),
        (0.15, 0.26, 0.44),
        (0.28, 0.34, 0.54),
        (0.13, 0.22, 0.38),
        1.0,
    ),
    Light(
        "storm",
        (0.30, 0.34, 0.39),
        (0.52, 0.56, 0.60),
        (0.76, 0.78, 0.78),
        (0.64, 0.68, 0.73),
        (0.66, 0.69, 0.71),
        0.3,
    ),
    Light(
        "gold",
        (0.93, 0.60, 0.26),
        (0.98, 0.78, 0.42),
        (1.0, 0.94, 0.72),
        (1.0, 0.80, 0.52),
        (0.98, 0.85, 0.58),
        0.1,
    ),
    Light(
        "aurora",
        (0.02, 0.08, 0.16),
        (0.05, 0.36, 0.37),
        (0.46, 0.80, 0.60),
        (0.34, 0.54, 0.52),
        (0.20, 0.48, 0.48),
        0.9,
    ),
)
