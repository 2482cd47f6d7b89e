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
from ..errors import UploadRejected


def to_mask(value: Any) -> Any:
    """A PIL image of mode L, white where to repaint.

    Takes a bool, float 0–1 or uint8 array, a PIL image, bytes or a path. A picture with transparency
    and no more than one colour of opaque pixels is read by its alpha, as the editor's masks are:
    transparent is repainted.
    """
    from PIL import Image

    if isinstance(value, (str, Path)):
        try:
            value = Path(value).expanduser().read_bytes()
        except OSError as error:
            raise UploadRejected(f"{str(value)!r} cannot be read: {error.strerror or error}.") from None
    if isinstance(value, bytes):
        try:
            value = Image.open(io.BytesIO(value))
            value.load()
        except Exception:
            raise UploadRejected("The mask is not a picture that can be read.") from None
    if images.is_array(value):
        value = images.from_array(value)
    if not images.is_pil(value):
        raise UploadRejected(
            f"A {type(value).__name__} is not a mask.",
            hint="Give a bool, float or uint8 array, a PIL image or a path.",
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
