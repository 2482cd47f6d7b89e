"""Ogg with Opus, Vorbis or FLAC in it (SaveAudioOpus): Vorbis comments, spread over pages."""

from __future__ import annotations

from . import vorbis
from .reader import Damaged, Reader, Texts

_MARKS = {b"OpusTags": 8, b"\x03vorbis": 7}


def read(reader: Reader) -> Texts:
    """The second packet of each stream, put together from as many pages as it takes."""
    packets: dict[bytes, list[bytearray]] = {}
    closed: dict[bytes, int] = {}
    while reader.at + 27 <= reader.size:
        head = reader.read(27)
        if head[:4] != b"OggS":
            raise Damaged("its pages do not follow each other")
        serial, lacing = head[14:18], reader.read(head[26])
        if closed.get(serial, 0) >= 2:
            if all(count >= 2 for count in closed.values()):
                return
            reader.skip(sum(lacing))
            continue
        body, at = reader.read(sum(lacing)), 0
        stream = packets.setdefault(serial, [bytearray()])
        closed.setdefault(serial, 0)
        for piece in lacing:
            stream[-1] += body[at : at + piece]
            at += piece
            if piece < 255:
                closed[serial] += 1
                yield from _comments(bytes(stream[-1]))
                stream[-1] = bytearray()


def _comments(packet: bytes) -> Texts:
    for mark, length in _MARKS.items():
        if packet.startswith(mark):
            yield from vorbis.comments(packet[length:])
    if packet[:1] == b"\x84" or packet[:1] == b"\x04":  # a FLAC comment block
        yield from vorbis.comments(packet[4:])
