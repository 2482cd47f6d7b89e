"""A PIL image without its file: the texts, comments, chunks and EXIF that Pillow keeps in it."""

from __future__ import annotations

from typing import Any

from . import exif, png
from .reader import Texts, decode


def texts(image: Any) -> Texts:
    """The texts in `image.info` and in private PNG chunks, as the reader of the file would give them."""
    for key, value in list(image.info.items()):
        if key == "exif" and isinstance(value, bytes):
            continue
        if isinstance(value, bytes) and key == "comment":
            yield "comment", decode(value.rstrip(b"\0"))
        elif isinstance(value, str):
            yield from png.text(str(key), _undone(value))
    for name, data, *_ in getattr(image, "private_chunks", ()):
        if name == b"comf":
            key, _, value = data.partition(b"\0")
            yield decode(key), decode(value)
    if isinstance(found := image.info.get("exif"), bytes) and found:
        yield from exif.texts(found)


def _undone(text: str) -> str:
    """Pillow decodes every tEXt chunk as Latin-1; most savers write UTF-8."""
    if hasattr(text, "lang"):  # an iTXt chunk, which says that it is UTF-8
        return str(text)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
