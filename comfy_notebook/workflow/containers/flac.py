"""FLAC: Vorbis comments (SaveAudio)."""

from __future__ import annotations

from . import vorbis
from .reader import Reader, Texts


def read(reader: Reader) -> Texts:
    """The metadata blocks; the sound is not touched."""
    reader.seek(4)
    last = False
    while not last:
        head = reader.read(4)
        last, kind, length = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == 4:
            yield from vorbis.comments(reader.read(length))
        else:
            reader.skip(length)
