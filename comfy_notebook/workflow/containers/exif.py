"""EXIF, as pictures carry workflows.

ComfyUI's SaveAnimatedWEBP puts `prompt:{…}` in Model and `workflow:{…}` in Make; other savers use
ImageDescription the same way, or a JSON object with both in UserComment.
"""

from __future__ import annotations

from .reader import Damaged, Texts, decode

_USER_COMMENT, _EXIF_IFD, _XP = 0x9286, 0x8769, range(0x9C9B, 0x9CA0)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def texts(data: bytes) -> Texts:
    """The texts of the first directory and the EXIF directory of a TIFF block."""
    start = data.find(b"Exif\0\0", 0, 16)
    if start >= 0:
        data = data[start + 6 :]
    order = {b"II": "little", b"MM": "big"}.get(data[:2])
    if order is None:
        raise Damaged("its EXIF block has no header")

    def number(at: int, size: int) -> int:
        if at < 0 or at + size > len(data):
            raise Damaged("its EXIF block points outside itself")
        return int.from_bytes(data[at : at + size], "little" if order == "little" else "big")

    todo, seen = [number(4, 4)], set()
    while todo:
        at = todo.pop(0)
        if at in seen:
            continue
        seen.add(at)
        for n in range(number(at, 2)):
            entry = at + 2 + 12 * n
            tag, kind, count = number(entry, 2), number(entry + 2, 2), number(entry + 4, 4)
            if tag == _EXIF_IFD:
                todo.append(number(entry + 8, 4))
                continue
            size = count * _SIZES.get(kind, 1)
            where = entry + 8 if size <= 4 else number(entry + 8, 4)
            if kind not in (1, 2, 7) or size <= 4:
                continue
            if where + size > len(data):
                raise Damaged("a text in its EXIF block is longer than the block")
            raw = data[where : where + size]
            if tag == _USER_COMMENT:
                yield "usercomment", _comment(raw, order)
            elif tag in _XP:
                yield "comment", raw.decode("utf-16-le", "replace").rstrip("\0")
            elif kind == 2:
                yield _labelled(decode(raw.rstrip(b"\0")))


def _labelled(text: str) -> tuple[str, str]:
    key, colon, rest = text.partition(":")
    if colon and key.strip().isidentifier():
        return key.strip(), rest
    return "comment", text


def _comment(raw: bytes, order: str) -> str:
    code, body = raw[:8], raw[8:]
    if code.startswith(b"UNICODE"):
        # Writers disagree on the byte order here; JSON starts with "{", which tells.
        little = body[1:2] == b"\0" if body[:1] and b"\0" in body[:2] else order == "little"
        return body.decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0")
    return decode((body if code in (b"ASCII\0\0\0", b"\0" * 8) else raw).rstrip(b"\0"))
