"""Mask painting without a browser: what comes back from the page, and what happens without anywidget."""

from __future__ import annotations

import base64

import pytest
from PIL import Image

from comfy_notebook.display.forms import brush
from comfy_notebook.display.forms.files import FileKnob
from comfy_notebook.workflow.specs import InputSpec

from .runs import picture, png_bytes

SPEC = InputSpec.parse("image", [["a.png"], {"image_upload": True}], "required")


def uri(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes(image)).decode()


def test_the_mask_is_white_where_it_was_painted_and_of_the_pictures_size():
    page = Image.new("L", (32, 24))
    page.paste(255, (0, 0, 16, 24))
    mask = brush.painted(uri(page), (64, 48))
    assert mask.mode == "L"
    assert mask.size == (64, 48)
    assert mask.getpixel((4, 4)) == 255
    assert mask.getpixel((60, 40)) == 0


@pytest.mark.parametrize("nothing", ["", "data:text/html;base64,PGI+", uri(Image.new("L", (8, 8)))])
def test_nothing_painted_is_no_mask(nothing):
    assert brush.painted(nothing, (8, 8)) is None


def test_without_anywidget_the_button_says_what_to_install(monkeypatch):
    monkeypatch.setattr(brush, "available", lambda: False)
    control = FileKnob(SPEC, "a.png", {}.get)
    brush.attach(control)
    control.put(picture())
    control.extra.children[0].click()
    assert "needs the package anywidget" in control.note.value
    assert control.mask is None


def test_with_anywidget_it_paints_on_the_uploaded_picture():
    pytest.importorskip("anywidget")
    control = FileKnob(SPEC, "a.png", {}.get)
    brush.attach(control)
    control.extra.children[0].click()
    assert "Upload a picture" in control.note.value
    control.put(picture("red", (64, 48)))
    control.extra.children[0].click()
    painted = control.extra.children[1]
    assert (painted.width, painted.height) == (64, 48)
    assert "http" not in painted._esm.replace("http://www.w3.org", "")
    painted.mask = uri(Image.new("L", (64, 48), 255))
    assert control.mask.size == (64, 48)
    control.put("a.png")
    assert control.mask is None
