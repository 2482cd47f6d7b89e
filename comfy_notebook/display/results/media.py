"""HTML for outputs that a still picture cannot show: text, animations, video and audio players, file links.

Files are embedded: addresses of the server expire and may contain a signature. A file that is too large is
named, with how to get it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...text import escape
from ..options import Options

if TYPE_CHECKING:
    from ...jobs.result import Output

_PLAYERS = {"video": "video", "audio": "audio"}
_TEXT = 20_000
_PLAYABLE = {
    "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-matroska",
    "audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/flac", "audio/x-flac", 
    "audio/mp4", "audio/opus", "audio/aac",
}  # fmt: skip
_ANIMATIONS = {"image/webp", "image/png", "image/apng", "image/gif", "image/avif"}


def plays(output: Output) -> bool:
    """Whether this is an animated picture, which is shown as the file is, not as a still."""
    return bool(output.animated) and output.kind == "image"


def media_html(outputs: Sequence[Output], options: Options) -> str:
    """One block an output; the bytes held inside the page stay under `options.embed_bytes` together."""
    room = options.embed_bytes
    blocks = []
    for output in outputs:
        block, used = _block(output, room)
        room -= used
        blocks.append(f'<div class="cnb-item">{block}</div>')
    return f'<div class="cnb-items">{"".join(blocks)}</div>' if blocks else ""


def _block(output: Output, room: int) -> tuple[str, int]:
    caption = f'<div class="cnb-caption">{escape(output.node_title or output.class_type or "")}</div>'
    name = escape(output.filename or output.kind)
    if output.error is not None:
        return f'{caption}<div class="cnb-lost">✗ {name}: {escape(output.error, 300)}</div>', 0
    if output.kind == "text":
        return f"{caption}<pre>{escape(output.text or '', _TEXT, lines=True)}</pre>", 0
    try:
        data = output.bytes
    except Exception as error:  # the other outputs are still shown
        return f'{caption}<div class="cnb-lost">✗ {name}: {escape(error, 300)}</div>', 0
    size = _size(len(data))
    if len(data) * 4 // 3 > room:
        note = f"{name} ({size}) is too large for the page; keep it with <code>result.save(folder)</code>"
        return f"{caption}<div>{note}</div>", 0
    mime = (output.mime or "").split(";")[0].strip().lower()
    if plays(output) and mime in _ANIMATIONS:
        source = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
        image = f'<img class="cnb-sheet" alt="{name}" src="{source}">'
        return f"{caption}{image}<div class='cnb-note'>{name} · {size}</div>", len(source)
    tag = _PLAYERS.get(output.kind)
    kept = mime if mime in _PLAYABLE else "application/octet-stream"
    source = f"data:{kept};base64,{base64.b64encode(data).decode('ascii')}"
    if tag and kept == mime:
        player = f'<{tag} controls preload="metadata" aria-label="{name}" src="{source}"></{tag}>'
        return f"{caption}{player}<div class='cnb-note'>{name} · {size}</div>", len(source)
    return f'{caption}<a class="cnb-file" download="{name}" href="{source}">⤓ {name}</a> {size}', len(source)


def _size(count: int) -> str:
    for unit, scale in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return "1 byte" if count == 1 else f"{count} bytes"
