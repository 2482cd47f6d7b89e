"""Between files, PIL images and the arrays nodes pass around, rounding as ComfyUI rounds."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, ImageSequence

Array = NDArray[np.float32]

_truncation = threading.Lock()


def to_uint8(image: Array) -> NDArray[np.uint8]:
    """0–1 floats as bytes: clipped, and truncated towards zero (not rounded), as ComfyUI saves them."""
    with np.errstate(invalid="ignore"):
        scaled = np.multiply(image, np.float32(255.0))
        np.clip(scaled, 0, 255, out=scaled)
        return scaled.astype(np.uint8)


def to_pil(image: Array) -> Image.Image:
    """One (H, W, C) image, C = 1, 3 or 4, as a PIL image of mode L, RGB or RGBA."""
    pixels = to_uint8(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def from_pil(image: Image.Image) -> Array:
    """A PIL image as floats 0–1: (H, W, C), or (H, W) when it has one channel."""
    return np.asarray(image).astype(np.float32) / np.float32(255.0)


def png_bytes(image: Image.Image, **options: Any) -> bytes:
    """The PNG file of an image."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def leniently(read: Callable[[], Any]) -> Any:
    """Call a Pillow reader; when it fails, once more accepting a truncated file.

    So ComfyUI does: what a broken-off file has is shown, the rest is blank. The switch is Pillow's
    and process-wide, so one thread at a time holds it.
    """
    try:
        return read()
    except (OSError, ValueError):
        with _truncation:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                return read()
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False


def upright_frames(path: Path) -> Iterator[Image.Image]:
    """Every frame of an image file, turned as its EXIF orientation says.

    Pillow's errors pass through: `PIL.UnidentifiedImageError` for no image, and
    `DecompressionBombError` for one of too many pixels. The first image of an MPO file stands
    for all (the others are a camera's own extras).
    """
    with leniently(partial(Image.open, path)) as opened:
        for frame in ImageSequence.Iterator(opened):
            yield _with_bytes(leniently(partial(ImageOps.exif_transpose, frame)))
            if opened.format == "MPO":
                return


def _with_bytes(image: Image.Image) -> Image.Image:
    """32-bit integer greys brought to 0–255, which is how ComfyUI reads 16-bit greyscale files."""
    return image.point(lambda value: value * (1 / 255)) if image.mode == "I" else image
