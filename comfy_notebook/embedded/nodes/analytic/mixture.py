"""The distribution the model knows, and its denoiser in closed form.

A picture is a land in a light, with one sky and one subject laid over it: x0 = m_b + δ_bs + δ_bo + ε,
ε ~ N(0, SPREAD²). Skies and subjects that would overlap never come together, so the evidence of a
combination is the sum of three inner products, and the posterior over all of them (some hundred
thousand) is exact:

    log p(b, s, o | x) = log p(b, s, o) - ‖x - x0(b, s, o)‖² / 2(σ² + SPREAD²) + const

One more component stands for any other picture: a Gaussian with the falling spectrum photographs
have. It is so improbable beforehand that noise never turns into it, and so much better at explaining a
photograph than any scene that image-to-image at a low denoise keeps the photograph.

Everything here is in RGB, on the latent grid; `model` does the change of coordinates.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import prior
from .grounds import layouts, paint
from .light import LIGHTS
from .noise import Array
from .objects import Thing, skies, subjects

SPREAD = 0.006
"""The standard deviation of a component around its picture, in RGB 0–1."""

Logs = NDArray[np.float64]


@dataclass(frozen=True)
class Overlays:
    """Skies or subjects as matrices over the N = h·w cells: coverage (n, N); lit, glowing (n, 3·N)."""

    names: tuple[str, ...]
    coverage: Array
    lit: Array
    glowing: Array

    @staticmethod
    def of(things: Iterable[Thing]) -> Overlays:
        """Stacked drawings."""
        listed = list(things)
        return Overlays(
            tuple(thing.name for thing in listed),
            np.stack([thing.drawing.coverage.ravel() for thing in listed]),
            np.stack([thing.drawing.lit.ravel() for thing in listed]),
            np.stack([thing.drawing.glowing.ravel() for thing in listed]),
        )


@dataclass(frozen=True)
class Evidence:
    """Of each background (lights, layouts), and what each sky and subject (lights, layouts, n) adds to it."""

    backgrounds: Logs
    skies: Logs
    subjects: Logs

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.backgrounds + other.backgrounds, self.skies + other.skies, self.subjects + other.subjects
        )

    def over(self, variance: float) -> Evidence:
        """As a log-likelihood under noise of this variance."""
        by = 1 / (2 * variance)
        return Evidence(self.backgrounds * by, self.skies * by, self.subjects * by)


@dataclass(frozen=True)
class Weights:
    """A posterior: the weight of each background (lights, layouts), and of each overlay on it."""

    backgrounds: Array
    skies: Array
    subjects: Array


class Scenes:
    """All scenes at one latent size; built once, then only read."""

    def __init__(self, height: int, width: int, pause: Callable[[], None] = lambda: None) -> None:
        """`pause` is called now and then; what it raises ends the drawing."""
        self.height, self.width = height, width
        self.grounds = tuple(name for name, _ in layouts())
        painted = []
        for name, variant in layouts():
            pause()
            painted.append(paint(name, variant, height, width, LIGHTS))
        self.means = np.stack(painted, axis=1).reshape(len(LIGHTS), len(painted), 3, height * width)
        self.ambient = np.array([light.ambient for light in LIGHTS], np.float32)
        pause()
        self.skies = Overlays.of(skies(height, width))
        pause()
        self.subjects = Overlays.of(subjects(height, width))
        overlap = self.skies.coverage @ self.subjects.coverage.T
        self.apart = np.where(overlap < 1e-6, 0.0, -np.inf)
        self._count(np.ones(height * width, np.float32))

    def trusting(self, known: Array) -> Scenes:
        """The same scenes, with each cell counting as evidence only as much as `known` (h, w) says."""
        other = copy.copy(self)
        other._count(np.ascontiguousarray(known, np.float32).reshape(-1))
        return other

    def _count(self, counts: Array) -> None:
        self.counts = counts
        self.norms = ((self.means**2) @ counts).sum(axis=2).astype(np.float64)
        self._constants = {id(overlays): self._constant(overlays) for overlays in (self.skies, self.subjects)}

    def _constant(self, overlays: Overlays) -> Array:
        """2⟨m, δ⟩ + ‖δ‖² with δ = colour - coverage·m: (lights, layouts, n)."""
        number = len(overlays.names)
        coverage = overlays.coverage[:, None]
        covered = self.means.reshape(*self.means.shape[:2], -1)
        seen = np.broadcast_to(coverage * (2 - coverage) * self.counts, (number, 3, self.counts.size))
        found = np.empty((*self.means.shape[:2], number), np.float32)
        for light, ambient in enumerate(self.ambient):
            colour = (overlays.lit * ambient.repeat(self.counts.size) + overlays.glowing).reshape(
                number, 3, -1
            )
            cross = covered[light] @ (2 * colour * (1 - coverage) * self.counts).reshape(number, -1).T
            squares = (covered[light] ** 2) @ seen.reshape(number, -1).T
            found[light] = cross - squares + (colour**2 * self.counts).sum(axis=(1, 2))
        return found

    def evidence(self, x: Array) -> Evidence:
        """Minus ‖x - x0‖² but for ‖x‖²: of backgrounds (lights, layouts), and what skies and subjects add.

        x is RGB (3, N).
        """
        counted = x * self.counts
        flat = self.means.reshape(-1, counted.size)
        inner = (flat @ counted.ravel()).astype(np.float64).reshape(self.norms.shape)
        products = np.einsum("lgcn,cn->lgn", self.means, counted)
        sky, subject = (self._added(overlays, counted, products) for overlays in (self.skies, self.subjects))
        return Evidence(2 * inner - self.norms, sky, subject)

    def _added(self, overlays: Overlays, counted: Array, products: Array) -> Logs:
        under = products @ overlays.coverage.T
        tinted = (self.ambient[:, :, None] * counted).reshape(len(self.ambient), -1) @ overlays.lit.T
        over = tinted + overlays.glowing @ counted.ravel()
        return (2 * (over[:, None, :] - under) - self._constants[id(overlays)]).astype(np.float64)

    def posterior(self, likelihood: Evidence, tilts: Array) -> tuple[Weights, float]:
        """The weights of all combinations under a prompt's tilts, and the logarithm of E[likelihood].

        `likelihood` is evidence over twice its variance.
        """
        base = prior.backgrounds(tilts, self.grounds)
        sky = prior.skies(tilts, self.skies.names)[:, None, :]
        subject = prior.subjects(tilts, self.subjects.names, self.grounds)[None]
        whole = _log_sum(base + _log_sum(sky, 2) + _log_sum(subject, 2))
        pairs = (likelihood.skies + sky)[..., :, None] + (likelihood.subjects + subject)[..., None, :]
        logs = (likelihood.backgrounds + base)[..., None, None] + (pairs + self.apart)
        highest = float(logs.max())
        weights = np.exp(logs - highest)
        total = float(weights.sum())
        weights /= total
        found = Weights(
            weights.sum(axis=(2, 3)).astype(np.float32),
            weights.sum(axis=3).astype(np.float32),
            weights.sum(axis=2).astype(np.float32),
        )
        return found, highest + math.log(total) - float(whole)

    def mean(self, weights: Weights) -> Array:
        """The mean picture of a posterior, RGB (3, N)."""
        lights, layouts_ = self.means.shape[:2]
        picture = weights.backgrounds.reshape(-1) @ self.means.reshape(lights * layouts_, -1)
        picture = picture.reshape(3, -1)
        for overlays, share in ((self.skies, weights.skies), (self.subjects, weights.subjects)):
            used = np.flatnonzero(share.sum(axis=(0, 1)) > 1e-7)
            by_light = share[..., used].sum(axis=1)
            lit = (by_light @ overlays.lit[used]).reshape(lights, 3, -1)
            picture = picture + np.einsum("lcn,lc->cn", lit, self.ambient)
            picture = picture + (by_light.sum(axis=0) @ overlays.glowing[used]).reshape(3, -1)
            seen = np.flatnonzero(weights.backgrounds.reshape(-1) > 1e-7)
            chosen = share.reshape(lights * layouts_, -1)[seen][:, used]
            hidden = chosen.T @ self.means.reshape(lights * layouts_, -1)[seen]
            picture = picture - np.einsum(
                "on,ocn->cn", overlays.coverage[used], hidden.reshape(len(used), 3, -1)
            )
        return picture


def _log_sum(logs: Logs, axis: int | None = None) -> Logs:
    highest = logs.max()
    return highest + np.log(np.exp(logs - highest).sum(axis=axis))
