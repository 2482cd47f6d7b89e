"""The picture of a step: the denoised estimate's colours, small and quick."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .latent_space import to_rgb
from .noise import Array

LONGEST = 512


def preview_jpeg(denoised: Array) -> bytes:
    """The first of a batch of latents (B, 4, h, w) as a JPEG, its longer side scaled to 512.

    Like ComfyUI's latent2rgb: quality 95, bilinear.
    """
    rgb = np.clip(to_rgb(denoised[0]), 0, 1).transpose(1, 2, 0)
    small = Image.fromarray((rgb * np.float32(255)).astype(np.uint8))
    scale = LONGEST / max(small.size)
    size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
    data = io.BytesIO()
    small.resize(size, Image.Resampling.BILINEAR).save(data, "JPEG", quality=95)
    return data.getvalue()
