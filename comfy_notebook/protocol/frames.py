"""Binary frames ⇄ frozen dataclasses; every integer is big-endian u32.

    1 PREVIEW_IMAGE                 event | format 1=JPEG 2=PNG | image
    2 UNENCODED_PREVIEW_IMAGE       used inside the server only; decoded like type 1
    3 TEXT                          event | length of node id | node id | UTF-8 text
    4 PREVIEW_IMAGE_WITH_METADATA   event | length of metadata | JSON metadata | image

Decoding never raises: a frame of another type, or a damaged one, is `Unknown`.
Sources: the Cloud API reference, "Binary Messages"; the frames recorded from ComfyUI 0.3.64.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREVIEW_IMAGE = 1
UNENCODED_PREVIEW_IMAGE = 2
TEXT = 3
PREVIEW_IMAGE_WITH_METADATA = 4

_FORMATS = {1: "image/jpeg", 2: "image/png"}
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))


@dataclass(frozen=True)
class PreviewImage:
    """A picture of work in progress: `image` holds the encoded bytes, `mime` their format.

    Frames of type 1 name neither job nor node (`metadata` is None); the socket fills in the job and node
    of its last `progress` message. SaveImageWebsocket sends final images the same way.
    """

    image: bytes = field(repr=False)
    mime: str = "image/jpeg"
    node_id: str | None = None
    prompt_id: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TextFrame:
    """Text that a node shows while it runs. The frame holds no prompt_id; the socket fills it in."""

    node_id: str | None
    text: str
    prompt_id: str | None = None


@dataclass(frozen=True)
class Unknown:
    """Anything else, unchanged: a JSON message (`kind` is its type, `data` its data) or a binary frame
    (`kind` is "frame N", `raw` its bytes)."""

    kind: str = ""
    data: Any = field(default=None, repr=False)
    raw: bytes = field(default=b"", repr=False)
    prompt_id: str | None = None


Frame = PreviewImage | TextFrame | Unknown


def sniff(image: bytes) -> str | None:
    """The MIME type of an image by its first bytes, or None."""
    for magic, mime in _MAGIC:
        if image.startswith(magic):
            return mime
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return None


def decode_frame(raw: bytes) -> Frame:
    """One binary WebSocket frame as a dataclass."""
    if len(raw) < 8:
        return _unknown(raw)
    event, second = struct.unpack_from(">II", raw)
    if event in (PREVIEW_IMAGE, UNENCODED_PREVIEW_IMAGE):
        image = bytes(raw[8:])
        mime = sniff(image) or (_FORMATS.get(second) if event == PREVIEW_IMAGE else None)
        return PreviewImage(image, mime) if image and mime else _unknown(raw)
    if event in (TEXT, PREVIEW_IMAGE_WITH_METADATA) and 8 + second <= len(raw):
        head, rest = bytes(raw[8 : 8 + second]), bytes(raw[8 + second :])
        if event == TEXT:
            return TextFrame(head.decode("utf-8", "replace"), rest.decode("utf-8", "replace"))
        return _with_metadata(head, rest) or _unknown(raw)
    return _unknown(raw)


def _unknown(raw: bytes) -> Unknown:
    number = struct.unpack_from(">I", raw)[0] if len(raw) >= 4 else "?"
    return Unknown(kind=f"frame {number}", raw=bytes(raw))


def _with_metadata(head: bytes, image: bytes) -> PreviewImage | None:
    try:
        metadata = json.loads(head)
    except (ValueError, RecursionError):
        return None
    if not isinstance(metadata, dict) or not image:
        return None
    # The published pages omit image_type, which real servers send. The first bytes decide.
    mime = sniff(image) or metadata.get("image_type")
    if not isinstance(mime, str):
        return None
    node_id, prompt_id = metadata.get("node_id"), metadata.get("prompt_id")
    return PreviewImage(
        image,
        mime,
        node_id=None if node_id is None else str(node_id),
        prompt_id=prompt_id if isinstance(prompt_id, str) else None,
        metadata=metadata,
    )


def encode_preview(image: bytes, mime: str = "image/jpeg") -> bytes:
    """A frame of type 1."""
    number = {name: number for number, name in _FORMATS.items()}[mime]
    return struct.pack(">II", PREVIEW_IMAGE, number) + image


def encode_preview_with_metadata(image: bytes, mime: str, *, node_id: str, prompt_id: str) -> bytes:
    """A frame of type 4, with the metadata keys seen on ComfyUI's wire."""
    metadata = {
        "node_id": node_id,
        "prompt_id": prompt_id,
        "display_node_id": node_id,
        "parent_node_id": None,
        "real_node_id": node_id,
        "image_type": mime,
    }
    head = json.dumps(metadata).encode()
    return struct.pack(">II", PREVIEW_IMAGE_WITH_METADATA, len(head)) + head + image


def encode_text(node_id: str, text: str) -> bytes:
    """A frame of type 3."""
    head = node_id.encode()
    return struct.pack(">II", TEXT, len(head)) + head + text.encode()
