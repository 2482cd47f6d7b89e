"""What a run leaves on the page: a picture, a card or text, and a caption that says what was run."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...text import escape, printable
from .. import wording
from ..frontend import detect
from ..options import options_of
from ..static import style
from . import bundle, picture
from .bundle import Bundle

if TYPE_CHECKING:
    from ...jobs.result import Result


@dataclass(frozen=True)
class Shown:
    """A bundle, its caption, and the metadata that gives the picture its size before it is loaded."""

    bundle: Bundle
    caption: Bundle | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    @property
    def picture(self) -> bytes | None:
        """The PNG of the bundle, if it has one."""
        data = self.bundle.get("image/png")
        return base64.b64decode(data) if isinstance(data, str) else None


def shown_result(result: Result) -> Shown:
    """A result: its picture at the size that was reserved for it, and its caption."""
    try:
        data = bundle.result_bundle(result)
        size = picture_size(result)
    except Exception as error:  # the result is returned even when it cannot be drawn
        text = f"{bundle.result_text(result)} (could not be drawn: {printable(error, 300)})"
        return Shown({"text/plain": text})
    if detect().deterministic:
        return Shown(data)
    metadata = {"image/png": {"width": size[0], "height": size[1]}} if size and "image/png" in data else {}
    lines = caption(result)
    return Shown(data, caption_bundle(lines), metadata, tuple(lines))


def caption(result: Result) -> list[str]:
    """The lines under a picture: nodes and sizes, then seed, time, steps and rate, then the job."""
    images = [output for output in result.shown if output.kind == "image"]
    sizes = [size for output in images if (size := bundle.open_image(output)[1]) is not None]
    titles = dict.fromkeys(printable(output.node_title, 60) for output in images or result.shown)
    first = [", ".join(list(titles)[:4])]
    first += [f"{len(images)} pictures"] if len(images) > 1 else []
    first += [", ".join(dict.fromkeys(f"{width}×{height}" for width, height in sizes[:4]))]
    seeds = list(dict.fromkeys(result.seeds.values()))
    run = [f"seed {', '.join(map(str, seeds[:4]))}"] if seeds else []
    run += [wording.seconds(result.seconds)] if result.seconds else []
    steps, rate = result.steps, result.rate
    run += [f"{steps} steps"] if steps else []
    run += [wording.rate(rate)] if steps else []
    lines = [" · ".join(filter(None, part)) for part in (first, run)]
    return [line for line in lines if line] + ([f"Job {printable(result.job_id)}"] if result.job_id else [])


def caption_bundle(lines: list[str], table: str = "") -> Bundle:
    """Caption lines as a bundle; `table` is HTML below them."""
    rows = "".join(f'<div class="cnb-line">{escape(line, 300)}</div>' for line in lines)
    words = f'<div class="cnb-words cnb-caption">{rows}</div>' if rows else ""
    html = f'{style("caption.css")}<div class="cnb">{words}{table}</div>'
    return {"text/plain": "\n".join(lines), "text/html": html}


def settings_table(rows: Sequence[tuple[str, str]]) -> str:
    """Settings as an HTML table, shown only where the widgets they were set with are not."""
    cells = "".join(
        f"<tr><td>{escape(name, 80)}</td><td>{escape(value, 300)}</td></tr>" for name, value in rows
    )
    return f'<table class="cnb-settings">{cells}</table>' if cells else ""


def picture_size(result: Result) -> tuple[int, int] | None:
    """The size on the page of the result's picture or contact sheet, in pixels."""
    images = [output for output in result.shown if output.kind == "image"][: bundle.MOST]
    if not images:
        return None
    embed_px = options_of(result).embed_px
    opened = [bundle.open_image(output) for output in images]
    if len(opened) == 1:
        return picture.scaled_size(opened[0][1] or opened[0][0].size, embed_px)
    columns, width = picture.sheet_columns(len(opened), embed_px)
    return picture.sheet_size([image.size for image, _ in opened], columns, width)
