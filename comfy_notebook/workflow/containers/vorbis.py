"""Vorbis comments: `KEY=text` lists, in FLAC and Ogg."""

from __future__ import annotations

from .reader import Damaged, Texts, decode


def comments(data: bytes) -> Texts:
    """The pairs of one comment block, without framing."""

    def number(at: int) -> int:
        if at + 4 > len(data):
            raise Damaged("its list of comments ends in the middle")
        return int.from_bytes(data[at : at + 4], "little")

    at = 4 + number(0)
    count = number(at)
    at += 4
    for _ in range(min(count, 10_000)):
        length = number(at)
        at += 4
        if at + length > len(data):
            raise Damaged("its list of comments ends in the middle")
        key, equals, text = decode(data[at : at + length]).partition("=")
        at += length
        if equals:
            yield key, text
