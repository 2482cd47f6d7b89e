"""Nodes of workflows for flow-matching models (SD3, AuraFlow, Flux).

The analytic model is not one: shifts and guidance of these nodes change nothing it draws. The nodes are
here so that such workflows run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .analytic.guidance import Conditioning
from .analytic.model import AnalyticModel
from .base import Context, Input, Node, Output, room_for

_SHIFT = {"default": 3.0, "min": 0.0, "max": 100.0, "step": 0.01}
_SIDE = {"default": 1024, "min": 16, "max": 16384, "step": 16}
_CHANNELS = 16


class EmptySD3LatentImage(Node):
    """An empty latent of 16 channels; samplers take an empty latent of any number of channels."""

    display_name = None
    category = "model/latent/stable diffusion"
    python_module = "comfy_extras.nodes_sd3"
    inputs = {
        "width": Input("INT", _SIDE),
        "height": Input("INT", _SIDE),
        "batch_size": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, width: int, height: int, batch_size: int = 1) -> tuple[Any, ...]:
        """{"samples": (B, 16, H/8, W/8)}."""
        shape = (batch_size, _CHANNELS, height // 8, width // 8)
        room_for(*shape)
        return ({"samples": np.zeros(shape, np.float32), "downscale_ratio_spacial": 8},)


class _ModelSampling(Node):
    category = "model/patch"
    python_module = "comfy_extras.nodes_model_advanced"
    outputs = (Output("MODEL"),)

    def run(self, ctx: Context, *, model: AnalyticModel, **shift: Any) -> tuple[Any, ...]:
        """The model as it is."""
        return (model,)


class ModelSamplingAuraFlow(_ModelSampling):
    """Sets the shift of AuraFlow's noise levels."""

    inputs = {"model": Input("MODEL"), "shift": Input("FLOAT", {**_SHIFT, "default": 1.73})}


class ModelSamplingSD3(_ModelSampling):
    """Sets the shift of SD3's noise levels."""

    category = "model/patch/stable diffusion"
    inputs = {"model": Input("MODEL"), "shift": Input("FLOAT", _SHIFT)}


class ModelSamplingFlux(_ModelSampling):
    """Sets the shift of Flux's noise levels, which depends on the size of the picture."""

    category = "model/patch/flux"
    inputs = {
        "model": Input("MODEL"),
        "max_shift": Input("FLOAT", {**_SHIFT, "default": 1.15, "advanced": True}),
        "base_shift": Input("FLOAT", {**_SHIFT, "default": 0.5, "advanced": True}),
        "width": Input("INT", {**_SIDE, "step": 8}),
        "height": Input("INT", {**_SIDE, "step": 8}),
    }


class FluxGuidance(Node):
    """Notes a guidance strength in the conditioning, for models that were trained with it."""

    display_name = None
    category = "model/conditioning/flux"
    python_module = "comfy_extras.nodes_flux"
    inputs = {
        "conditioning": Input("CONDITIONING"),
        "guidance": Input("FLOAT", {"default": 3.5, "min": 0.0, "max": 100.0, "step": 0.1}),
    }
    outputs = (Output("CONDITIONING"),)

    def run(self, ctx: Context, *, conditioning: Conditioning, guidance: float) -> tuple[Any, ...]:
        """The same entries, each with {"guidance": strength}."""
        return ([(embedding, {**options, "guidance": guidance}) for embedding, options in conditioning],)


NODES: list[type[Node]] = [
    EmptySD3LatentImage,
    ModelSamplingAuraFlow,
    ModelSamplingSD3,
    ModelSamplingFlux,
    FluxGuidance,
]
