"""Paint a mask over a picture, with anywidget where it is installed.

The script is part of the package and loads nothing from elsewhere. The mask is the data URI of a PNG of the
picture's size, white where it was painted.
"""

from __future__ import annotations

import base64
import importlib.util
import io
from typing import TYPE_CHECKING, Any

from ..results import picture
from ..static import text
from .files import as_image

if TYPE_CHECKING:
    from PIL.Image import Image

    from .files import FileKnob

_SHOWN = 512


def available() -> bool:
    """Whether anywidget is installed."""
    return importlib.util.find_spec("anywidget") is not None


def make(image: Image) -> Any:
    """A widget to paint on the image; its `mask` trait is a data URI, empty until something is painted."""
    import anywidget
    import traitlets

    class Brush(anywidget.AnyWidget):
        _esm = text("brush.js")
        _css = text("brush.css")
        image = traitlets.Bytes(b"").tag(sync=True)
        width = traitlets.Int(0).tag(sync=True)
        height = traitlets.Int(0).tag(sync=True)
        size = traitlets.Int(32).tag(sync=True)
        mask = traitlets.Unicode("").tag(sync=True)

    shown = picture.scaled(picture.viewable(image), _SHOWN)
    return Brush(image=picture.png(shown), width=image.width, height=image.height)


def painted(mask: str, size: tuple[int, int]) -> Image | None:
    """The mask as an L image of the given size, white = painted; None when nothing was painted."""
    from PIL import Image as pil

    kind, _, data = mask.partition(",")
    if kind != "data:image/png;base64":
        return None
    with pil.open(io.BytesIO(base64.b64decode(data)), formats=("PNG",)) as image:
        found = image.convert("L").resize(size, pil.Resampling.BILINEAR)
    return found if found.getextrema() != (0, 0) else None


def attach(control: FileKnob) -> None:
    """Add a button that opens the brush to a picture's control; without anywidget it says what to install."""
    import ipywidgets as w

    button = w.Button(description="Paint mask", icon="paint-brush", layout=w.Layout(width="120px"))
    button.tooltip = "Paint the area to change over the uploaded picture"
    state: dict[str, Any] = {}

    def opened(_: Any) -> None:
        image = as_image(control.own)
        if not available():
            control.note.value = (
                '<span class="cnb cnb-caption">Painting needs the package anywidget; or give the picture '
                "an alpha channel: what is transparent is the mask.</span>"
            )
        elif image is None:
            control.note.value = '<span class="cnb cnb-caption">Upload a picture to paint on first.</span>'
        elif state.get("source") is not control.own:
            state.update(source=control.own, brush=make(image), size=image.size)
            control.extra.children = [button, state["brush"]]

    def changed() -> None:
        # A mask belongs to the picture it was painted on.
        state.clear()
        control.extra.children = [button]

    button.on_click(opened)
    control.source_changed = changed
    control.extra.children = [button]
    control.mask_of = lambda: painted(state["brush"].mask, state["size"]) if "brush" in state else None
