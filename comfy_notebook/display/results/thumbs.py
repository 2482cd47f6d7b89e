"""Small pictures of downloaded outputs as HTML, for the live view, the job list and forms."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ... import images
from ...text import escape
from . import picture

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...jobs.result import Output

_MOST = 12


def data_uri(image: Image, side: int = 112) -> str:
    """A small JPEG (PNG when transparent) as a data URI."""
    small = picture.scaled(picture.viewable(image), side)
    out = io.BytesIO()
    transparent = small.mode in ("RGBA", "LA")
    small.convert("RGBA" if transparent else "RGB").save(out, "PNG" if transparent else "JPEG")
    mime = "png" if transparent else "jpeg"
    return f"data:image/{mime};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def shown(output: Output, side: int = 2048) -> Image:
    """The picture of an output to look at: a very large one reduced, so that the whole is not kept."""
    if images.is_large(output.bytes):
        return images.reduced(output.bytes, output.filename or output.kind, side)
    return output.image


def tile(output: Output, side: int = 112) -> str:
    """One output as a small tile: its picture when it is downloaded, else its name."""
    name = escape(output.filename or output.kind, 60)
    title = escape(output.node_title or output.class_type or output.node_id, 60)
    if output.error is not None:
        return f'<figure class="cnb-tile cnb-lost" title="{escape(output.error, 300)}">✗ {name}</figure>'
    if output.kind == "text":
        text = escape(output.text or "", 200, lines=True)
        return f'<figure class="cnb-tile"><pre>{text}</pre><figcaption>{title}</figcaption></figure>'
    if output.kind == "image" and at_hand(output):
        try:
            source = data_uri(shown(output), side)
        except Exception:  # not decodable: named like any other file
            return f'<figure class="cnb-tile cnb-lost">✗ {name}</figure>'
        picture_html = f'<img alt="{name}" title="{name}" src="{source}">'
        return f'<figure class="cnb-tile">{picture_html}<figcaption>{title}</figcaption></figure>'
    return f'<figure class="cnb-tile"><span>✓ {name}</span><figcaption>{title}</figcaption></figure>'


def strip(outputs: Sequence[Output], side: int = 112) -> str:
    """The outputs so far, newest last; the first ones are only counted when there are many."""
    if not outputs:
        return ""
    more = f'<span class="cnb-note">{len(outputs) - _MOST} earlier</span>' if len(outputs) > _MOST else ""
    return f'<div class="cnb cnb-strip">{more}{"".join(tile(o, side) for o in outputs[-_MOST:])}</div>'


def at_hand(output: Output) -> bool:
    """Whether the output is downloaded: drawing must not wait for the network."""
    return bool(output.fetched)
