"""MP3: `prompt` and `workflow` in ID3v2 TXXX frames (SaveAudioMP3)."""

from __future__ import annotations

from .reader import Damaged, Reader, Texts


def _synchsafe(data: bytes) -> int:
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def read(reader: Reader) -> Texts:
    """The frames of the tag at the start of the file."""
    head = reader.read(10)
    version, flags = head[3], head[5]
    data = reader.read(_synchsafe(head[6:10]))
    if flags & 0x80 and version < 4:
        data = data.replace(b"\xff\0", b"\xff")
    at = 0
    if flags & 0x40 and version > 2:
        size = _synchsafe(data[:4]) if version == 4 else int.from_bytes(data[:4], "big") + 4
        at = size
    name, width, extra = (3, 3, 0) if version == 2 else (4, 4, 2)
    while at + name + width + extra <= len(data) and data[at : at + 1] != b"\0":
        key = data[at : at + name]
        raw = data[at + name : at + name + width]
        size = _synchsafe(raw) if version == 4 else int.from_bytes(raw, "big")
        at += name + width + extra
        if at + size > len(data):
            raise Damaged("a frame of its ID3 tag is longer than the tag")
        body = data[at : at + size]
        at += size
        if key in (b"TXXX", b"TXX"):
            label, text = _split(body[:1], body[1:])
            yield label, text
        elif key in (b"COMM", b"COM"):
            yield "comment", _split(body[:1], body[4:])[1]


def _split(encoding: bytes, data: bytes) -> tuple[str, str]:
    codec = {b"\0": "latin-1", b"\1": "utf-16", b"\2": "utf-16-be"}.get(encoding, "utf-8")
    if codec.startswith("utf-16"):
        at = 0
        while at + 1 < len(data) and data[at : at + 2] != b"\0\0":
            at += 2
        parts = data[:at], data[at + 2 :]
    else:
        label, _, text = data.partition(b"\0")
        parts = label, text
    decoded = [part.decode(codec, "replace").rstrip("\0") for part in parts]
    return decoded[0], decoded[1]
