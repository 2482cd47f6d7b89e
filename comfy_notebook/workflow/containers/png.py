"""PNG: `prompt` and `workflow` in tEXt, iTXt or zTXt chunks (SaveImage), EXIF in eXIf or a raw profile.

SaveAnimatedPNG has its own chunk, `comf`, laid out like tEXt and written after the pixels.
"""

from __future__ import annotations

import zlib

from . import exif
from .reader import LONGEST, Damaged, Reader, Texts, decode


def read(reader: Reader) -> Texts:
    """Chunk by chunk; pixels are skipped, not read, and checksums are not looked at."""
    reader.seek(8)
    left = LONGEST
    while reader.at + 8 <= reader.size:
        head = reader.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        if kind in (b"tEXt", b"iTXt", b"zTXt", b"comf"):
            key, value = _text(kind, reader.read(length), left)
            left -= len(value)
            yield from text(key, value)
        elif kind == b"eXIf":
            yield from exif.texts(reader.read(length))
        else:
            reader.skip(length)
        reader.skip(4)


def text(key: str, value: str) -> Texts:
    """A text chunk: itself, or the EXIF block that ImageMagick writes as hexadecimal digits.

    Such a block is named "Raw profile type exif" (or APP1); its text is a name, a length, and the digits.
    """
    if not key.lower().startswith("raw profile type"):
        yield key, value
        return
    digits = "".join(value.split()[2:])
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise Damaged(f"its {key!r} is not hexadecimal") from None
    if key.split()[-1].lower() in ("exif", "app1") and (
        b"Exif\0\0" in data[:16] or data[:2] in (b"II", b"MM")
    ):
        yield from exif.texts(data)


def _text(kind: bytes, data: bytes, limit: int) -> tuple[str, str]:
    key, _, rest = data.partition(b"\0")
    if kind == b"zTXt":
        rest = _inflate(rest[1:], limit)
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        if packed:
            rest = _inflate(rest, limit)
    return decode(key), decode(rest)


def _inflate(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        out = unpacker.decompress(data, max(1, limit))
    except zlib.error as error:
        raise Damaged(f"a compressed text in it is broken ({error})") from None
    if unpacker.unconsumed_tail:
        raise Damaged("a compressed text in it is larger than any workflow")
    return out
