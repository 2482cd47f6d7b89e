"""Writes a workflow into a picture as ComfyUI does, without decoding the pixels.

PNG: `prompt` and `workflow` as tEXt chunks. JPEG and WebP: the EXIF tags Model and Make, as
`prompt:{…}` and `workflow:{…}`; other EXIF tags are kept.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ComfyError
from ..images import opened
from .containers import kind_of

_MODEL, _MAKE = 0x0110, 0x010F
_PNG = b"\x89PNG\r\n\x1a\n"
_KEYS = {b"prompt", b"workflow"}
_LONGEST_SEGMENT = 65_533


def embedded(data: bytes, api: Mapping[str, Any], editor: Mapping[str, Any] | None) -> bytes:
    """The picture's bytes with the workflow in place of any it had. Raises `ComfyError`."""
    texts = {"prompt": json.dumps(api)}
    if editor is not None:
        texts["workflow"] = json.dumps(editor)
    kind = kind_of(data[:512])
    writer = {"PNG": _png, "JPEG": _jpeg, "WebP": _webp}.get(kind or "")
    if writer is None:
        raise ComfyError(
            f"A workflow cannot be written into {kind or 'this'} {'data' if kind is None else 'files'}.",
            hint="Save the picture as PNG, JPEG or WebP first.",
        )
    try:
        return writer(data, texts)
    except (IndexError, ValueError) as error:
        raise ComfyError(f"The {kind} picture is damaged: {error or type(error).__name__}.") from None


def _png(data: bytes, texts: Mapping[str, str]) -> bytes:
    out = [_PNG]
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if end > len(data):
            raise ValueError("it ends in the middle")
        if not (kind in (b"tEXt", b"iTXt", b"zTXt", b"comf") and body.partition(b"\0")[0] in _KEYS):
            out.append(data[at:end])
        if kind == b"IHDR":
            out += [_chunk(b"tEXt", f"{key}\0{text}".encode("ascii")) for key, text in texts.items()]
        at = end
    return b"".join([*out, data[at:]])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _exif(data: bytes, texts: Mapping[str, str]) -> bytes:
    try:
        with opened(data, "It") as image:
            exif = image.getexif()
        for tag, key in ((_MODEL, "prompt"), (_MAKE, "workflow")):
            if key in texts:
                exif[tag] = f"{key}:{texts[key]}"
            else:
                exif.pop(tag, None)
        block: bytes = exif.tobytes()
    except Exception as error:  # whatever Pillow raises for damaged EXIF
        raise ValueError(f"its EXIF cannot be read ({type(error).__name__})") from None
    return block


def _jpeg(data: bytes, texts: Mapping[str, str]) -> bytes:
    block = _exif(data, texts)
    block = block if block.startswith(b"Exif\0\0") else b"Exif\0\0" + block
    if len(block) > _LONGEST_SEGMENT:
        raise ComfyError(
            f"The workflow has {len(block) >> 10} kB; a JPEG holds at most 64 kB.", hint="Use PNG or WebP."
        )
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    out, at = [data[:2]], 2
    while data[at] == 0xFF and data[at + 1] in (0xE0, 0xE1):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 4 : at + 10] != b"Exif\0\0":
            out.append(data[at:end])
        at = end
    return b"".join([*out, segment, data[at:]])


def _webp(data: bytes, texts: Mapping[str, str]) -> bytes:
    block = _exif(data, texts).removeprefix(b"Exif\0\0")
    chunks = [(kind, body) for kind, body in _riff(data) if kind != b"EXIF"]
    if not chunks or chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _extended(data)))
    kind, head = chunks[0]
    chunks[0] = (kind, bytes([head[0] | 0x08]) + head[1:])  # the flag that says there is EXIF
    body = b"".join(
        kind + len(part).to_bytes(4, "little") + part + b"\0" * (len(part) % 2)
        for kind, part in [*chunks, (b"EXIF", block)]
    )
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > len(data):
            raise ValueError("it ends in the middle")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _extended(data: bytes) -> bytes:
    """The VP8X chunk of a simple WebP: its size, and whether it has alpha."""
    with opened(data, "The picture") as image:
        width, height, alpha = image.width, image.height, image.mode == "RGBA"
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    return bytes([0x10 if alpha else 0, 0, 0, 0]) + sides
