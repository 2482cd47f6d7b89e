"""WebM and Matroska: tags (SaveWEBM writes PROMPT and WORKFLOW)."""

from __future__ import annotations

from .reader import Damaged, Reader, Texts, decode

_SEGMENT, _CLUSTER, _TAGS, _TAG, _SIMPLE = 0x18538067, 0x1F43B675, 0x1254C367, 0x7373, 0x67C8
_NAME, _STRING = 0x45A3, 0x4487


def _number(reader: Reader, keep_mark: bool) -> tuple[int, bool]:
    first = reader.read(1)[0]
    if not first:
        raise Damaged("an element of it has no length")
    width = 9 - first.bit_length()
    value = first if keep_mark else first & (1 << (8 - width)) - 1
    rest = reader.read(width - 1)
    value = value << 8 * (width - 1) | int.from_bytes(rest, "big")
    return value, value == (1 << 7 * width) - 1


def read(reader: Reader) -> Texts:
    """Element by element; clusters are skipped whole when they tell their length."""
    reader.seek(0)
    name, text = "", ""
    while reader.at + 2 <= reader.size:
        kind, _ = _number(reader, keep_mark=True)
        length, unknown = _number(reader, keep_mark=False)
        if kind in (_SEGMENT, _TAGS, _TAG, _SIMPLE) or (kind == _CLUSTER and unknown):
            name = text = ""
            continue
        if unknown:
            raise Damaged("an element of it has no end")
        if kind == _NAME:
            name = decode(reader.read(length).rstrip(b"\0"))
        elif kind == _STRING:
            text = decode(reader.read(length).rstrip(b"\0"))
        else:
            reader.skip(length)
            continue
        if name and text:
            yield name, text
            name = text = ""
