"""Canny's edge detector, with the settings kornia's `canny` has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Context, Input, Node, Output
from .image_filter import gaussian_blur
from .pixels import Array
from .windows import box

_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_SIGMA = 1 / 2  # one pixel, in units of the blur's radius of two
_ALONG = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows, columns of one step in each direction, 45° apart


class Canny(Node):
    """White lines, one pixel thin, where brightness changes more than the thresholds say."""

    display_name = "Detect Edges (Canny)"
    category = "image/filters"
    python_module = "comfy_extras.nodes_canny"
    inputs = {
        "image": Input("IMAGE"),
        "low_threshold": Input("FLOAT", {"default": 0.4, "min": 0.01, "max": 0.99, "step": 0.01}),
        "high_threshold": Input("FLOAT", {"default": 0.8, "min": 0.01, "max": 0.99, "step": 0.01}),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self, ctx: Context, *, image: Array, low_threshold: float, high_threshold: float
    ) -> tuple[Any, ...]:
        if low_threshold > high_threshold:
            raise ValueError(
                "Invalid input thresholds. low_threshold should be smaller than the high_threshold. "
                f"Got: {low_threshold}>{high_threshold}"
            )
        if image.shape[-1] != 3:
            raise RuntimeError(f"Canny takes RGB images; these have {image.shape[-1]} channels.")
        strength = _thinned(*_gradient(gaussian_blur(image @ _GREY[:, None], 2, _SIGMA)[..., 0]))
        weak = strength > np.float32(low_threshold)
        strong = strength > np.float32(high_threshold)
        edges = _joined(ctx, strong, weak)
        return (np.repeat(edges[..., None], 3, axis=-1).astype(np.float32),)


def _gradient(grey: Array) -> tuple[Array, Array]:
    """Sobel's two derivatives of (B, H, W), the border cells going on beyond the edge."""
    p = np.pad(grey, [(0, 0), (1, 1), (1, 1)], mode="edge")
    down = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]
    across = p[:, :, :-2] + 2 * p[:, :, 1:-1] + p[:, :, 2:]
    return down[:, :, 2:] - down[:, :, :-2], across[:, 2:] - across[:, :-2]


def _thinned(gx: Array, gy: Array) -> Array:
    """The gradient's size where it is larger than at both neighbours along it, else 0."""
    size = np.sqrt(gx * gx + gy * gy + np.float32(1e-6))
    direction = np.round(np.arctan2(gy, gx) * np.float32(4 / np.pi)).astype(np.intp) % 4
    height, width = size.shape[1:]
    padded = np.pad(size, [(0, 0), (1, 1), (1, 1)])

    def neighbour(row: int, column: int) -> Array:
        return padded[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    ahead = np.choose(direction, [neighbour(row, column) for row, column in _ALONG])
    behind = np.choose(direction, [neighbour(-row, -column) for row, column in _ALONG])
    return np.where((size > ahead) & (size > behind), size, 0)


def _joined(ctx: Context, strong: NDArray[np.bool_], weak: NDArray[np.bool_]) -> Array:
    """The strong cells, and the weak ones that hang together with them."""
    edges, reachable = strong.astype(np.float32), weak.astype(np.float32)
    while True:
        ctx.check_cancelled()
        grown = np.maximum(box(edges, np.maximum, 1, 1, (1, 2)) * reachable, edges)
        if np.array_equal(grown, edges):
            return edges
        edges = grown


NODES: list[type[Node]] = [Canny]
