"""Encoded pictures ▶ PIL ▶ arrays. PIL and numpy are imported when something is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import NoOutput

if TYPE_CHECKING:
    import numpy
    from PIL import Image


def to_array(image: Image.Image) -> numpy.ndarray[Any, Any]:
    """A PIL image as uint8, (H, W, C)."""
    import numpy

    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        wide = numpy.asarray(image).astype(numpy.uint32)
        return (wide.clip(0, 65535) // 257).astype(numpy.uint8)[..., None]
    if image.mode == "F":
        return (numpy.asarray(image).clip(0.0, 1.0) * 255 + 0.5).astype(numpy.uint8)[..., None]
    if image.mode in ("L", "1"):
        return numpy.asarray(image.convert("L"))[..., None].copy()
    if image.mode not in ("RGB", "RGBA"):
        alpha = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if alpha else "RGB")
    return numpy.array(image)


def decode(data: bytes, label: str) -> Image.Image:
    """A picture from its bytes, in its own mode. Raises `NoOutput` naming it when it is none."""
    import io

    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except Exception as error:
        raise NoOutput(f"{label} is no picture that can be read here ({type(error).__name__}).",
                       hint="Its bytes are in output.bytes.") from None  # fmt: skip
    return image
