"""What an upload sends: a path, bytes, picture, array or mask ▶ a name and its bytes.

PIL images and arrays become the same PNG without metadata, so that equal pixels are one asset; the rules
are those of `images`. A file larger than the server takes is refused before anything is sent.

ComfyUI and the Cloud read only the ALPHA channel of an uploaded mask and store the original picture with it.
LoadImage reads its mask as 1 − alpha, so the area to repaint is sent with alpha 0.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import NoOutput, UploadRejected
from ..images import decode, dimensions, from_array, heif_kind, is_array, is_pil, to_mask, to_png
from ..protocol.frames import sniff
from ..text import file_name, missing_file_hint
from ..web import fetch, is_url
from .records import UploadLimits

IMAGE_NAME = "image.png"


@dataclass(frozen=True)
class Packed:
    """A file about to be sent."""

    name: str
    data: bytes = field(repr=False)

    @property
    def mime(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def pack(value: Any, name: str | None = None) -> Packed:
    """The file to send for a value: bytes as they are, but HEIC as PNG. Raises `UploadRejected`."""
    packed = _packed(value, name)
    if heif_kind(packed.data) != "a HEIC":
        return packed
    try:
        data = to_png(decode(packed.data, packed.name))
    except NoOutput as error:
        raise UploadRejected(
            f"{packed.name} is a HEIC picture, which ComfyUI cannot read.",
            hint="Save it as PNG or JPEG, or have it converted: pip install pillow-heif.",
        ) from error
    return Packed(f"{packed.name.rpartition('.')[0] or packed.name}.png", data)


def _packed(value: Any, name: str | None) -> Packed:
    if is_url(value):
        file = fetch(value)
        return Packed(_clean(name or file.name), file.data)
    if isinstance(value, (str, os.PathLike)):
        return _from_path(Path(value), name)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return Packed(_clean(name or _guess_name(data)), data)
    if is_pil(value):
        return Packed(_clean(name or IMAGE_NAME), to_png(value))
    if is_array(value):
        return Packed(_clean(name or IMAGE_NAME), to_png(from_array(value)))
    if hasattr(value, "kind") and hasattr(value, "bytes"):  # an Output of another run
        return Packed(_clean(name or value.safe_name), value.bytes)
    if callable(getattr(value, "read", None)):
        data = value.read()
        if not isinstance(data, bytes):
            raise UploadRejected("The file object gives text, not bytes.", hint="Open it with mode 'rb'.")
        own = getattr(value, "name", None)
        return Packed(_clean(name or (Path(own).name if isinstance(own, str) else _guess_name(data))), data)
    raise UploadRejected(
        f"A {type(value).__name__} cannot be uploaded.",
        hint="Give a path, a URL, bytes, a file object, a PIL image, "
        "or an array of H×W, H×W×1, H×W×3 or H×W×4.",
    )


def pack_mask(value: Any, size: tuple[int, int] | None, name: str) -> Packed:
    """The file to send for a mask: black, transparent where to repaint.

    Raises `UploadRejected` when it has not the original's `size` (width, height).
    """
    from PIL import Image

    mask = as_mask(value)
    if size is not None and mask.size != size:
        raise UploadRejected(
            f"The mask is {mask.size[0]}×{mask.size[1]} and the picture {size[0]}×{size[1]}.",
            hint="They must have the same size: mask.resize(picture.size).",
        )
    black = Image.new("L", mask.size, 0)
    return pack(Image.merge("RGBA", (black, black, black, mask.point(lambda v: 255 - v))), name)


def as_mask(value: Any) -> Any:
    """A PIL image in mode L, white where to repaint, by the rules of `images.to_mask`.

    Takes an array, a PIL image, bytes, a path, a URL or an output.
    """
    if isinstance(value, (str, Path)) or hasattr(value, "safe_name"):
        value = pack(value).data
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            value = decode(bytes(value), "The mask")
        except NoOutput as error:
            raise UploadRejected(error.message) from None
    if is_array(value):
        value = from_array(value)
    if not is_pil(value):
        raise UploadRejected(
            f"A {type(value).__name__} is not a mask.",
            hint="Give a bool, float or uint8 array, a PIL image, a path or a URL.",
        )
    return to_mask(value)


def _from_path(path: Path, name: str | None) -> Packed:
    try:
        path = path.expanduser()
        return Packed(_clean(name or path.name), path.read_bytes())
    except FileNotFoundError:
        raise UploadRejected(f"There is no file {str(path)!r}.", hint=missing_file_hint(path)) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UploadRejected(f"{str(path)!r} cannot be read: {reason}.") from None


def check(packed: Packed, limits: UploadLimits) -> None:
    """Raise `UploadRejected` for a file larger than the server takes."""
    size, limit = len(packed.data), limits.bytes
    if size == 0:
        raise UploadRejected(f"{packed.name} is empty.")
    if limit is not None and size > limit:
        raise UploadRejected(
            f"{packed.name} has {_megabytes(size)}; the server takes {_megabytes(limit)}.",
            hint="Make it smaller: fewer pixels, or a compressed format.",
        )
    edge, pixels = limits.edge, limits.pixels
    if edge is None or pixels is None or not packed.mime.startswith("image/"):
        return
    found = dimensions(packed.data)
    if found is None:
        return
    width, height = found
    if max(width, height) > edge or width * height > pixels:
        raise UploadRejected(
            f"{packed.name} is {width}×{height}; the server takes at most {edge} pixels "
            f"an edge and {pixels / 10**6:g} megapixels.",
            hint="Scale it down first.",
        )


def _guess_name(data: bytes) -> str:
    mime = sniff(data[:16])
    return "file.bin" if mime is None else f"image{mimetypes.guess_extension(mime) or '.png'}"


def _megabytes(size: float) -> str:
    return f"{size / 2**20:.1f}".removesuffix(".0") + " MB"


def _clean(name: str) -> str:
    found = file_name(name)
    if not found:
        raise UploadRejected(f"{name!r} is not a file name.")
    return found
