"""Check preview frames without decoding them: completeness, size and format."""

from __future__ import annotations

import io

from ...protocol.frames import PreviewImage, sniff

# What a complete file ends with; encoders may add padding.
_ENDS = {"image/jpeg": b"\xff\xd9", "image/png": b"IEND", "image/gif": b";"}
_PADDING = 64


def whole(frame: PreviewImage) -> bool:
    """Whether the frame is complete: it starts as a known format and has that format's end."""
    mime = sniff(frame.image)
    if mime is None:
        return False
    if mime == "image/webp":
        return len(frame.image) >= 8 + int.from_bytes(frame.image[4:8], "little")
    return _ENDS[mime] in frame.image[-_PADDING:]


def size(frame: PreviewImage) -> tuple[int, int] | None:
    """Width and height in pixels from the frame's header; None when it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(frame.image)) as image:
            width, height = image.size
            return width, height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def format_of(frame: PreviewImage) -> str:
    """The format as `ipywidgets.Image` names it: "jpeg", "png", "gif", "webp"."""
    return (sniff(frame.image) or frame.mime).rpartition("/")[2]


def enlarged(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size with its longer side of `side` pixels: previews are smaller than the picture."""
    ratio = side / max(size)
    return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)
