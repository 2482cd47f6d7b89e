"""The lands of the scenes: layers from the horizon to the viewer's feet, each a shape and a colour.

Every land has a few fixed variants, drawn from constants: nothing here depends on a job's seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .light import Light
from .noise import Array
from .sketch import Colour

VARIANTS = 3
_FINE = 4

Line = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Layer:
    """A layer of land at latent resolution: its coverage (h, w), its colours, its distance, its glow.

    The colour runs from `colour` at the layer's top edge to `below` at the bottom of the picture.
    A `lamp` keeps its colour in any light and shows the more the darker it is.
    """

    coverage: Array
    colour: Colour
    below: Colour
    far: float
    lamp: bool = False


class Land:
    """A grid to describe layers on: x in picture heights, y from 0 (top) to 1."""

    def __init__(self, height: int, width: int, variant: int) -> None:
        self.height, self.width = height, width
        y = (np.arange(height * _FINE) + 0.5) / (height * _FINE)
        x = (np.arange(width * _FINE) + 0.5) / (height * _FINE)
        self.y, self.x = y[:, None], x[None, :]
        self.aspect = width / height
        self.numbers = np.random.RandomState(1000 + variant)
        self.layers: list[Layer] = []

    def add(
        self, mask: Mask, colour: Colour, below: Colour | None = None, far: float = 0.0, lamp: bool = False
    ) -> None:
        """A layer where the fine mask is true."""
        shape = (self.height, _FINE, self.width, _FINE)
        coverage = np.broadcast_to(mask, (self.height * _FINE, self.width * _FINE)).astype(np.float32)
        self.layers.append(
            Layer(coverage.reshape(shape).mean(axis=(1, 3)), colour, below or colour, far, lamp)
        )

    def below(self, edge: Line) -> Mask:
        """The mask of everything under a curve y(x)."""
        return self.y > edge

    def waves(self, height: float, size: float, length: float) -> Line:
        """A rolling line around `height`, hills `size` high and about `length` long."""
        line = np.full_like(self.x, height)
        for octave, share in ((1.0, 0.6), (2.3, 0.28), (4.1, 0.12)):
            phase = self.numbers.uniform(0, 2 * math.pi)
            line = line - size * share * np.sin(2 * math.pi * octave * self.x / length + phase)
        return line

    def peaks(self, height: float, size: float, length: float) -> Line:
        """A jagged line: straight flanks between random summits and saddles."""
        count = max(3, int(self.aspect / length * 2) + 3)
        at = (np.arange(count) - 0.7 + self.numbers.uniform(-0.22, 0.22, count)) * length / 2
        up = np.where(
            np.arange(count) % 2 == 0,
            self.numbers.uniform(0.65, 1.0, count),
            self.numbers.uniform(0.1, 0.4, count),
        )
        fine = at[0] + np.arange(count * 6) * length / 12
        rough = np.interp(fine, at, up) + self.numbers.uniform(-0.045, 0.045, fine.size)
        return height - size * np.interp(self.x, fine, rough)

    def spires(self, line: Line, size: float, length: float) -> Line:
        """A row of pointed trees standing on a line."""
        count = int(self.aspect / length) + 3
        at = (np.arange(count) - 1 + self.numbers.uniform(-0.25, 0.25, count)) * length
        tall = self.numbers.uniform(0.55, 1.0, count) * size
        rise = np.zeros_like(self.x)
        for centre, up in zip(at, tall, strict=True):
            away = np.abs(self.x - centre) / (up * 0.36)
            cone = 1 - away
            saw = 0.10 * ((cone * 4) % 1.0)
            rise = np.maximum(rise, np.where(cone > 0, up * np.clip(cone + saw - 0.05, 0, 1), 0))
        return line - rise

    def blocks(
        self, height: float, low: float, high: float, narrow: float, wide: float
    ) -> tuple[Line, list[tuple[float, float, float]]]:
        """A skyline y(x), and its buildings as (left, right, top)."""
        line, x = np.full_like(self.x, height), -0.05
        buildings = []
        while x < self.aspect + 0.05:
            broad, up = self.numbers.uniform(narrow, wide), self.numbers.uniform(low, high)
            inside = (self.x >= x) & (self.x < x + broad)
            line = np.where(inside, height - up, line)
            buildings.append((x, x + broad, height - up))
            x += broad * self.numbers.uniform(1.0, 1.12)
        return line, buildings


def sea(land: Land, variant: int) -> None:
    """Water to the horizon, a headland, glints, rocks at the shore."""
    horizon = (0.56, 0.60, 0.53)[variant]
    side = 1 if variant != 1 else -1
    rise = 0.13 * np.clip(1 - np.abs(land.x - (0.5 + side * 0.36) * land.aspect) / (0.34 * land.aspect), 0, 1)
    land.add(land.below(horizon - rise * (1 + 0.12 * np.sin(land.x * 31))), (0.30, 0.42, 0.40), far=0.62)
    land.add(land.below(np.full_like(land.x, horizon)), (0.30, 0.64, 0.72), (0.05, 0.27, 0.43), far=0.12)
    glints = np.zeros((land.y.size, land.x.size), bool)
    for _ in range(16):
        y = horizon + 0.02 + land.numbers.uniform(0, 1) ** 1.5 * (0.95 - horizon)
        deep = (y - horizon) / (1 - horizon)
        x, wide = land.numbers.uniform(0, land.aspect), 0.03 + 0.10 * deep
        glints |= (np.abs(land.x - x) / wide) ** 2 + (np.abs(land.y - y) / (0.004 + 0.006 * deep)) ** 2 < 1
    land.add(glints, (0.80, 0.93, 0.95), far=0.35)
    # High enough for what stands on land, and below a boat.
    shore = land.waves(0.845, 0.035, 0.9) - side * 0.06 * (land.x / land.aspect - 0.5)
    land.add(land.below(shore), (0.36, 0.32, 0.29), (0.20, 0.18, 0.18))


def mountains(land: Land, variant: int) -> None:
    """Three ranges, the middle one with snow, and a green foot."""
    land.add(land.below(land.peaks(0.58, 0.26, 0.42)), (0.42, 0.50, 0.62), far=0.62)
    range_ = land.peaks(0.66, (0.42, 0.36, 0.46)[variant], (0.75, 0.6, 0.9)[variant])
    land.add(land.below(range_), (0.38, 0.42, 0.52), (0.24, 0.30, 0.40), far=0.22)
    summit = float(range_.min())
    snow = summit + 0.10 + 0.022 * np.abs(((land.x * 13) % 2) - 1) - 0.03 * np.sin(land.x * 9)
    land.add(land.below(range_) & (land.y < snow), (0.97, 0.98, 1.0), far=0.05)
    land.add(land.below(land.spires(land.waves(0.73, 0.04, 1.1), 0.09, 0.06)), (0.14, 0.30, 0.26), far=0.12)
    land.add(land.below(land.waves(0.84, 0.06, 1.3)), (0.30, 0.48, 0.28), (0.16, 0.30, 0.20))


def forest(land: Land, variant: int) -> None:
    """Rows of firs, each darker than the one behind."""
    tall = (0.20, 0.26, 0.16)[variant]
    land.add(land.below(land.waves(0.52, 0.08, 1.0)), (0.40, 0.58, 0.52), far=0.68)
    land.add(
        land.below(land.spires(land.waves(0.62, 0.05, 1.2), tall * 0.7, 0.085)), (0.30, 0.50, 0.42), far=0.5
    )
    land.add(
        land.below(land.spires(land.waves(0.72, 0.05, 0.9), tall * 0.9, 0.11)), (0.20, 0.40, 0.31), far=0.25
    )
    land.add(land.below(land.waves(0.80, 0.03, 1.5)), (0.44, 0.58, 0.30), (0.20, 0.34, 0.18), far=0.04)
    land.add(
        land.below(land.spires(land.waves(1.0, 0.03, 0.8), tall * 0.8, 0.15)), (0.08, 0.20, 0.17), far=0.0
    )


def city(land: Land, variant: int) -> None:
    """Two skylines, lit windows in the nearer, a street-side strip of park."""
    horizon = (0.72, 0.74, 0.70)[variant]
    back, _ = land.blocks(horizon, 0.16, 0.44, 0.05, 0.11)
    land.add(land.below(back), (0.45, 0.54, 0.66), far=0.5)
    front, buildings = land.blocks(horizon + 0.04, 0.10, (0.34, 0.26, 0.40)[variant], 0.08, 0.15)
    land.add(land.below(front), (0.34, 0.38, 0.50), (0.20, 0.24, 0.34), far=0.1)
    windows = np.zeros((land.y.size, land.x.size), bool)
    for left, right, top in buildings:
        columns, rows = max(1, int((right - left) / 0.034)), int((horizon - top) / 0.045)
        for row in range(rows):
            for column in range(columns):
                if land.numbers.uniform() < 0.55:
                    x = left + (column + 0.5) * (right - left) / columns
                    y = top + 0.03 + row * 0.045
                    windows |= (np.abs(land.x - x) < 0.0085) & (np.abs(land.y - y) < 0.012)
    land.add(windows, (1.0, 0.86, 0.50), lamp=True)
    land.add(land.below(np.full_like(land.x, horizon + 0.055)), (0.42, 0.52, 0.40), (0.26, 0.34, 0.30))
    land.add(land.below(land.waves(0.90, 0.012, 1.2)), (0.50, 0.50, 0.52), (0.30, 0.30, 0.34))


def desert(land: Land, variant: int) -> None:
    """Mesas far away, dunes with a light and a dark side."""
    for _ in range(2):
        x, wide, up = (
            land.numbers.uniform(0.1, 0.9) * land.aspect,
            land.numbers.uniform(0.1, 0.18),
            land.numbers.uniform(0.08, 0.16),
        )
        mesa = 0.62 - up * np.clip((wide - np.abs(land.x - x)) / 0.03, 0, 1)
        land.add(land.below(mesa), (0.80, 0.48, 0.38), far=0.42)
    land.add(land.below(land.waves(0.61, 0.02, 0.8)), (0.90, 0.68, 0.44), far=0.3)
    for height, size, length, colour, shade, far in (
        (0.69, 0.07, 1.1, (0.93, 0.72, 0.45), (0.78, 0.52, 0.32), 0.14),
        (0.82, 0.09, 1.5, (0.97, 0.77, 0.48), (0.80, 0.52, 0.30), 0.0),
    ):
        dune = land.waves(height, size, length)
        land.add(land.below(dune), colour, far=far)
        lee = land.numbers.uniform(0.25, 0.75) * land.aspect
        fall = np.clip((land.x - lee) / (0.5 * land.aspect), 0, 1)
        land.add(land.below(dune) & (land.y < dune + 0.30 * fall * (1 - 0.4 * fall)), shade, far=far)


def meadow(land: Land, variant: int) -> None:
    """Rolling hills, a hedge, flowers."""
    land.add(land.below(land.waves(0.56, 0.06, 0.9)), (0.44, 0.62, 0.60), far=0.55)
    land.add(land.below(land.waves(0.63, 0.07, 1.2)), (0.48, 0.68, 0.42), far=0.32)
    hill = land.waves(0.71, 0.08, 1.5)
    land.add(land.below(hill), (0.56, 0.74, 0.34), (0.34, 0.56, 0.28), far=0.1)
    land.add(land.below(land.waves(0.83, 0.06, 1.1)), (0.44, 0.66, 0.28), (0.22, 0.44, 0.20))
    colour = ((0.95, 0.35, 0.38), (0.98, 0.85, 0.35), (0.85, 0.55, 0.90))[variant]
    dots = np.zeros((land.y.size, land.x.size), bool)
    for _ in range(34):
        y = land.numbers.uniform(0.86, 0.99)
        x, r = land.numbers.uniform(0, land.aspect), 0.006 + 0.05 * (y - 0.84)
        dots |= ((land.x - x) / r) ** 2 + ((land.y - y) / (0.8 * r)) ** 2 < 1
    land.add(dots, colour)


def snow(land: Land, variant: int) -> None:
    """White hills, blue shadows, a few dark firs."""
    land.add(land.below(land.peaks(0.60, 0.22, 0.55)), (0.72, 0.80, 0.92), far=0.45)
    land.add(land.below(land.waves(0.64, 0.06, 1.1)), (0.84, 0.90, 0.97), (0.70, 0.80, 0.92), far=0.15)
    land.add(
        land.below(land.spires(land.waves(0.72, 0.04, 1.0), (0.16, 0.11, 0.19)[variant], 0.10)),
        (0.20, 0.36, 0.38),
        far=0.15,
    )
    land.add(land.below(land.waves(0.72, 0.05, 1.3)), (0.93, 0.96, 1.0), (0.74, 0.83, 0.94), far=0.04)
    land.add(land.below(land.waves(0.87, 0.06, 0.9)), (0.99, 0.99, 1.0), (0.82, 0.89, 0.97))


GROUNDS: dict[str, Callable[[Land, int], None]] = {
    "sea": sea,
    "mountains": mountains,
    "forest": forest,
    "city": city,
    "desert": desert,
    "meadow": meadow,
    "snow": snow,
}


def layouts() -> Iterator[tuple[str, int]]:
    """Every land with every variant."""
    for name in GROUNDS:
        for variant in range(VARIANTS):
            yield name, variant


def paint(name: str, variant: int, height: int, width: int, lights: tuple[Light, ...]) -> Array:
    """One layout in every light: RGB 0–1, (lights, 3, height, width)."""
    land = Land(height, width, 10 * list(GROUNDS).index(name) + variant)
    GROUNDS[name](land, variant)
    y = ((np.arange(height) + 0.5) / height)[:, None]
    depth = np.broadcast_to(np.clip(y / 0.62, 0, 1), (height, width))
    picture = np.stack([light.sky(depth) for light in lights])
    for layer in land.layers:
        covered = np.where(layer.coverage.max(axis=1) > 0.5)[0]
        start = covered[0] / height if covered.size else 0.5
        down = np.clip((y - start) / max(1 - start, 1e-3), 0, 1).astype(np.float32)[None]
        for light, canvas in zip(lights, picture, strict=True):
            if layer.lamp:
                colour = np.asarray(layer.colour, np.float32)[:, None, None]
                coverage = layer.coverage * np.float32(0.15 + 0.85 * light.dark)
            else:
                upper = light.on(layer.colour, layer.far)[:, None, None]
                lower = light.on(layer.below, layer.far * 0.5)[:, None, None]
                colour = upper * (1 - down) + lower * down
                coverage = layer.coverage
            canvas += coverage * (colour - canvas)
    return picture
