"""JPEG: EXIF in APP1, or a comment."""

from __future__ import annotations

from . import exif
from .reader import Damaged, Reader, Texts, decode

_BARE = {0x01, *range(0xD0, 0xD9)}


def read(reader: Reader) -> Texts:
    """Segment by segment up to the picture itself."""
    reader.seek(2)
    while reader.at + 4 <= reader.size:
        mark = reader.read(2)
        if mark[0] != 0xFF:
            raise Damaged("its segments do not follow each other")
        if mark[1] == 0xFF:  # padding
            reader.seek(reader.at - 1)
            continue
        if mark[1] in (0xD9, 0xDA):
            return
        if mark[1] in _BARE:
            continue
        length = int.from_bytes(reader.read(2), "big") - 2
        if mark[1] == 0xE1:
            data = reader.read(length)
            if data.startswith(b"Exif\0\0"):
                yield from exif.texts(data)
        elif mark[1] == 0xFE:
            yield "comment", decode(reader.read(length).rstrip(b"\0"))
        else:
            reader.skip(max(0, length))
