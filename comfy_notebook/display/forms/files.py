"""Controls for inputs that take files: choose a file of the server, upload one, or name a variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError
from ...images import decode, from_array, is_array, is_pil
from ...text import escape, printable
from ..results import thumbs
from .knobs import Choice, Knob

if TYPE_CHECKING:
    from ...workflow.specs import InputSpec

_ACCEPT = {"image": "image/*", "video": "video/*", "audio": "audio/*", "file": ""}


class FileKnob(Knob):
    """A file input. `value` is the name of a file on the server, or what to upload when it runs."""

    def __init__(self, spec: InputSpec, value: Any, variables: Callable[[str], Any]) -> None:
        import ipywidgets as w

        self.kind = spec.upload or "file"
        self._variables = variables
        self._own: Any = None
        self._call: Callable[[], None] = lambda: None
        self.mask_of: Callable[[], Any] = lambda: None
        self.source_changed: Callable[[], None] = lambda: None
        choices = [choice for choice in spec.choices or () if isinstance(choice, str)]
        self._choice = Choice(choices, value if isinstance(value, str) else (choices or [""])[0])
        self._choice.widget.layout = w.Layout(width="auto", flex="1 1 200px", min_width="0")
        self.upload = w.FileUpload(accept=_ACCEPT[self.kind], multiple=False, description="Upload")
        self.upload.layout.width = "110px"
        self.variable = w.Text(placeholder="or a variable", layout=w.Layout(width="130px"))
        self.variable.continuous_update = False
        self.note = w.HTML()
        row = w.HBox([self._choice.widget, self.upload, self.variable], layout=w.Layout(flex_flow="row wrap"))
        self.extra = w.VBox([])
        super().__init__(self._choice.control, w.VBox([row, self.note, self.extra]))
        self.upload.observe(self._uploaded, names="value")
        self.variable.observe(self._named, names="value")
        self._choice.control.observe(self._chosen, names="value")
        if not isinstance(value, str) and value is not None:
            self.put(value)

    @property
    def value(self) -> Any:
        return self._own if self._own is not None else self._choice.value

    @property
    def own(self) -> Any:
        """What was given here and is still to be uploaded, or None."""
        return self._own

    @property
    def mask(self) -> Any:
        """The mask painted over the picture, as an L image, white = to change; None without one."""
        return self.mask_of()

    def put(self, value: Any) -> None:
        if isinstance(value, str):
            self._take(None)
            self._choice.put(value)
        else:
            self._take(value)
        self._show(value, "")

    def changed(self, call: Callable[[], None]) -> None:
        self._call = call

    def _take(self, own: Any) -> None:
        self._own = own
        self.source_changed()

    def _uploaded(self, change: Any) -> None:
        files = change["new"]
        if not files:
            return
        # ipywidgets 8 gives a tuple of dicts, 7 a dict of dicts.
        first = files[0] if isinstance(files, (tuple, list)) else next(iter(files.values()))
        self._take(bytes(first["content"]))
        name = first.get("name") or first.get("metadata", {}).get("name")
        self._show(self._own, name or "uploaded")
        self._call()

    def _named(self, change: Any) -> None:
        name = change["new"].strip()
        if not name:
            return
        found = self._variables(name)
        if found is None:
            self.note.value = f'<span class="cnb cnb-lost">There is no variable {escape(name)}.</span>'
            return
        self._take(found)
        self._show(found, name)
        self._call()

    def _chosen(self, _change: Any) -> None:
        self._take(None)
        self.note.value = ""
        self._call()

    def _show(self, value: Any, name: str) -> None:
        picture = as_image(value) if self.kind == "image" else None
        if picture is None:
            self.note.value = f'<span class="cnb cnb-caption">{escape(name)}</span>' if name else ""
            return
        size = f"{picture.width}×{picture.height}"
        self.note.value = (
            f'<figure class="cnb cnb-tile"><img alt="{escape(name or "chosen picture")}" '
            f'src="{thumbs.data_uri(picture, 128)}"><figcaption>{escape(printable(name, 30))} {size}'
            "</figcaption></figure>"
        )


def as_image(value: Any) -> Any:
    """A PIL image of bytes, an array or an image; None for anything else."""
    if is_pil(value):
        return value
    try:
        if isinstance(value, (bytes, bytearray)):
            return decode(bytes(value), "the file")
        if is_array(value):
            return from_array(value)
    except ComfyError:  # not a picture here; the server may still read it
        return None
    return None


def user_variable(name: str) -> Any:
    """A variable of the notebook by its name; nothing is evaluated."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "user_ns", {}).get(name) if name.isidentifier() else None
