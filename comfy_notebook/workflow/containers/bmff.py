"""Boxes of MP4, QuickTime, AVIF and HEIF.

Video: ffmpeg writes `prompt` and `workflow` as `mdta` keys in moov/udta/meta or moov/meta (SaveVideo,
with use_metadata_tags), other savers one comment. AVIF: an EXIF item found through iinf and iloc.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import exif
from .reader import Damaged, Reader, Texts, decode

_DEEPEST = 8
_INSIDE = (b"moov", b"udta", b"meta", b"trak", b"mdia")
_COMMENTS = {b"\xa9cmt": "comment", b"\xa9des": "comment", b"desc": "comment", b"\xa9inf": "comment"}


def read(reader: Reader) -> Texts:
    """Metadata first in moov, wherever in the file that is; EXIF items afterwards."""
    yield from _boxes_in(reader, 0, reader.size, 0)


def _boxes(reader: Reader, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    at = start
    while at + 8 <= end:
        reader.seek(at)
        head = reader.read(8)
        size, kind, body = int.from_bytes(head[:4], "big"), head[4:], at + 8
        if size == 1:
            size, body = int.from_bytes(reader.read(8), "big"), at + 16
        elif size == 0:
            size = end - at
        if size < body - at or at + size > end:
            raise Damaged(f"a box at byte {at} is longer than what holds it")
        yield kind, body, at + size
        at += size


def _boxes_in(reader: Reader, start: int, end: int, depth: int) -> Texts:
    if depth > _DEEPEST:
        raise Damaged("its boxes are nested too deep")
    for kind, body, stop in _boxes(reader, start, end):
        if kind == b"meta":
            yield from _meta(reader, body, stop)
        elif kind in _INSIDE:
            yield from _boxes_in(reader, body, stop, depth + 1)
        elif kind in _COMMENTS and stop - body > 4:
            reader.seek(body + 4)
            yield _COMMENTS[kind], decode(reader.read(stop - body - 4))


def _meta(reader: Reader, start: int, end: int) -> Texts:
    if end - start >= 8:
        reader.seek(start + 4)
        if reader.read(4) != b"hdlr":  # a version and flags come first, except in QuickTime
            start += 4
    keys: list[str] = []
    items: list[int] = []
    places: dict[int, list[tuple[int, int]]] = {}
    for kind, body, stop in _boxes(reader, start, end):
        if kind == b"keys":
            keys = _keys(reader, body, stop)
        elif kind == b"ilst":
            yield from _list(reader, body, stop, keys)
        elif kind == b"iinf":
            items = _exif_items(reader, body, stop)
        elif kind == b"iloc":
            reader.seek(body)
            places = _places(reader.read(stop - body))
    for item in items:
        data = b""
        for offset, length in places.get(item, ()):
            reader.seek(offset)
            data += reader.read(length)
        if len(data) > 4:
            yield from exif.texts(data[4 + int.from_bytes(data[:4], "big") :])


def _keys(reader: Reader, start: int, end: int) -> list[str]:
    names = []
    for _, body, stop in _boxes(reader, start + 8, end):
        reader.seek(body)
        names.append(decode(reader.read(stop - body)))
    return names


def _list(reader: Reader, start: int, end: int, keys: list[str]) -> Texts:
    for kind, body, stop in _boxes(reader, start, end):
        number = int.from_bytes(kind, "big")
        key = keys[number - 1] if 0 < number <= len(keys) else _COMMENTS.get(kind, "")
        for inner, at, after in _boxes(reader, body, stop):
            reader.seek(at)
            if inner == b"name" and kind == b"----" and after - at >= 4:
                key = decode(reader.read(after - at)[4:])
            elif inner == b"data" and key and after - at >= 8:
                yield key.rsplit(".", 1)[-1], decode(reader.read(after - at)[8:])


def _exif_items(reader: Reader, start: int, end: int) -> list[int]:
    reader.seek(start)
    version = reader.read(4)[0]
    found = []
    for kind, body, stop in _boxes(reader, start + (6 if version == 0 else 8), end):
        reader.seek(body)
        data = reader.read(stop - body)
        if kind == b"infe" and data and data[0] in (2, 3):
            width = 2 if data[0] == 2 else 4
            if data[6 + width : 10 + width] == b"Exif":
                found.append(int.from_bytes(data[4 : 4 + width], "big"))
    return found


def _places(data: bytes) -> dict[int, list[tuple[int, int]]]:
    at = 0

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(data):
            raise Damaged("its list of places ends in the middle")
        at += size
        return int.from_bytes(data[at - size : at], "big")

    version = number(4) >> 24
    sizes = number(2)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    places: dict[int, list[tuple[int, int]]] = {}
    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        method = number(2) & 15 if version > 0 else 0
        number(2)
        first = number(base)
        extents = []
        for _ in range(number(2)):
            if version > 0 and index:
                number(index)
            extents.append((first + number(offset), number(length)))
        if method == 0:
            places[item] = extents
    return places
