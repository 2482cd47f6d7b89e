"""Conditionings combined, mixed, and bound to a part of the picture or of the sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .analytic.guidance import Conditioning
from .base import Context, Input, Node, Output
from .pixels import Array

_STRENGTH = {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.01}
_SHARE = {"min": 0, "max": 1.0, "step": 0.01}


def with_options(conditioning: Conditioning, options: Mapping[str, Any]) -> Conditioning:
    """Every entry with these options set."""
    return [(embedding, {**own, **options}) for embedding, own in conditioning]


class ConditioningCombine(Node):
    """Both conditionings at once: each predicts, and the predictions are averaged."""

    display_name = "Conditioning (Combine)"
    category = "model/conditioning/transform"
    inputs = {"conditioning_1": Input("CONDITIONING"), "conditioning_2": Input("CONDITIONING")}
    outputs = (Output("CONDITIONING"),)

    def run(
        self, ctx: Context, *, conditioning_1: Conditioning, conditioning_2: Conditioning
    ) -> tuple[Any, ...]:
        """The entries of both."""
        return ([*conditioning_1, *conditioning_2],)


class ConditioningAverage(Node):
    """Embeddings between two conditionings: at 1 `conditioning_to`, at 0 `conditioning_from`."""

    display_name = "Conditioning (Average)"
    category = "model/conditioning/transform"
    inputs = {
        "conditioning_to": Input("CONDITIONING"),
        "conditioning_from": Input("CONDITIONING"),
        "conditioning_to_strength": Input("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
    }
    outputs = (Output("CONDITIONING"),)

    def run(
        self,
        ctx: Context,
        *,
        conditioning_to: Conditioning,
        conditioning_from: Conditioning,
        conditioning_to_strength: float,
    ) -> tuple[Any, ...]:
        """Only the first entry of `conditioning_from` counts, padded or cut to as many tokens."""
        share = np.float32(conditioning_to_strength)
        other = conditioning_from[0][0]
        return (
            [(own * share + _padded(other, own) * (1 - share), options) for own, options in conditioning_to],
        )


def _padded(embedding: Array, like: Array) -> Array:
    tokens = like.shape[1]
    missing = max(0, tokens - embedding.shape[1])
    return np.pad(embedding[:, :tokens], ((0, 0), (0, missing), (0, 0)))


class ConditioningConcat(Node):
    """One conditioning with the words of both."""

    display_name = "Conditioning (Concat)"
    category = "model/conditioning/transform"
    inputs = {"conditioning_to": Input("CONDITIONING"), "conditioning_from": Input("CONDITIONING")}
    outputs = (Output("CONDITIONING"),)

    def run(
        self, ctx: Context, *, conditioning_to: Conditioning, conditioning_from: Conditioning
    ) -> tuple[Any, ...]:
        """Only the first entry of `conditioning_from` counts."""
        other = conditioning_from[0][0]
        return ([(np.concatenate([own, other], axis=1), options) for own, options in conditioning_to],)


class ConditioningZeroOut(Node):
    """An empty conditioning."""

    display_name = "Conditioning Zero Out"
    category = "model/conditioning/transform"
    inputs = {"conditioning": Input("CONDITIONING")}
    outputs = (Output("CONDITIONING"),)

    def run(self, ctx: Context, *, conditioning: Conditioning) -> tuple[Any, ...]:
        """The same entries, their embeddings zero."""
        return ([(np.zeros_like(embedding), options) for embedding, options in conditioning],)


class ConditioningSetTimestepRange(Node):
    """A conditioning for a part of the sampling: 0 is its start, 1 its end."""

    category = "model/conditioning/transform"
    inputs = {
        "conditioning": Input("CONDITIONING"),
        "start": Input("FLOAT", {"default": 0.0, "min": 0.0, "max": 1.0, "step": 0.001}),
        "end": Input("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.001}),
    }
    outputs = (Output("CONDITIONING"),)

    def run(self, ctx: Context, *, conditioning: Conditioning, start: float, end: float) -> tuple[Any, ...]:
        """Shares of the model's thousand timesteps."""
        return (with_options(conditioning, {"start_percent": start, "end_percent": end}),)


class ConditioningSetArea(Node):
    """A conditioning for a rectangle of the picture, in pixels."""

    display_name = "Conditioning (Set Area)"
    category = "model/conditioning/transform"
    inputs = {
        "conditioning": Input("CONDITIONING"),
        "width": Input("INT", {"default": 64, "min": 64, "max": 16384, "step": 8}),
        "height": Input("INT", {"default": 64, "min": 64, "max": 16384, "step": 8}),
        "x": Input("INT", {"default": 0, "min": 0, "max": 16384, "step": 8}),
        "y": Input("INT", {"default": 0, "min": 0, "max": 16384, "step": 8}),
        "strength": Input("FLOAT", _STRENGTH),
    }
    outputs = (Output("CONDITIONING"),)

    def run(
        self,
        ctx: Context,
        *,
        conditioning: Conditioning,
        width: int,
        height: int,
        x: int,
        y: int,
        strength: float,
    ) -> tuple[Any, ...]:
        """The model draws a scene of the rectangle's own; its edges are faded into what is around."""
        area = (height // 8, width // 8, y // 8, x // 8)
        return (
            with_options(conditioning, {"area": area, "strength": strength, "set_area_to_bounds": False}),
        )


class ConditioningSetAreaPercentage(Node):
    """A conditioning for a rectangle of the picture, in shares of its sides."""

    display_name = "Conditioning (Set Area with Percentage)"
    category = "model/conditioning/transform"
    inputs = {
        "conditioning": Input("CONDITIONING"),
        "width": Input("FLOAT", {"default": 1.0, **_SHARE}),
        "height": Input("FLOAT", {"default": 1.0, **_SHARE}),
        "x": Input("FLOAT", {"default": 0, **_SHARE}),
        "y": Input("FLOAT", {"default": 0, **_SHARE}),
        "strength": Input("FLOAT", _STRENGTH),
    }
    outputs = (Output("CONDITIONING"),)

    def run(
        self,
        ctx: Context,
        *,
        conditioning: Conditioning,
        width: float,
        height: float,
        x: float,
        y: float,
        strength: float,
    ) -> tuple[Any, ...]:
        """As ConditioningSetArea."""
        area = ("percentage", height, width, y, x)
        return (
            with_options(conditioning, {"area": area, "strength": strength, "set_area_to_bounds": False}),
        )


class ConditioningSetMask(Node):
    """A conditioning for the white of a mask."""

    display_name = "Conditioning (Set Mask)"
    category = "model/conditioning/transform"
    inputs = {
        "conditioning": Input("CONDITIONING"),
        "mask": Input("MASK"),
        "strength": Input("FLOAT", _STRENGTH),
        "set_cond_area": Input("COMBO", choices=("default", "mask bounds")),
    }
    outputs = (Output("CONDITIONING"),)

    def run(
        self, ctx: Context, *, conditioning: Conditioning, mask: Array, strength: float, set_cond_area: str
    ) -> tuple[Any, ...]:
        """`mask bounds` draws a scene of the mask's own rectangle, `default` one of the whole picture."""
        options = {
            "mask": mask.reshape(-1, *mask.shape[-2:]),
            "mask_strength": strength,
            "set_area_to_bounds": set_cond_area != "default",
        }
        return (with_options(conditioning, options),)


NODES: list[type[Node]] = [
    ConditioningCombine,
    ConditioningAverage,
    ConditioningConcat,
    ConditioningZeroOut,
    ConditioningSetTimestepRange,
    ConditioningSetArea,
    ConditioningSetAreaPercentage,
    ConditioningSetMask,
]
