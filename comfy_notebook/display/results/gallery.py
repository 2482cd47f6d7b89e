"""`result.show()`: a responsive grid of pictures to enlarge, copy and download.

Enlarging uses a checkbox and CSS, so it works in a saved notebook. The bundle has a contact sheet as
`image/png` for viewers without HTML. Under COMFY_NOTEBOOK_LIVE=0 it is the static bundle alone.
"""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...text import escape, printable
from ..frontend import detect
from ..options import Options, options_of
from ..static import style, text
from . import bundle, picture
from .media import media_html, plays

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...jobs.result import Output, Result

# A checkbox handles Space itself; the notebook would take the other two.
_KEYS = (
    "if(event.key=='Escape'){this.checked=false;event.stopPropagation()}"
    "else if(event.key=='Enter'){this.checked=!this.checked;event.stopPropagation();event.preventDefault()}"
)


class Gallery:
    """What `result.show()` returns; a notebook displays it."""

    def __init__(self, data: bundle.Bundle) -> None:
        self._data = data

    def __repr__(self) -> str:
        return str(self._data.get("text/plain", "Gallery"))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> bundle.Bundle:
        wanted = set(include or self._data) - set(exclude or ())
        return {mime: value for mime, value in self._data.items() if mime in wanted}


def show(result: Result, *, columns: int | None = None, width: int | None = None) -> Gallery:
    """A grid of the result's pictures, `width` pixels wide each, in `columns` (as many as fit when None)."""
    options = options_of(result)
    if columns is not None and columns < 1:
        raise ValueError("columns must be at least 1")
    if width is not None and not 16 <= width <= 4096:
        raise ValueError("width must be between 16 and 4096 pixels")
    if detect().deterministic:
        return Gallery(_static(list(result.shown), columns, width, options, bundle.result_text(result)))
    data = bundle.result_bundle(result)
    data["text/html"] = gallery_html(result.shown, columns=columns, width=width, options=options)
    return Gallery(data)


def gallery_html(
    outputs: Sequence[Output],
    *,
    columns: int | None = None,
    width: int | None = None,
    options: Options | None = None,
) -> str:
    """The grid as HTML that needs nothing from outside; its pictures share `embed_bytes`."""
    options = options or Options()
    images = [output for output in outputs if output.kind == "image" and not plays(output)][: bundle.MOST]
    others = [output for output in outputs if output.kind != "image" or plays(output)]
    pairs = [bundle.open_image(output) for output in images]
    names = bundle.captions(images, [size for _, size in pairs])
    side = max(width or 0, options.embed_px)
    # base64 takes a third more; the sheet in image/png has its own bound.
    room = int(options.embed_bytes * 0.75) // max(len(images), 1)
    prefix = f"cnb{uuid.uuid4().hex[:8]}"
    cells = [
        _figure(f"{prefix}-{number}", pair[0], name, output, side, room)
        for number, pair, name, output in zip(itertools.count(), pairs, names, images, strict=False)
    ]
    tracks = f"repeat({columns}, minmax(0, {width or options.embed_px}px))" if columns else (
        f"repeat(auto-fill, minmax(min(100%, {width or 220}px), 1fr))"
    )  # fmt: skip
    grid = f'<div class="cnb-grid" style="grid-template-columns:{tracks}">{"".join(cells)}</div>'
    return f'{style("gallery.css")}<div class="cnb cnb-gallery">{grid}{media_html(others, options)}</div>'


def _figure(key: str, image: Image, caption: str, output: Output, side: int, room: int) -> str:
    data = base64.b64encode(picture.fitted(image, limit=side, at_most=min(room, picture.AIM))).decode("ascii")
    name = escape(caption)
    file = escape(printable(output.filename or "image.png").rsplit("/", 1)[-1].rsplit(".", 1)[0] + ".png")
    source = f"data:image/png;base64,{data}"
    return (
        f'<figure class="cnb-cell"><label title="Enlarge"><input type="checkbox" class="cnb-zoom" '
        f'aria-label="Enlarge {name}" id="{key}" onkeydown="{_KEYS}">'
        f'<img alt="{name}" src="{source}"></label>'
        f'<span class="cnb-tools"><button type="button" aria-label="Copy {name}" '
        f'onclick="{text("copy.js").strip()}">Copy</button>'
        f'<a aria-label="Download {name}" download="{file}" href="{source}">Download</a></span>'
        f'<figcaption title="{escape(output.filename or "")}">{name}</figcaption></figure>'
    )


def _static(
    outputs: list[Output], columns: int | None, width: int | None, options: Options, words: str
) -> bundle.Bundle:
    images = [output for output in outputs if output.kind == "image"][: bundle.MOST]
    data: bundle.Bundle = {"text/plain": words}
    if images:
        pairs = [bundle.open_image(output) for output in images]
        names = bundle.captions(images, [size for _, size in pairs])
        sheet = picture.contact_sheet(
            [image for image, _ in pairs], names, columns=columns, width=min(width or 256, options.embed_px)
        )
        data["image/png"] = base64.b64encode(picture.fitted(sheet, limit=max(sheet.size))).decode("ascii")
    return data
