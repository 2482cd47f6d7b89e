"""The things that stand in a scene and hang in its sky, each drawn at a few places."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .sketch import Drawing, Sketch


@dataclass(frozen=True)
class Thing:
    """An object at a place: the word for it, and what it looks like there."""

    name: str
    drawing: Drawing


def lighthouse(s: Sketch) -> None:
    """A striped tower with a lamp room."""
    s.polygon([(-0.30, -0.04), (0.34, -0.04), (0.22, 0.05), (-0.16, 0.06)], (0.34, 0.31, 0.30))
    s.polygon([(-0.13, 0.03), (0.13, 0.03), (0.075, 0.78), (-0.075, 0.78)], (0.97, 0.96, 0.93))
    for low in (0.14, 0.38, 0.62):
        a, b = 0.13 - 0.0733 * (low - 0.03), 0.13 - 0.0733 * (low + 0.09)
        s.polygon([(-a, low), (a, low), (b, low + 0.12), (-b, low + 0.12)], (0.83, 0.20, 0.18))
    s.box(-0.11, 0.78, 0.11, 0.81, (0.20, 0.20, 0.24))
    s.box(-0.065, 0.81, 0.065, 0.90, (1.0, 0.93, 0.60), glow=True)
    s.polygon([(-0.09, 0.90), (0.09, 0.90), (0.0, 1.0)], (0.75, 0.17, 0.16))


def boat(s: Sketch) -> None:
    """A sailing boat."""
    s.polygon([(-0.42, 0.16), (0.46, 0.16), (0.32, 0.0), (-0.32, 0.0)], (0.62, 0.24, 0.18))
    s.polygon([(-0.43, 0.20), (0.48, 0.20), (0.46, 0.15), (-0.41, 0.15)], (0.95, 0.93, 0.88))
    s.box(-0.015, 0.18, 0.025, 1.0, (0.36, 0.26, 0.20))
    s.polygon([(0.05, 0.26), (0.44, 0.26), (0.05, 0.95)], (0.98, 0.96, 0.92))
    s.polygon([(-0.05, 0.28), (-0.36, 0.28), (-0.05, 0.88)], (0.94, 0.66, 0.40))


def house(s: Sketch) -> None:
    """A house with a gable, a chimney and lit windows."""
    s.box(0.18, 0.62, 0.30, 0.98, (0.58, 0.30, 0.26))
    s.box(-0.45, 0.0, 0.45, 0.52, (0.96, 0.91, 0.82))
    s.polygon([(-0.56, 0.50), (0.56, 0.50), (0.30, 0.90), (-0.30, 0.90)], (0.70, 0.28, 0.24))
    s.box(-0.08, 0.0, 0.10, 0.32, (0.44, 0.28, 0.22))
    for x in (-0.34, 0.18):
        s.box(x, 0.18, x + 0.17, 0.38, (1.0, 0.84, 0.45), glow=True)


def tree(s: Sketch) -> None:
    """A broad tree."""
    s.polygon([(-0.07, 0.0), (0.08, 0.0), (0.04, 0.5), (-0.04, 0.5)], (0.40, 0.27, 0.20))
    for x, y, r in (
        (-0.20, 0.55, 0.20),
        (0.20, 0.56, 0.20),
        (0.0, 0.60, 0.24),
        (-0.08, 0.78, 0.20),
        (0.10, 0.76, 0.19),
    ):
        s.ellipse(x, y, r, r, (0.24, 0.50, 0.25))
    for x, y, r in ((-0.14, 0.66, 0.12), (0.07, 0.83, 0.11)):
        s.ellipse(x, y, r, r, (0.38, 0.62, 0.30))


def castle(s: Sketch) -> None:
    """Walls, three towers, pointed roofs."""
    wall, roof = (0.72, 0.70, 0.72), (0.36, 0.34, 0.56)
    s.box(-0.42, 0.0, 0.42, 0.36, wall)
    for x in np.arange(-0.40, 0.40, 0.12):
        s.box(float(x), 0.36, float(x) + 0.06, 0.41, wall)
    for x, up, wide in ((-0.42, 0.56, 0.11), (0.42, 0.56, 0.11), (0.0, 0.72, 0.14)):
        s.box(x - wide, 0.0, x + wide, up, (0.80, 0.78, 0.79))
        s.polygon([(x - wide - 0.04, up), (x + wide + 0.04, up), (x, up + 0.28)], roof)
        s.box(x - 0.03, up - 0.16, x + 0.03, up - 0.06, (1.0, 0.85, 0.50), glow=True)
    s.box(-0.08, 0.0, 0.08, 0.20, (0.30, 0.22, 0.22))


def windmill(s: Sketch) -> None:
    """A tower mill with four sails."""
    s.polygon([(-0.20, 0.0), (0.20, 0.0), (0.12, 0.56), (-0.12, 0.56)], (0.93, 0.90, 0.84))
    s.polygon([(-0.15, 0.56), (0.15, 0.56), (0.0, 0.72)], (0.48, 0.27, 0.24))
    s.box(-0.05, 0.0, 0.05, 0.16, (0.45, 0.30, 0.24))
    for quarter in range(4):
        a = math.pi / 4 + quarter * math.pi / 2 + 0.2
        c, n = math.cos(a), math.sin(a)
        arm = [(0.08, 0.02), (0.42, 0.02), (0.42, -0.09), (0.08, -0.09)]
        s.polygon([(c * u - n * v, 0.58 + n * u + c * v) for u, v in arm], (0.80, 0.62, 0.46))
        s.line([(0.0, 0.58), (c * 0.44, 0.58 + n * 0.44)], 0.03, (0.36, 0.26, 0.22))


def balloon(s: Sketch) -> None:
    """A hot-air balloon, hanging high."""
    s.line([(-0.09, 0.14), (-0.20, 0.42)], 0.02, (0.36, 0.28, 0.24))
    s.line([(0.09, 0.14), (0.20, 0.42)], 0.02, (0.36, 0.28, 0.24))
    s.polygon([(-0.36, 0.56), (0.36, 0.56), (0.12, 0.30), (-0.12, 0.30)], (0.90, 0.34, 0.26))
    s.ellipse(0.0, 0.66, 0.38, 0.34, (0.90, 0.34, 0.26))
    s.ellipse(0.0, 0.66, 0.24, 0.34, (0.98, 0.82, 0.40))
    s.ellipse(0.0, 0.66, 0.10, 0.34, (0.90, 0.34, 0.26))
    s.polygon([(-0.15, 0.42), (0.15, 0.42), (0.10, 0.30), (-0.10, 0.30)], (0.96, 0.66, 0.34))
    s.box(-0.10, 0.0, 0.10, 0.14, (0.55, 0.38, 0.25))


def flower(s: Sketch) -> None:
    """Three large flowers in the foreground."""
    for x, up, r, colour in (
        (-0.34, 0.62, 0.15, (0.93, 0.34, 0.42)),
        (0.02, 0.82, 0.17, (0.98, 0.76, 0.30)),
        (0.36, 0.56, 0.14, (0.80, 0.45, 0.85)),
    ):
        s.line([(x * 0.7, -0.2), (x, up)], 0.035, (0.25, 0.48, 0.24))
        s.ellipse(x * 0.85 + 0.09, up * 0.4, 0.09, 0.035, (0.30, 0.55, 0.27))
        for petal in range(6):
            a = petal * math.pi / 3 + x
            s.ellipse(x + 0.72 * r * math.cos(a), up + 0.72 * r * math.sin(a), r * 0.52, r * 0.52, colour)
        s.ellipse(x, up, r * 0.42, r * 0.42, (0.48, 0.28, 0.16))


def cactus(s: Sketch) -> None:
    """A saguaro with two arms."""
    green, bright = (0.20, 0.44, 0.29), (0.32, 0.58, 0.36)
    for path in (
        [(0.0, 0.0), (0.0, 0.90)],
        [(0.0, 0.34), (-0.26, 0.36), (-0.26, 0.66)],
        [(0.0, 0.46), (0.24, 0.48), (0.24, 0.80)],
    ):
        s.line(path, 0.15, green)
        s.ellipse(*path[-1], 0.075, 0.075, green)
    for x, low, high in ((-0.03, 0.02, 0.88), (-0.28, 0.40, 0.64), (0.22, 0.52, 0.78)):
        s.box(x, low, x + 0.035, high, bright)


def cat(s: Sketch) -> None:
    """A sitting cat, seen from behind."""
    fur = (0.20, 0.18, 0.22)
    s.line([(0.20, 0.06), (0.44, 0.08), (0.50, 0.24), (0.44, 0.36)], 0.07, fur)
    s.ellipse(0.0, 0.26, 0.26, 0.28, fur)
    s.ellipse(0.0, 0.50, 0.17, 0.22, fur)
    s.ellipse(0.0, 0.72, 0.20, 0.17, fur)
    for side in (-1, 1):
        s.polygon([(side * 0.19, 0.76), (side * 0.05, 0.86), (side * 0.16, 1.0)], fur)


def bottle(s: Sketch) -> None:
    """A glass bottle with a small galaxy inside."""
    s.ellipse(0.0, -0.01, 0.34, 0.05, (0.16, 0.13, 0.20))
    s.box(-0.24, 0.03, 0.24, 0.60, (0.80, 0.86, 0.96))
    s.ellipse(0.0, 0.05, 0.24, 0.06, (0.80, 0.86, 0.96))
    s.polygon([(-0.24, 0.58), (0.24, 0.58), (0.09, 0.78), (-0.09, 0.78)], (0.80, 0.86, 0.96))
    s.box(-0.09, 0.76, 0.09, 0.92, (0.86, 0.91, 0.98))
    s.box(-0.075, 0.88, 0.075, 1.0, (0.66, 0.46, 0.30))
    s.box(-0.205, 0.07, 0.205, 0.57, (0.20, 0.08, 0.38), glow=True)
    s.ellipse(0.0, 0.08, 0.205, 0.045, (0.20, 0.08, 0.38), glow=True)
    s.polygon([(-0.205, 0.56), (0.205, 0.56), (0.07, 0.73), (-0.07, 0.73)], (0.14, 0.06, 0.30), glow=True)
    for x, y, rx, ry, colour in (
        (-0.02, 0.30, 0.18, 0.14, (0.48, 0.16, 0.66)),
        (0.03, 0.33, 0.13, 0.09, (0.80, 0.32, 0.80)),
        (0.03, 0.34, 0.06, 0.045, (1.0, 0.82, 0.92)),
    ):
        s.ellipse(x, y, rx, ry, colour, glow=True)
    for x, y in ((-0.14, 0.50), (0.13, 0.53), (0.15, 0.14), (-0.13, 0.15), (0.0, 0.62), (-0.06, 0.46)):
        s.ellipse(x, y, 0.018, 0.018, (1.0, 0.97, 0.90), glow=True)
    s.box(-0.175, 0.10, -0.145, 0.54, (0.62, 0.56, 0.86), glow=True)


_PLACES = (0.24, 0.5, 0.76)


@dataclass(frozen=True)
class Standing:
    """How an object is placed: how tall, where its foot is, and at which of the places across."""

    draw: Callable[[Sketch], None]
    tall: float
    foot: float
    places: tuple[float, ...] = _PLACES


SUBJECTS: dict[str, Standing] = {
    "lighthouse": Standing(lighthouse, 0.52, 0.80),
    "boat": Standing(boat, 0.30, 0.76),
    "house": Standing(house, 0.27, 0.87),
    "tree": Standing(tree, 0.42, 0.88),
    "castle": Standing(castle, 0.40, 0.86),
    "windmill": Standing(windmill, 0.44, 0.87),
    "balloon": Standing(balloon, 0.34, 0.48),
    "flower": Standing(flower, 0.50, 0.98),
    "cactus": Standing(cactus, 0.36, 0.86),
    "cat": Standing(cat, 0.36, 0.92),
    "bottle": Standing(bottle, 0.64, 0.90, (0.34, 0.5, 0.66)),
}


def subjects(height: int, width: int) -> Iterator[Thing]:
    """Everything that may stand in a scene, at every place, and first of all nothing."""
    yield Thing("none", Drawing.empty(height, width))
    aspect = width / height
    unit = min(1.0, aspect)
    for name, standing in SUBJECTS.items():
        for number, place in enumerate(standing.places):
            sketch = Sketch(height, width)
            sketch.place(place * aspect, standing.foot, standing.tall * unit, mirrored=number == 2)
            standing.draw(sketch)
            yield Thing(name, sketch.drawing())


def _disc(
    height: int, width: int, x: float, y: float, r: float, halo: float, colour: tuple[float, ...]
) -> Drawing:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot((columns + 0.5) / height - x, (rows + 0.5) / height - y)
    edge = np.clip((r - away) * height + 0.5, 0, 1)
    glow = 0.42 * np.clip(1 - away / halo, 0, 1) ** 2
    coverage = np.maximum(edge, glow).astype(np.float32)
    tint = np.asarray(colour, np.float32)[:, None, None]
    return Drawing(coverage, np.zeros((3, height, width), np.float32), coverage * tint)


def _stars(height: int, width: int, seed: int, free: tuple[float, ...]) -> Drawing:
    """Stars in the upper sky, none where something tall may stand at one of the `free` places."""
    unit = min(1.0, width / height)
    numbers = np.random.RandomState(500 + seed)
    coverage = np.zeros((height, width), np.float32)
    for _ in range(round(46 * width / height)):
        y = int(numbers.uniform(0, 1) ** 1.2 * 0.46 * height)
        x = int(numbers.uniform(0, 1) * width)
        brightness = numbers.uniform(0.45, 1.0)
        across, down = (x + 0.5) / width, (y + 0.5) / height
        if down < 0.22 or all(abs(across - place) * width / height > 0.14 * unit for place in free):
            coverage[min(y, height - 1), min(x, width - 1)] = brightness
    tint = np.asarray((1.0, 0.98, 0.90), np.float32)[:, None, None]
    return Drawing(coverage, np.zeros((3, height, width), np.float32), coverage * tint)


def _over(front: Drawing, back: Drawing) -> Drawing:
    clear = 1 - front.coverage
    return Drawing(
        front.coverage + clear * back.coverage,
        front.lit + clear * back.lit,
        front.glowing + clear * back.glowing,
    )


def _clouds(height: int, width: int, seed: int) -> Drawing:
    numbers = np.random.RandomState(700 + seed)
    sketch, aspect = Sketch(height, width), width / height
    for _ in range(3 + seed % 2):
        sketch.place(numbers.uniform(0.1, 0.9) * aspect, numbers.uniform(0.10, 0.34), 0.11 * min(1.0, aspect))
        for x, y, rx, ry in (
            (0, 0.18, 1.15, 0.20),
            (-0.45, 0.36, 0.45, 0.30),
            (0.15, 0.55, 0.55, 0.46),
            (0.65, 0.30, 0.38, 0.24),
        ):
            sketch.ellipse(x, y, rx, ry, (0.985, 0.985, 1.0))
    return sketch.drawing()


def _birds(height: int, width: int, seed: int) -> Drawing:
    numbers = np.random.RandomState(900 + seed)
    sketch, aspect = Sketch(height, width), width / height
    cx, cy = (0.3 + 0.4 * seed) * aspect, 0.22
    for i in range(5):
        size = numbers.uniform(0.05, 0.08) * min(1.0, aspect)
        sketch.place(
            cx + (i - 2) * 0.09 * min(1.0, aspect),
            cy + abs(i - 2) * 0.035 + numbers.uniform(-0.01, 0.01),
            size,
        )
        sketch.line(
            [(-0.8, 0.35), (-0.35, 0.5), (0.0, 0.1), (0.35, 0.5), (0.8, 0.35)], 0.17, (0.20, 0.20, 0.24)
        )
    return sketch.drawing()


def skies(height: int, width: int) -> Iterator[Thing]:
    """Everything that may be in the sky, and first of all nothing."""
    yield Thing("none", Drawing.empty(height, width))
    aspect = width / height
    unit = min(1.0, aspect)
    for place, y in ((0.20, 0.26), (0.42, 0.16), (0.60, 0.20), (0.82, 0.30)):
        yield Thing(
            "sun", _disc(height, width, place * aspect, y, 0.075 * unit, 0.19 * unit, (1.0, 0.92, 0.62))
        )
    left, centre, right = _PLACES
    for number, (place, y, free) in enumerate(
        (
            (0.18, 0.20, (centre, right)),
            (0.40, 0.15, (right,)),
            (0.62, 0.17, (left,)),
            (0.82, 0.24, (left, centre)),
        )
    ):
        moon = _disc(height, width, place * aspect, y, 0.062 * unit, 0.16 * unit, (0.96, 0.95, 0.86))
        yield Thing("moon", moon)
        yield Thing("moon+stars", _over(moon, _stars(height, width, number, free)))
    for number, free in enumerate(((left,), (centre,), (right,), _PLACES)):
        yield Thing("stars", _stars(height, width, 10 + number, free))
    for number in range(4):
        yield Thing("clouds", _clouds(height, width, number))
    for number in range(2):
        yield Thing("birds", _birds(height, width, number))
