"""Texts out of the files ComfyUI writes: pictures, video, sound, 3D, latents.

Each reader takes a seekable file and yields `(key, text)` pairs, keys such as `prompt`, `workflow`,
`comment`. Readers skip over what they do not need and are bounded by `Reader`: a damaged or hostile
file is read briefly and raises `Damaged`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from .reader import Damaged, Reader, Texts

__all__ = ["Damaged", "Reader", "Texts", "kind_of", "texts"]

_MODULES = {
    "PNG": "png",
    "WebP": "riff",
    "JPEG": "jpeg",
    "AVIF": "bmff",
    "HEIF": "bmff",
    "MP4": "bmff",
    "QuickTime": "bmff",
    "WebM": "ebml",
    "Matroska": "ebml",
    "FLAC": "flac",
    "Ogg": "ogg",
    "MP3": "id3",
    "GLB": "glb",
    "safetensors": "safetensors",
    "SVG": "svg",
}
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIF",
    b"heix": "HEIF",
    b"mif1": "HEIF",
    b"qt  ": "QuickTime",
}
_BOXES = (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


def kind_of(head: bytes) -> str | None:
    """The kind of file that starts with these bytes (a few hundred), when there is a reader for it."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "MP4")
    if head[4:8] in _BOXES:
        return "QuickTime"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "WebM" if b"webm" in head[:64] else "Matroska"
    if head.startswith(b"fLaC"):
        return "FLAC"
    if head.startswith(b"OggS"):
        return "Ogg"
    if head.startswith(b"ID3"):
        return "MP3"
    if head.startswith(b"glTF"):
        return "GLB"
    if len(head) > 8 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 1 << 27:
        return "safetensors"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:4].lower() == b"<svg" or (start[:5] in (b"<?xml", b"<!--") and b"<svg" in head):
        return "SVG"
    return None


def texts(reader: Reader, kind: str) -> Iterator[tuple[str, str]]:
    """Every text a file of this kind carries. Raises `Damaged` where the file stops making sense."""
    read: Callable[[Reader], Texts] = import_module(f".{_MODULES[kind]}", __name__).read
    return read(reader)
