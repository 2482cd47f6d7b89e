"""Pictures made small enough for a page: scaled, bounded in bytes, several on one contact sheet.

A notebook with twenty results should stay under 10 MB, and base64 adds a third, so a picture should have at
most `AIM` bytes: it is made smaller, then reduced to 256 colours. PIL is imported on first use.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...images import normal
from ...text import printable

if TYPE_CHECKING:
    from PIL.Image import Image

AIM = 340_000
_GAP = 8
_CAPTION = 18
# Readable on white and on black: a sheet is transparent between its pictures.
_INK = (128, 128, 128, 255)


def png(image: Image) -> bytes:
    """The picture as PNG, without any metadata."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()


def viewable(image: Image) -> Image:
    """The picture in a mode every viewer shows as expected: L, RGB or RGBA, 8 bits a channel."""
    return normal(image)


def scaled(image: Image, limit: int) -> Image:
    """The picture with its longer side at most `limit` pixels; never enlarged."""
    from PIL import Image as pil

    if max(image.size) <= limit:
        return image
    return image.resize(scaled_size(image.size, limit), pil.Resampling.LANCZOS, reducing_gap=2.0)


def scaled_size(size: tuple[int, int], limit: int) -> tuple[int, int]:
    """The size with its longer side at most `limit` pixels."""
    ratio = min(limit / max(size), 1.0)
    return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)


def fitted(image: Image, *, limit: int = 512, at_most: int = AIM) -> bytes:
    """PNG bytes of the picture: its longer side at most `limit` pixels, at most `at_most` bytes."""
    image = scaled(viewable(image), limit)
    data = png(image)
    if len(data) > at_most:
        # Down to three quarters of the side, this loses less than 256 colours would.
        smaller = scaled(image, max(round(max(image.size) * math.sqrt(at_most / len(data)) * 0.97), 1))
        if max(smaller.size) >= 0.75 * max(image.size):
            image, data = smaller, png(smaller)
    if len(data) > at_most:
        data = png(_fewer_colours(image))
    while len(data) > at_most and max(image.size) > 16:
        image = scaled(image, max(round(max(image.size) * math.sqrt(at_most / len(data)) * 0.97), 16))
        data = png(_fewer_colours(image))
    return data


def _fewer_colours(image: Image) -> Image:
    from PIL import Image as pil

    if image.mode in ("RGBA", "LA"):
        return image.convert("RGBA").quantize(256, method=pil.Quantize.FASTOCTREE)
    return image.convert("RGB").quantize(256, method=pil.Quantize.MEDIANCUT)


def columns_for(count: int) -> int:
    """The default number of columns: one row for up to four pictures, else a nearly square grid."""
    return count if count <= 4 else min(math.ceil(math.sqrt(count)), 8)


def sheet_columns(count: int, embed_px: int) -> tuple[int, int]:
    """The columns of a result's contact sheet, and the width of a picture on it."""
    columns = columns_for(count)
    return columns, min(max(1024 // columns, 128), embed_px)


def sheet_size(sizes: Sequence[tuple[int, int]], columns: int, width: int) -> tuple[int, int]:
    """The size of a contact sheet with captions of pictures that have these sizes."""
    cells = [_cell_size(size, width) for size in sizes]
    widest = max(*(cell[0] for cell in cells), min(width, 96))
    rows = [cells[n : n + columns] for n in range(0, len(cells), columns)]
    height = sum(max(cell[1] for cell in row) + _CAPTION for row in rows) + (len(rows) - 1) * _GAP
    return columns * widest + (columns - 1) * _GAP, height


def contact_sheet(
    images: Sequence[Image],
    captions: Sequence[str] = (),
    *,
    columns: int | None = None,
    width: int = 256,
) -> Image:
    """One RGBA picture holding all of them, at most `width` pixels wide each, captions underneath.

    Pictures keep their shape; a row is as high as its highest. Between them it is transparent.
    """
    from PIL import Image as pil
    from PIL import ImageDraw

    if not images:
        raise ValueError("a contact sheet needs at least one image")
    columns = max(1, min(columns or columns_for(len(images)), len(images)))
    cells = [_thumbnail(image, width) for image in images]
    width = max(*(cell.width for cell in cells), min(width, 96))
    font = _font(13)
    below = _CAPTION if any(captions) else 0
    rows = [cells[n : n + columns] for n in range(0, len(cells), columns)]
    heights = [max(cell.height for cell in row) + below for row in rows]
    size = (columns * width + (columns - 1) * _GAP, sum(heights) + (len(rows) - 1) * _GAP)
    sheet = pil.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    top = 0
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            left = column * (width + _GAP)
            sheet.paste(cell, (left + (width - cell.width) // 2, top))
            index = number * columns + column
            if index < len(captions):
                text = _clipped(draw, printable(captions[index]), font, width)
                draw.text((left + 1, top + heights[number] - below + 2), text, fill=_INK, font=font)
        top += heights[number] + _GAP
    return sheet


def failed_tile(width: int = 256, text: str = "not downloaded") -> Image:
    """A placeholder for a picture that could not be downloaded."""
    from PIL import Image as pil
    from PIL import ImageDraw

    tile = pil.new("RGBA", (width, width * 3 // 4), (128, 128, 128, 40))
    draw = ImageDraw.Draw(tile)
    w, h = tile.size
    draw.rectangle((0, 0, w - 1, h - 1), outline=(190, 60, 60, 255), width=2)
    draw.line((w * 0.42, h * 0.32, w * 0.58, h * 0.53), fill=(190, 60, 60, 255), width=3)
    draw.line((w * 0.58, h * 0.32, w * 0.42, h * 0.53), fill=(190, 60, 60, 255), width=3)
    font = _font(13)
    text = _clipped(draw, printable(text), font, w - 16)
    draw.text(((w - draw.textlength(text, font=font)) / 2, h * 0.64), text, fill=_INK, font=font)
    return tile


def _thumbnail(image: Image, width: int) -> Image:
    from PIL import Image as pil

    image = viewable(image)
    if (size := _cell_size(image.size, width)) != image.size:
        image = image.resize(size, pil.Resampling.LANCZOS, reducing_gap=2.0)
    return image.convert("RGBA")


def _cell_size(size: tuple[int, int], width: int) -> tuple[int, int]:
    """The size of a picture on a sheet: at most `width` wide, and twice that high."""
    ratio = min(width / size[0], 2 * width / size[1], 1.0)
    return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _clipped(draw: Any, text: str, font: Any, width: float) -> str:
    text = text.replace("×", "x")  # Pillow's font has no multiplication sign
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "…", font=font) > width:
        text = text[:-1]
    return text + "…"
