"""WebP: an EXIF chunk (SaveAnimatedWEBP)."""

from __future__ import annotations

from . import exif
from .reader import Reader, Texts


def read(reader: Reader) -> Texts:
    """Chunk by chunk; only EXIF is read."""
    reader.seek(12)
    while reader.at + 8 <= reader.size:
        head = reader.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            yield from exif.texts(reader.read(length))
        else:
            reader.skip(length)
        if length % 2 and reader.at < reader.size:
            reader.skip(1)
