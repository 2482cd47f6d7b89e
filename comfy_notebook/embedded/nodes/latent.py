"""Latents made and changed as the small pictures they are: (B, 4, h, w), 8 pixels to a cell.

Sizes and places are given in pixels and rounded down to cells. What else a latent holds (a noise mask, the
indices of its batch) is carried along untouched where ComfyUI does so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output, room_for

CELL = 8

Latent = dict[str, Any]


class EmptyLatentImage(Node):
    """Latents of zeros: where a picture from nothing but noise begins."""

    display_name = "Empty Latent Image"
    category = "latent"
    inputs = {
        "width": Input("INT", {"default": 512, "min": 16, "max": 16384, "step": 8}),
        "height": Input("INT", {"default": 512, "min": 16, "max": 16384, "step": 8}),
        "batch_size": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, width: int, height: int, batch_size: int) -> tuple[Any, ...]:
        """{"samples": zeros (batch_size, 4, height // 8, width // 8)}."""
        shape = (batch_size, 4, height // CELL, width // CELL)
        room_for(*shape)
        return ({"samples": np.zeros(shape, np.float32)},)


NODES: list[type[Node]] = [EmptyLatentImage]
