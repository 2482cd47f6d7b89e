"""Pictures a request brings or asks for: checked against the contract's limits before they are decoded.

Pillow's own guard against decompression bombs stays on; here it is an error, not a warning.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import MAX_EDGE, MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image


class NotAPicture(ValueError):
    """The bytes are not a picture that this server can decode, or the picture is too large."""


@contextmanager
def opened(source: Path | bytes) -> Iterator[Image.Image]:
    """A picture, its size already checked."""
    from PIL import Image

    stream: Any = io.BytesIO(source) if isinstance(source, bytes) else source
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(stream) as image:
                check_size(*image.size)
                yield image
        except NotAPicture:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise NotAPicture(f"The picture has more than {MAX_PIXELS} pixels.") from None
        except Exception:  # decoders raise any kind of exception for a broken file
            raise NotAPicture("This is not a picture that can be read.") from None


def check_size(width: int, height: int) -> None:
    """Raise unless the size is within the contract's limits."""
    if max(width, height) > MAX_EDGE:
        raise NotAPicture(f"The picture is {width}×{height}; an edge may have {MAX_EDGE} pixels.")
    if width * height > MAX_PIXELS:
        raise NotAPicture(f"The picture is {width}×{height}; it may have {MAX_PIXELS} pixels in all.")


def take_channel(path: Path, alpha: bool) -> bytes:
    """A PNG of the colours alone (opaque), or of the alpha channel as greyscale (the Cloud's forms)."""
    with opened(path) as image:
        rgba = image.convert("RGBA")
        taken = rgba.getchannel("A") if alpha else rgba.convert("RGB")
        return _png(taken)


def take_alpha(path: Path) -> bytes:
    """A PNG that is black everywhere and bears the picture's alpha (ComfyUI's `channel=a`)."""
    from PIL import Image

    with opened(path) as image:
        alpha = image.convert("RGBA").getchannel("A")
    black = Image.new("RGBA", alpha.size)
    black.putalpha(alpha)
    return _png(black)


def thumbnail(path: Path, edge: int) -> bytes:
    """A JPEG whose longer edge has at most so many pixels."""
    with opened(path) as image:
        small = image.convert("RGB")
    small.thumbnail((edge, edge))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def reencode(path: Path, preview: str, channel: str) -> tuple[bytes, str]:
    """The picture as `webp;90`, `jpeg;50`, …: bytes and mime type. Anything else than jpeg is webp."""
    name, _, quality = preview.partition(";")
    kind = "jpeg" if name == "jpeg" else "webp"
    with opened(path) as image:
        keeps_alpha = kind == "webp" and channel != "rgb"
        picture = image.convert("RGBA" if keeps_alpha and "A" in image.getbands() else "RGB")
    stream = io.BytesIO()
    picture.save(
        stream, kind.upper(), quality=int(quality) if quality.isdecimal() and len(quality) < 4 else 90
    )
    return stream.getvalue(), f"image/{kind}"


def apply_mask(original: Path, mask: bytes) -> bytes:
    """A PNG of the original's colours with the mask's alpha; the mask's colours count for nothing.

    A mask without an alpha channel is opaque everywhere, so it masks nothing. The original's text
    chunks are kept (upload_view recording).
    """
    from PIL.PngImagePlugin import PngInfo

    with opened(mask) as picture:
        alpha = picture.convert("RGBA").getchannel("A")
    with opened(original) as picture:
        if picture.size != alpha.size:
            raise NotAPicture(
                f"The mask is {alpha.width}×{alpha.height}, the original {picture.width}×{picture.height}."
            )
        masked = picture.convert("RGBA")
        texts = getattr(picture, "text", {})
    masked.putalpha(alpha)
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    return _png(masked, pnginfo=info)


def _png(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()
