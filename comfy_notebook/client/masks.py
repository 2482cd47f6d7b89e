"""Masks for `upload_mask`: white is the area to repaint, whatever form it comes in.

ComfyUI's and the Cloud's `upload/mask` take the ALPHA channel of the picture sent (its colours are
ignored; protocol §10) and store the original with it; LoadImage reads its mask as 1 − alpha. So the
area to repaint is sent as alpha 0, and a grey mask sent as it is would do nothing at all.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from .. import images
from ..errors import NoOutput, UploadRejected
from .assets import pack


def to_mask(value: Any) -> Any:
    """A PIL image of mode L, white where to repaint.

    Takes an array, a PIL image, bytes, a path, a URL or an output. A picture with transparency
    and no more than one colour of opaque pixels is read by its alpha, as the editor's masks are:
    transparent is repainted.
    """
    if isinstance(value, (str, Path)) or hasattr(value, "safe_name"):
        value = pack(value).data
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            value = images.decode(bytes(value), "The mask")
        except NoOutput as error:
            raise UploadRejected(error.message) from None
    if images.is_array(value):
        value = images.from_array(value)
    if not images.is_pil(value):
        raise UploadRejected(
            f"A {type(value).__name__} is not a mask.",
            hint="Give a bool, float or uint8 array, a PIL image, a path or a URL.",
        )
    return images.to_mask(value)


def as_alpha(mask: Any, size: tuple[int, int] | None = None) -> bytes:
    """The PNG to send for a mask of mode L: black, transparent where to repaint.

    Raises `UploadRejected` when it is not of the original's `size` (width, height).
    """
    from PIL import Image

    if size is not None and mask.size != size:
        raise UploadRejected(
            f"The mask is {mask.size[0]}×{mask.size[1]} and the picture {size[0]}×{size[1]}.",
            hint="They must be of one size: mask.resize(picture.size).",
        )
    black = Image.new("L", mask.size, 0)
    picture = Image.merge("RGBA", (black, black, black, mask.point(lambda v: 255 - v)))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    return out.getvalue()
