"""Nodes over text, and PreviewAny, which shows any value as text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Context, Input, Node, Output, Ui, room_for_text
from .metadata import fill_prefix

_TEXT = Input("STRING", {"multiline": True})
_CASES = {
    "UPPERCASE": str.upper,
    "lowercase": str.lower,
    "Capitalize": str.capitalize,
    "Title Case": str.title,
}
_TRIMS = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}


def combo(*choices: str) -> Input:
    """A choice as ComfyUI's newer schema writes it."""
    return Input("COMBO", choices=choices, v3=True)


def flag(default: bool, optional: bool = False) -> Input:
    """A BOOLEAN that the editor shows among the advanced inputs."""
    return Input("BOOLEAN", {"default": default, "advanced": True}, optional=optional)


class _String(Node):
    category = "text"
    python_module = "comfy_extras.nodes_string"
    outputs = (Output("STRING"),)


class StringConcatenate(_String):
    """Two texts with a delimiter between them."""

    display_name = "Concatenate Text"
    inputs = {
        "string_a": _TEXT,
        "string_b": _TEXT,
        "delimiter": Input("STRING", {"default": "", "multiline": False}),
    }

    def run(self, ctx: Context, *, string_a: str, string_b: str, delimiter: str = "") -> tuple[Any, ...]:
        room_for_text(len(string_a) + len(delimiter) + len(string_b))
        return (delimiter.join((string_a, string_b)),)


class StringSubstring(_String):
    """Characters from start up to end, counted as Python slices count."""

    display_name = "Substring"
    inputs = {"string": _TEXT, "start": Input("INT"), "end": Input("INT")}

    def run(self, ctx: Context, *, string: str, start: int, end: int) -> tuple[Any, ...]:
        return (string[start:end],)


class StringLength(_String):
    """The number of characters."""

    display_name = "Text Length"
    inputs = {"string": _TEXT}
    outputs = (Output("INT", "length"),)

    def run(self, ctx: Context, *, string: str) -> tuple[Any, ...]:
        return (len(string),)


class CaseConverter(_String):
    """Upper case, lower case, first letter, or first letters."""

    display_name = "Convert Text Case"
    inputs = {"string": _TEXT, "mode": combo(*_CASES)}

    def run(self, ctx: Context, *, string: str, mode: str) -> tuple[Any, ...]:
        return (_CASES[mode](string),)


class StringTrim(_String):
    """Without white space at its ends."""

    display_name = "Trim Text"
    inputs = {"string": _TEXT, "mode": combo(*_TRIMS)}

    def run(self, ctx: Context, *, string: str, mode: str) -> tuple[Any, ...]:
        return (_TRIMS[mode](string),)


class StringReplace(_String):
    """Every occurrence of one text replaced by another."""

    display_name = "Replace Text"
    inputs = {"string": _TEXT, "find": _TEXT, "replace": _TEXT}

    def run(self, ctx: Context, *, string: str, find: str, replace: str) -> tuple[Any, ...]:
        room_for_text(len(string) + string.count(find) * (len(replace) - len(find)))
        return (string.replace(find, replace),)


class StringContains(_String):
    """Whether one text is in the other."""

    display_name = "Contains Text"
    inputs = {"string": _TEXT, "substring": _TEXT, "case_sensitive": flag(True)}
    outputs = (Output("BOOLEAN", "contains"),)

    def run(self, ctx: Context, *, string: str, substring: str, case_sensitive: bool) -> tuple[Any, ...]:
        if not case_sensitive:
            string, substring = string.lower(), substring.lower()
        return (substring in string,)


class StringCompare(_String):
    """Whether two texts are equal, or one starts or ends with the other."""

    display_name = "Compare Text"
    inputs = {
        "string_a": _TEXT,
        "string_b": _TEXT,
        "mode": combo("Starts With", "Ends With", "Equal"),
        "case_sensitive": flag(True),
    }
    outputs = (Output("BOOLEAN"),)

    def run(
        self, ctx: Context, *, string_a: str, string_b: str, mode: str, case_sensitive: bool
    ) -> tuple[Any, ...]:
        if not case_sensitive:
            string_a, string_b = string_a.lower(), string_b.lower()
        if mode == "Starts With":
            return (string_a.startswith(string_b),)
        if mode == "Ends With":
            return (string_a.endswith(string_b),)
        return (string_a == string_b,)


class SaveText(Node):
    """A text file in the output folder; the format is its extension."""

    display_name = "Save Text"
    category = "text"
    python_module = "comfy_extras.nodes_text"
    inputs = {
        "text": Input("STRING", {"forceInput": True, "multiline": False}),
        "filename_prefix": Input("STRING", {"default": "ComfyUI", "multiline": False}),
        "format": Input("COMBO", {"default": "txt"}, choices=("txt", "csv", "md", "json"), v3=True),
    }
    hidden = {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]}
    outputs = (Output("STRING", "text"),)
    output_node = True

    def run(self, ctx: Context, *, text: str, filename_prefix: str, format: str) -> Ui:
        """Reports the text, and the file under `files`."""
        data = text.encode("utf-8", "replace")
        saved = ctx.save(data, fill_prefix(filename_prefix), f".{format}", mark="")
        return Ui({"text": [text], "files": [saved]}, (text,))


class PreviewAny(Node):
    """Any value as text: numbers and strings as they are, the rest as JSON, or as it prints."""

    display_name = "Preview as Text"
    category = "utilities"
    python_module = "comfy_extras.nodes_preview_any"
    inputs = {"source": Input("*")}
    outputs = (Output("STRING"),)
    output_node = True

    def run(self, ctx: Context, *, source: Any = None) -> Ui:
        text = as_text(source)
        return Ui({"text": [text]}, (text,))


def as_text(value: Any) -> str:
    """A value as PreviewAny shows it; arrays as PyTorch prints a tensor."""
    if isinstance(value, str):
        return value
    if value is None:
        return "None"
    if isinstance(value, (int, float)):
        return str(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return str(_printable(value))


class _Tensor:
    """An array that prints as PyTorch prints a tensor."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    def __repr__(self) -> str:
        whole = bool((self._array == np.round(self._array)).all())  # PyTorch then writes "1.", not "1.0000"
        body = np.array2string(
            self._array,
            separator=", ",
            prefix="tensor(",
            threshold=1000,
            max_line_width=80,
            floatmode="fixed",
            precision=0 if whole else 4,
        )
        return f"tensor({body})"


def _printable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _Tensor(value)
    if isinstance(value, dict):
        return {key: _printable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_printable, value))
    return value


NODES: list[type[Node]] = [
    StringConcatenate,
    StringSubstring,
    StringLength,
    CaseConverter,
    StringTrim,
    StringReplace,
    StringContains,
    StringCompare,
    SaveText,
    PreviewAny,
]
