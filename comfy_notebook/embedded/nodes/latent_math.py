"""Latents added, blended and joined; where two differ in size the second is fitted to the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output
from .latent_grid import Latent, fitted, repeated, resized
from .pixels import Array

_EXTRAS = "comfy_extras.nodes_latent"


class LatentBlend(Node):
    """A weighted mean of two latents: at 1 the first, at 0 the second."""

    display_name = "Latent Blend"
    category = "experimental"
    inputs = {
        "samples1": Input("LATENT"),
        "samples2": Input("LATENT"),
        "blend_factor": Input("FLOAT", {"default": 0.5, "min": 0, "max": 1, "step": 0.01}),
    }
    outputs = (Output("LATENT"),)

    def run(
        self, ctx: Context, *, samples1: Latent, samples2: Latent, blend_factor: float
    ) -> tuple[Any, ...]:
        """A second latent of another shape is resized (bicubic, centre-cropped).

        A batch of one is blended with each of the other; batches of other lengths are numpy's ValueError.
        """
        one, other = samples1["samples"], samples2["samples"]
        if one.shape != other.shape:
            other = resized(other, one.shape[3], one.shape[2], "bicubic", "center")
        factor = np.float32(blend_factor)
        return ({**samples1, "samples": one * factor + other * (1 - factor)},)


class _Pair(Node):
    """Two latents made one, cell by cell."""

    display_name = None
    category = "model/latent/advanced"
    python_module = _EXTRAS
    inputs = {"samples1": Input("LATENT"), "samples2": Input("LATENT")}
    outputs = (Output("LATENT"),)


class LatentAdd(_Pair):
    """The sum of two latents."""

    def run(self, ctx: Context, *, samples1: Latent, samples2: Latent) -> tuple[Any, ...]:
        """In the first one's shape."""
        one = samples1["samples"]
        return ({**samples1, "samples": one + fitted(samples2["samples"], one.shape)},)


class LatentSubtract(_Pair):
    """The difference of two latents."""

    def run(self, ctx: Context, *, samples1: Latent, samples2: Latent) -> tuple[Any, ...]:
        """In the first one's shape."""
        one = samples1["samples"]
        return ({**samples1, "samples": one - fitted(samples2["samples"], one.shape)},)


class LatentMultiply(Node):
    """A latent times a number."""

    display_name = None
    category = "model/latent/advanced"
    python_module = _EXTRAS
    inputs = {
        "samples": Input("LATENT"),
        "multiplier": Input("FLOAT", {"default": 1.0, "min": -10.0, "max": 10.0, "step": 0.01}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, multiplier: float) -> tuple[Any, ...]:
        """Every cell."""
        return ({**samples, "samples": samples["samples"] * np.float32(multiplier)},)


class LatentInterpolate(Node):
    """Between two latents: directions and lengths of the cells' vectors are mixed apart."""

    display_name = None
    category = "model/latent/advanced"
    python_module = _EXTRAS
    inputs = {
        "samples1": Input("LATENT"),
        "samples2": Input("LATENT"),
        "ratio": Input("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples1: Latent, samples2: Latent, ratio: float) -> tuple[Any, ...]:
        """At 1 the first, at 0 the second."""
        one = samples1["samples"]
        other = fitted(samples2["samples"], one.shape)
        share = np.float32(ratio)
        direction = _unit(_unit(one) * share + _unit(other) * (1 - share))
        length = _length(one) * share + _length(other) * (1 - share)
        return ({**samples1, "samples": direction * length},)


def _length(samples: Array) -> Array:
    return np.linalg.norm(samples, axis=1, keepdims=True).astype(np.float32)


def _unit(samples: Array) -> Array:
    length = _length(samples)
    return np.divide(samples, length, out=np.zeros_like(samples), where=length > 0)


_AXES = {"x": -1, "y": -2, "t": -3}


class LatentConcat(Node):
    """Two latents side by side; with a minus the second comes first."""

    display_name = None
    category = "model/latent/advanced"
    python_module = _EXTRAS
    inputs = {
        "samples1": Input("LATENT"),
        "samples2": Input("LATENT"),
        "dim": Input("COMBO", choices=("x", "-x", "y", "-y", "t", "-t"), v3=True),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples1: Latent, samples2: Latent, dim: str) -> tuple[Any, ...]:
        """Sides that do not fit are numpy's ValueError."""
        one = samples1["samples"]
        both = [one, repeated(samples2["samples"], len(one))]
        if dim.startswith("-"):
            both.reverse()
        return ({**samples1, "samples": np.concatenate(both, axis=_AXES[dim[-1]])},)


class LatentCut(Node):
    """A strip of a latent, counted in cells; a negative index counts from the end."""

    display_name = None
    category = "model/latent/advanced"
    python_module = _EXTRAS
    inputs = {
        "samples": Input("LATENT"),
        "dim": Input("COMBO", choices=("x", "y", "t"), v3=True),
        "index": Input("INT", {"default": 0, "min": -16384, "max": 16384, "step": 1}),
        "amount": Input("INT", {"default": 1, "min": 1, "max": 16384, "step": 1}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, dim: str, index: int, amount: int) -> tuple[Any, ...]:
        """What there is of the strip."""
        cells = samples["samples"]
        axis = cells.ndim + _AXES[dim]
        size = cells.shape[axis]
        start = min(index, size - 1) if index >= 0 else size + max(index, -size)
        strip = [slice(None)] * cells.ndim
        strip[axis] = slice(start, min(start + amount, size))
        return ({**samples, "samples": cells[tuple(strip)].copy()},)


NODES: list[type[Node]] = [
    LatentBlend,
    LatentAdd,
    LatentSubtract,
    LatentMultiply,
    LatentInterpolate,
    LatentConcat,
    LatentCut,
]
