"""Batches of latents: joined, cut, repeated, cut anew; and which noise each of them gets.

`batch_index` remembers an item's place in the batch it came from: a sampler gives it the noise it would
have had there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Context, Input, Node, Output
from .image_batch import start_index
from .latent_grid import CELL, Latent, fitted, repeated, resized_mask
from .pixels import Array

_EXTRAS = "comfy_extras.nodes_latent"


def indices(latent: Latent, start: int = 0) -> list[int]:
    """The batch indices of a latent: its own, or counted from `start`."""
    own = latent.get("batch_index")
    return list(own) if own is not None else list(range(start, start + len(latent["samples"])))


class LatentBatch(Node):
    """Two batches in one; the second is fitted to the first one's size."""

    deprecated = True

    display_name = "Batch Latents (DEPRECATED)"
    category = "model/latent/batch"
    python_module = _EXTRAS
    inputs = {"samples1": Input("LATENT"), "samples2": Input("LATENT")}
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples1: Latent, samples2: Latent) -> tuple[Any, ...]:
        """Keeps what else the first holds."""
        one = samples1["samples"]
        both = np.concatenate([one, fitted(samples2["samples"], one.shape, batch=False)])
        return ({**samples1, "samples": both, "batch_index": indices(samples1) + indices(samples2)},)


class LatentFromBatch(Node):
    """Some items of a batch."""

    display_name = "Get Latent From Batch"
    category = "model/latent/batch"
    inputs = {
        "samples": Input("LATENT"),
        "batch_index": Input("INT", {"default": 0, "min": -16384, "max": 16384}),
        "length": Input("INT", {"default": 1, "min": 1, "max": 64}),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, batch_index: int, length: int) -> tuple[Any, ...]:
        """As many of them as there are, at least the last; they keep their noise."""
        cells = samples["samples"]
        start = start_index(batch_index, len(cells))
        part = slice(start, min(start + length, len(cells)))
        found = {**samples, "samples": cells[part].copy(), "batch_index": indices(samples)[part]}
        masks = samples.get("noise_mask")
        if masks is not None and len(masks) > 1:
            found["noise_mask"] = repeated(masks, len(cells))[part].copy()
        return (found,)


class RepeatLatentBatch(Node):
    """A batch over and over, each time with other noise."""

    display_name = "Repeat Latent Batch"
    category = "model/latent/batch"
    inputs = {"samples": Input("LATENT"), "amount": Input("INT", {"default": 1, "min": 1, "max": 64})}
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, amount: int) -> tuple[Any, ...]:
        """(amount · B, …)."""
        cells = samples["samples"]
        found = {**samples, "samples": np.tile(cells, (amount, 1, 1, 1))}
        masks = samples.get("noise_mask")
        if masks is not None and len(masks) > 1:
            found["noise_mask"] = np.tile(repeated(masks, len(cells)), (amount, 1, 1, 1))
        own = samples.get("batch_index")
        if own is not None:
            stride = max(own) - min(own) + 1
            found["batch_index"] = [index + turn * stride for turn in range(amount) for index in own]
        return (found,)


class LatentBatchSeedBehavior(Node):
    """Whether the items of a batch get noise of their own, or all the same."""

    display_name = None
    category = "model/latent/advanced"
    python_module = _EXTRAS
    inputs = {
        "samples": Input("LATENT"),
        "seed_behavior": Input(
            "COMBO", {"default": "fixed", "multiselect": False}, choices=("random", "fixed"), v3=True
        ),
    }
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, samples: Latent, seed_behavior: str) -> tuple[Any, ...]:
        """The same samples."""
        found = {key: value for key, value in samples.items() if key != "batch_index"}
        if seed_behavior == "fixed":
            found["batch_index"] = [samples.get("batch_index", [0])[0]] * len(samples["samples"])
        return (found,)


class RebatchLatents(Node):
    """A list of batches cut into batches of another size; latents of other sizes begin a new batch."""

    display_name = "Rebatch Latents"
    python_module = "comfy_extras.nodes_rebatch"
    category = "model/latent/batch"
    input_is_list = True
    inputs = {
        "latents": Input("LATENT"),
        "batch_size": Input("INT", {"default": 1, "min": 1, "max": 4096}),
    }
    outputs = (Output("LATENT", is_list=True),)

    def run(self, ctx: Context, *, latents: list[Latent], batch_size: list[int]) -> tuple[Any, ...]:
        """A list of latents, each with its noise mask (if any is less than whole) and its indices."""
        batches: list[list[tuple[Array, Array, int]]] = []
        counted = 0
        for latent in latents:
            cells = latent["samples"]
            for item in zip(cells, _masks(latent), indices(latent, counted), strict=True):
                last = batches[-1] if batches else []
                if not last or len(last) == batch_size[0] or last[0][0].shape != item[0].shape:
                    batches.append([])
                batches[-1].append(item)
            counted += len(cells)
        return ([_batch(items) for items in batches],)


def _masks(latent: Latent) -> Array:
    """A noise mask for each item, in pixels; white where there is none."""
    cells = latent["samples"]
    height, width = (side * CELL for side in cells.shape[2:])
    masks = latent.get("noise_mask")
    if masks is None:
        return np.ones((len(cells), 1, height, width), np.float32)
    masks = np.asarray(masks, np.float32).reshape(-1, 1, *np.shape(masks)[-2:])
    return repeated(resized_mask(masks, width, height), len(cells))


def _batch(items: list[tuple[Array, Array, int]]) -> Latent:
    cells, masks, places = zip(*items, strict=True)
    found: Latent = {"samples": np.stack(cells), "noise_mask": np.stack(masks), "batch_index": list(places)}
    if found["noise_mask"].mean() == 1.0:
        del found["noise_mask"]
    return found


NODES: list[type[Node]] = [
    LatentBatch,
    LatentFromBatch,
    RepeatLatentBatch,
    LatentBatchSeedBehavior,
    RebatchLatents,
]
