"""`comfy.compare(a, b)`: two pictures on top of each other, with a handle between them.

The slider is HTML with a range input: it works by keyboard and touch, and in a saved notebook. Viewers
without HTML, and COMFY_NOTEBOOK_LIVE=0, get both side by side in one PNG. Pictures, arrays, outputs and
results can be compared.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from ...errors import ComfyError
from ...text import escape
from ..forms.files import as_image
from ..frontend import detect
from ..options import Options
from ..static import style
from . import bundle, picture

_WIDTH = 512


class Comparison:
    """What `compare` answers; displaying it draws the slider, or both pictures side by side."""

    def __init__(self, images: tuple[Any, Any], labels: tuple[str, str]) -> None:
        self.images, self.labels = images, labels

    def __repr__(self) -> str:
        sizes = " and ".join(f"{image.width}×{image.height}" for image in self.images)
        return f"Comparison({self.labels[0]}, {self.labels[1]}: {sizes})"

    @property
    def image(self) -> Any:
        """Both pictures side by side, with their labels, as one PIL image."""
        return picture.contact_sheet(self.images, self.labels, columns=2, width=_WIDTH)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> bundle.Bundle:
        data = picture.fitted(self.image, limit=2 * _WIDTH + 8, at_most=Options().embed_bytes // 4)
        static: bundle.Bundle = {
            "text/plain": repr(self),
            "image/png": base64.b64encode(data).decode("ascii"),
        }
        if detect().live:
            static["text/html"] = self.html()
        wanted = set(include or static) - set(exclude or ())
        return {mime: value for mime, value in static.items() if mime in wanted}

    def html(self) -> str:
        """The slider: the second picture lies over the first, right of the handle."""
        before, after = (_source(image) for image in self.images)
        first, second = (escape(label) for label in self.labels)
        width = min(max(self.images[0].width, 256), 2 * _WIDTH)
        return (
            f'{style("compare.css")}<div class="cnb cnb-compare" style="max-width:{width}px">'
            f'<div class="cnb-pair"><img alt="{first}" src="{before}"><img alt="{second}" src="{after}">'
            f'<i></i><input type="range" min="0" max="100" value="50" aria-label="how much of {first}"'
            " oninput=\"this.parentNode.style.setProperty('--cnb-at',this.value+'%')\"></div>"
            f'<div class="cnb-ends"><span>{first}</span><span>{second}</span></div></div>'
        )


def compare(a: Any, b: Any, *, labels: Sequence[str] = ("before", "after")) -> Comparison:
    """Show two pictures against each other. Raises `ComfyError` for anything that is not a picture."""
    if len(labels) != 2:
        raise ComfyError("compare takes two labels, one for each picture.")
    return Comparison((_picture(a), _picture(b)), (str(labels[0]), str(labels[1])))


def _picture(value: Any) -> Any:
    image = as_image(value)
    if image is None and hasattr(value, "image"):
        image = as_image(value.image)
    if image is None:
        raise ComfyError(
            f"{type(value).__name__} is not a picture.",
            hint="Give a PIL image, an array, an Output or a Result.",
        )
    return picture.viewable(image)


def _source(image: Any) -> str:
    pixels = picture.fitted(image, limit=2 * _WIDTH, at_most=picture.AIM)
    return f"data:image/png;base64,{base64.b64encode(pixels).decode('ascii')}"
