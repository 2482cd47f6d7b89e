"""Shapes drawn by code: what a scene's objects are made of.

Positions are in picture heights, y downwards from the top, x from the left (so x runs 0 … width/height).
An object's own coordinates start at its foot, y upwards, 1.0 being its height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .noise import Array

Colour = tuple[float, float, float]
Point = tuple[float, float]

_FINE = 6


@dataclass(frozen=True)
class Drawing:
    """An object at latent resolution (h, w): how much of the picture it covers, and in what colours.

    `coverage` (h, w) is 0–1; `lit` and `glowing` (3, h, w) are RGB times coverage: lit colours take
    the light of the scene, glowing ones do not.
    """

    coverage: Array
    lit: Array
    glowing: Array

    @staticmethod
    def empty(height: int, width: int) -> Drawing:
        """Nothing at all."""
        colours = np.zeros((3, height, width), np.float32)
        return Drawing(np.zeros((height, width), np.float32), colours, colours)


class Sketch:
    """A canvas for one object, some times finer than the latent grid, box-filtered at the end."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.aspect = width / height
        size = (width * _FINE, height * _FINE)
        self._coverage = Image.new("L", size)
        self._lit = Image.new("RGB", size)
        self._glowing = Image.new("RGB", size)
        self._pens = [ImageDraw.Draw(image) for image in (self._coverage, self._lit, self._glowing)]
        self.place(0.0, 0.0, -1.0)

    def place(self, x: float, y: float, size: float, mirrored: bool = False) -> None:
        """Put the foot of what is drawn next at (x, y), `size` picture heights tall."""
        self._origin = (x, y)
        self._scale = (-size if mirrored else size, size)

    def _pixel(self, point: Point) -> Point:
        fine = self.height * _FINE
        x = self._origin[0] + point[0] * abs(self._scale[1]) * (
            1 if self._scale[0] * self._scale[1] > 0 else -1
        )
        return x * fine, (self._origin[1] - point[1] * self._scale[1]) * fine

    def _inks(self, colour: Colour, cover: float, glow: bool) -> list[int | tuple[int, ...]]:
        premultiplied = tuple(round(255 * channel * cover) for channel in colour)
        black = (0, 0, 0)
        return [round(255 * cover), black if glow else premultiplied, premultiplied if glow else black]

    def polygon(self, points: list[Point], colour: Colour, *, cover: float = 1.0, glow: bool = False) -> None:
        """Fill a polygon."""
        corners = [self._pixel(point) for point in points]
        for pen, ink in zip(self._pens, self._inks(colour, cover, glow), strict=True):
            pen.polygon(corners, fill=ink)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        colour: Colour,
        *,
        cover: float = 1.0,
        glow: bool = False,
    ) -> None:
        """Fill an upright rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, cover=cover, glow=glow)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Colour,
        *,
        cover: float = 1.0,
        glow: bool = False,
    ) -> None:
        """Fill an ellipse."""
        (ax, ay), (bx, by) = self._pixel((x - rx, y - ry)), self._pixel((x + rx, y + ry))
        corners = [min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)]
        for pen, ink in zip(self._pens, self._inks(colour, cover, glow), strict=True):
            pen.ellipse(corners, fill=ink)

    def line(self, points: list[Point], thickness: float, colour: Colour, *, glow: bool = False) -> None:
        """Draw a line with round joints."""
        path = [self._pixel(point) for point in points]
        wide = max(1, round(thickness * abs(self._scale[1]) * self.height * _FINE))
        for pen, ink in zip(self._pens, self._inks(colour, 1.0, glow), strict=True):
            pen.line(path, fill=ink, width=wide, joint="curve")

    def drawing(self) -> Drawing:
        """What has been drawn, at latent resolution."""
        coverage = self._reduced(self._coverage)
        lit, glowing = (np.moveaxis(self._reduced(image), -1, 0) for image in (self._lit, self._glowing))
        return Drawing(coverage, np.ascontiguousarray(lit), np.ascontiguousarray(glowing))

    def _reduced(self, image: Image.Image) -> Array:
        return np.asarray(image.reduce(_FINE), np.float32) / np.float32(255.0)
