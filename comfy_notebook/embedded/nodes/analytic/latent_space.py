"""The latent space: 4 numbers for 8×8 pixels, which are a colour and how crisp its edges are.

Channels 0–2 are the block's mean colour in an orthonormal luma–chroma basis, 0 being mid grey; channel 3
says how crisp the edges around it are, from -0.5 (soft) to 0.5 (crisp). Latents can be flipped, turned,
cut and scaled like small pictures. There is nothing learned in it, and of a block's 192 numbers 188 are lost:
a decoded photograph is recognisable, not sharp (a portrait at 512×512 comes back with 21 dB PSNR, the
same at 1024×1024 with 25 dB).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base import room_for
from .noise import Array

BLOCK = 8
CHANNELS = 4
CRISP = 0.5

_TO_LUMA_CHROMA = np.array(
    [[3**-0.5, 3**-0.5, 3**-0.5], [2**-0.5, 0.0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]], np.float32
)
_CONTRAST = 2.6
_LEAST_EDGE = 0.025
_WORKING = 8  # arrays of a picture's size that decoding it needs at once


def from_rgb(rgb: Array) -> Array:
    """Channels 0–2 (…, 3, h, w) of colours RGB 0–1 (…, 3, h, w)."""
    return np.einsum("kc,...chw->...khw", _TO_LUMA_CHROMA, rgb - np.float32(0.5))


def to_rgb(latent: Array) -> Array:
    """Colours RGB (…, 3, h, w), not clipped, of latents (…, 4, h, w)."""
    return np.einsum("kc,...khw->...chw", _TO_LUMA_CHROMA, latent[..., :3, :, :]) + np.float32(0.5)


def encode(pixels: Array) -> Array:
    """Latents (B, 4, H/8, W/8) of pictures (B, H, W, C ≥ 3), RGB 0–1, sides multiples of 8."""
    batch, height, width = pixels.shape[:3]
    h, w = height // BLOCK, width // BLOCK
    found = np.empty((batch, CHANNELS, h, w), np.float32)
    for item, picture in zip(found, pixels[..., :3].astype(np.float32), strict=True):
        rgb = picture.reshape(h, BLOCK, w, BLOCK, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
        item[:3] = from_rgb(rgb)
        item[3] = _crispness(picture.transpose(2, 0, 1), rgb)
    return found


def decode(latent: Array, pause: Callable[[], None] = lambda: None) -> Array:
    """Pictures (B, 8h, 8w, 3), RGB 0–1, of latents (B, 4, h, w); `pause` is called before each."""
    batch, _, h, w = latent.shape
    room_for(batch, h * BLOCK, w * BLOCK, 3)
    room_for(_WORKING, h * BLOCK, w * BLOCK, 3)
    pictures = np.empty((batch, h * BLOCK, w * BLOCK, 3), np.float32)
    for picture, item in zip(pictures, latent, strict=True):
        pause()
        soft, crisp = _both(to_rgb(item))
        how = np.clip(_enlarged(item[3:], _linear) + np.float32(0.5), 0, 1)
        soft += how * (crisp - soft)
        picture[...] = np.clip(soft, 0, 1).transpose(1, 2, 0)
    return pictures


def _crispness(picture: Array, rgb: Array) -> Array:
    """Channel 3 by least squares: how far from the soft to the crisp decoding each block lies."""
    soft, crisp = _both(rgb)
    reach = crisp - soft
    h, w = rgb.shape[1:]
    blocks = (3, h, BLOCK, w, BLOCK)
    along = ((picture - soft) * reach).reshape(blocks).sum(axis=(0, 2, 4))
    whole = (reach**2).reshape(blocks).sum(axis=(0, 2, 4))
    return np.clip(along / (whole + np.float32(1e-3)), 0, 1) - np.float32(0.5)


def _both(rgb: Array) -> tuple[Array, Array]:
    """The picture 8 times larger, cubically smooth, and with the edges between neighbours steepened."""
    soft = _enlarged(rgb, _cubic)
    one, other = (_enlarged(level, _linear) for level in _plateaus(rgb))
    way = other - one
    length = (way**2).sum(axis=0)
    share = np.clip(((soft - one) * way).sum(axis=0) / np.maximum(length, np.float32(1e-9)), 0, 1)
    steep = np.clip((share - np.float32(0.5)) * np.float32(_CONTRAST) + np.float32(0.5), 0, 1)
    steep = steep * steep * (3 - 2 * steep)
    edge = np.clip(np.sqrt(length) / np.float32(_LEAST_EDGE) - 1, 0, 1)
    calm = soft + edge * (one + share * way - soft)
    return calm, calm + edge * (steep - share) * way


def _plateaus(rgb: Array) -> tuple[Array, Array]:
    """The two colours that an edge in each 3×3 neighbourhood lies between, the brighter one last.

    They are means of the cells at either end of the neighbourhood's longest direction, so that a shade
    is not mistaken for an edge.
    """
    _, h, w = rgb.shape
    padded = np.pad(rgb, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = np.stack([padded[:, y : y + h, x : x + w] for y in range(3) for x in range(3)])
    away = around - around.mean(axis=0)
    farthest = (away**2).sum(axis=1).argmax(axis=0)[None, None]
    way = np.take_along_axis(away, np.broadcast_to(farthest, (1, *rgb.shape)), axis=0)[0]
    way = np.where(way.sum(axis=0) < 0, -way, way)
    along = (away * way).sum(axis=1)
    least, greatest = along.min(axis=0), along.max(axis=0)
    share = (along - least) / np.maximum(greatest - least, np.float32(1e-9))
    found = []
    for near in (1 - share, share):
        weight = (near**4 + np.float32(1e-6))[:, None]
        found.append((weight * around).sum(axis=0) / weight.sum(axis=0))
    return found[0], found[1]


def _linear(distance: Array) -> Array:
    return np.clip(1 - np.abs(distance), 0, None)


def _cubic(distance: Array) -> Array:
    """Catmull–Rom."""
    d = np.abs(distance)
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))


def _enlarged(rgb: Array, kernel: Callable[[Array], Array]) -> Array:
    rows, columns = (_matrix(size, kernel) for size in rgb.shape[1:])
    return rows @ rgb @ columns.T


def _matrix(size: int, kernel: Callable[[Array], Array]) -> Array:
    """(8·size, size) weights of an interpolation whose edge cells go on beyond the edge."""
    at = (np.arange(size * BLOCK) + 0.5) / BLOCK - 0.5
    found = np.zeros((size * BLOCK, size), np.float64)
    first = np.floor(at).astype(int)
    for offset in (-1, 0, 1, 2):
        cell = first + offset
        np.add.at(found, (np.arange(at.size), np.clip(cell, 0, size - 1)), kernel(at - cell))
    return found.astype(np.float32)
