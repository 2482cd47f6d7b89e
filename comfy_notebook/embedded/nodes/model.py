"""The checkpoint and its three parts: loading, reading prompts, pictures to latents and back.

The one checkpoint, `analytic-scenes.safetensors`, is not a file and was not trained: it is the
closed-form model of `analytic`, written by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .analytic import latent_space
from .analytic.model import AnalyticModel
from .analytic.noise import Array
from .analytic.words import VOCABULARY, tilts
from .base import Context, Files, Input, Node, Output
from .resize import resize_mask


@dataclass(frozen=True)
class AnalyticClip:
    """A CLIP: reads prompts by the vocabulary of `analytic.words`."""

    stop_at_layer: int = -1


@dataclass(frozen=True)
class AnalyticVae:
    """A VAE: the fixed coding of `analytic.latent_space`."""


def checkpoint_names(files: Files) -> list[str]:
    """The checkpoints there are."""
    return files.names("checkpoints")


class CheckpointLoaderSimple(Node):
    """The model, the reader of prompts and the coder of latents of a checkpoint.

    `analytic-scenes.safetensors` has learned nothing: a closed-form denoiser of scenes drawn by code.
    """

    display_name = "Load Checkpoint"
    category = "model/loaders"
    description = (
        "Loads the checkpoint. analytic-scenes.safetensors has learned nothing: it is a closed-form "
        "denoiser for scenes drawn by code, chosen between by words of the prompt."
    )
    inputs = {"ckpt_name": Input("COMBO", choices=checkpoint_names)}
    outputs = (Output("MODEL"), Output("CLIP"), Output("VAE"))

    def run(self, ctx: Context, *, ckpt_name: str) -> tuple[Any, ...]:
        """ckpt_name: one of the `checkpoints` folder's names."""
        return AnalyticModel(), AnalyticClip(), AnalyticVae()


class CLIPTextEncode(Node):
    """A prompt as conditioning: the listed words tilt the model towards their scenes, others do nothing."""

    display_name = "CLIP Text Encode (Prompt)"
    category = "model/conditioning"
    description = (
        "A prompt as conditioning. The model knows these words, and no others have an effect: "
        + ", ".join(VOCABULARY)
        + "."
    )
    inputs = {
        "text": Input("STRING", {"multiline": True, "dynamicPrompts": True}),
        "clip": Input("CLIP"),
    }
    outputs = (Output("CONDITIONING"),)

    def run(self, ctx: Context, *, text: str, clip: AnalyticClip) -> tuple[Any, ...]:
        """One entry; its embedding is (1, 1, concepts)."""
        return ([(tilts(text)[None, None], {"pooled_output": None})],)


class CLIPSetLastLayer(Node):
    """Kept for workflows that have it: this reader of prompts has no layers, and nothing changes."""

    display_name = "CLIP Set Last Layer"
    category = "model/conditioning"
    inputs = {
        "clip": Input("CLIP"),
        "stop_at_clip_layer": Input(
            "INT", {"default": -1, "min": -24, "max": -1, "step": 1, "advanced": True}
        ),
    }
    outputs = (Output("CLIP"),)

    def run(self, ctx: Context, *, clip: AnalyticClip, stop_at_clip_layer: int) -> tuple[Any, ...]:
        """The same reader, remembering the number."""
        return (AnalyticClip(stop_at_clip_layer),)


class VAEDecode(Node):
    """Pictures of latents."""

    display_name = "VAE Decode"
    category = "model/latent"
    inputs = {"samples": Input("LATENT"), "vae": Input("VAE")}
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, samples: dict[str, Any], vae: AnalyticVae) -> tuple[Any, ...]:
        """(B, 8h, 8w, 3)."""
        return (latent_space.decode(_four_channels(samples["samples"]), ctx.check_cancelled),)


class VAEEncode(Node):
    """Latents of pictures; sides that are not multiples of 8 lose their outermost pixels."""

    display_name = "VAE Encode"
    category = "model/latent"
    inputs = {"pixels": Input("IMAGE"), "vae": Input("VAE")}
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, pixels: Array, vae: AnalyticVae) -> tuple[Any, ...]:
        """{"samples": (B, 4, H/8, W/8)}."""
        return ({"samples": latent_space.encode(_rgb(_cropped(pixels)))},)


_TILES = {
    "overlap": Input("INT", {"default": 64, "min": 0, "max": 4096, "step": 32, "advanced": True}),
    "temporal_size": Input("INT", {"default": 64, "min": 8, "max": 4096, "step": 4, "advanced": True}),
    "temporal_overlap": Input("INT", {"default": 8, "min": 4, "max": 4096, "step": 4, "advanced": True}),
}


class VAEDecodeTiled(VAEDecode):
    """VAEDecode: this coder works block by block, so that tiles would change nothing but the time."""

    display_name = "VAE Decode (Tiled)"
    category = "model/latent"
    inputs = {
        **VAEDecode.inputs,
        "tile_size": Input("INT", {"default": 512, "min": 64, "max": 4096, "step": 32, "advanced": True}),
        **_TILES,
    }

    def run(
        self, ctx: Context, *, samples: dict[str, Any], vae: AnalyticVae, **tiles: int
    ) -> tuple[Any, ...]:
        """(B, 8h, 8w, 3), whatever the tiles."""
        return super().run(ctx, samples=samples, vae=vae)


class VAEEncodeTiled(VAEEncode):
    """VAEEncode, as VAEDecodeTiled is VAEDecode."""

    display_name = "VAE Encode (Tiled)"
    category = "model/latent"
    inputs = {
        **VAEEncode.inputs,
        "tile_size": Input("INT", {"default": 512, "min": 64, "max": 4096, "step": 64, "advanced": True}),
        **_TILES,
    }

    def run(self, ctx: Context, *, pixels: Array, vae: AnalyticVae, **tiles: int) -> tuple[Any, ...]:
        """{"samples": (B, 4, H/8, W/8)}, whatever the tiles."""
        return super().run(ctx, pixels=pixels, vae=vae)


class VAEEncodeForInpaint(Node):
    """Latents of pictures whose masked part is grey, to be painted anew under the (grown) mask."""

    display_name = "VAE Encode (for Inpainting)"
    category = "model/latent"
    inputs = {
        "pixels": Input("IMAGE"),
        "vae": Input("VAE"),
        "mask": Input("MASK"),
        "grow_mask_by": Input("INT", {"default": 6, "min": 0, "max": 64, "step": 1}),
    }
    outputs = (Output("LATENT"),)

    def run(
        self, ctx: Context, *, pixels: Array, vae: AnalyticVae, mask: Array, grow_mask_by: int
    ) -> tuple[Any, ...]:
        """{"samples": (B, 4, H/8, W/8), "noise_mask": (B, 1, H, W)}, the mask rounded to 0 and 1."""
        height, width = pixels.shape[1:3]
        fitted = resize_mask(mask.reshape(-1, *mask.shape[-2:]), width, height)
        pixels, fitted = _rgb(_cropped(pixels)), _cropped(fitted[..., None])[..., 0]
        grown = _grown(fitted, grow_mask_by)
        keep = (1.0 - np.round(fitted))[..., None]
        grey = (pixels - np.float32(0.5)) * keep + np.float32(0.5)
        return (
            {"samples": latent_space.encode(grey.astype(np.float32)), "noise_mask": np.round(grown)[:, None]},
        )


def _grown(masks: Array, by: int) -> Array:
    """Masks (B, H, W) spread by a square of `by` cells, as a convolution of that many ones spreads them."""
    if by == 0:
        return masks
    before = math.ceil((by - 1) / 2)
    height, width = masks.shape[1:]
    sums = np.pad(np.round(masks), ((0, 0), (before + 1, by), (before + 1, by))).cumsum(1).cumsum(2)
    boxes = sums[:, by:, by:] - sums[:, :-by, by:] - sums[:, by:, :-by] + sums[:, :-by, :-by]
    return np.clip(boxes[:, :height, :width], 0, 1).astype(np.float32)


def _cropped(pixels: Array) -> Array:
    """The middle of the pictures, sides down to multiples of 8."""
    block = latent_space.BLOCK
    height, width = ((side // block) * block for side in pixels.shape[1:3])
    if not height or not width:
        raise ValueError(
            f"An image of {pixels.shape[2]}×{pixels.shape[1]} pixels cannot be encoded: 8×8 is the least."
        )
    y, x = (pixels.shape[1] % block) // 2, (pixels.shape[2] % block) // 2
    return pixels[:, y : y + height, x : x + width]


def _rgb(pixels: Array) -> Array:
    return pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)


def _four_channels(samples: Array) -> Array:
    if samples.ndim != 4 or samples.shape[1] != latent_space.CHANNELS:
        raise ValueError(
            f"This VAE decodes latents of shape (batch, 4, height, width), not {tuple(samples.shape)}."
        )
    return samples


NODES: list[type[Node]] = [
    CheckpointLoaderSimple,
    CLIPTextEncode,
    CLIPSetLastLayer,
    VAEDecode,
    VAEEncode,
    VAEDecodeTiled,
    VAEEncodeTiled,
    VAEEncodeForInpaint,
]
