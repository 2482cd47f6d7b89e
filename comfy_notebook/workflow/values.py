"""Values of inputs: how the API's format stores them, how they are compared, described and read from text.

A link is stored as `[node id, output index]`. ComfyUI takes every bare list for a link, so a literal list
is sent as `{"__value__": [...]}` (execution.py, get_input_data). What JSON cannot hold (an image, an
array, bytes, a path) stays the Python object it is until the run is submitted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidWorkflow
from ..text import clip, closest, redact
from .specs import AUTOGROW, COMBO, DYNAMIC_COMBO, InputSpec

WRAPPER = "__value__"
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def is_link(value: Any) -> bool:
    """Whether a stored value has the form of a link."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )


def as_link(value: Any, graph: Mapping[str, Any]) -> list[Any] | None:
    """The link a list means when its first item is the id, as text or number, of a node that exists."""
    if isinstance(value, list) and len(value) == 2 and not isinstance(value[0], bool):
        link = [str(value[0]), value[1]]
        if isinstance(value[0], (str, int)) and is_link(link) and link[0] in graph:
            return link
    return None


def unwrap(value: Any) -> Any:
    """The literal a person means: the list inside a wrapper, anything else as it is."""
    if isinstance(value, Mapping) and len(value) == 1 and WRAPPER in value:
        return value[WRAPPER]
    return value


def normalized(value: Any) -> Any:
    """The value with numpy scalars as numbers and tuples as lists; whatever JSON lacks is kept."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): normalized(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normalized(item) for item in value]
    return value


def is_json(value: Any) -> bool:
    """Whether JSON can hold the value as it is."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
        elif not isinstance(item, (str, int, float, bool, type(None))):
            return False
    return True


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; pictures and arrays only when they are the same object."""
    todo = [(one, other)]
    while todo:
        a, b = todo.pop()
        if a is b:
            continue
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            todo.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            todo.extend(zip(a, b, strict=True))
        elif not (is_json(a) and is_json(b) and type(a) is type(b) and (a == b or (a != a and b != b))):
            return False
    return True


def duplicate(value: Any) -> Any:
    """A copy of the lists and objects, sharing everything else: pictures are not copied."""
    if isinstance(value, dict):
        return {key: duplicate(item) for key, item in value.items()}
    if isinstance(value, list):
        return [duplicate(item) for item in value]
    return value


def summary(value: Any, limit: int = 60) -> str:
    """The value on one line, for outlines and tables; pictures and arrays by their size, not their pixels."""
    value = unwrap(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    shape = getattr(value, "shape", None)
    if shape:
        return f"<array {'×'.join(str(n) for n in shape)} {getattr(value, 'dtype', '')}>".replace(" >", ">")
    size, mode = getattr(value, "size", None), getattr(value, "mode", None)
    if isinstance(size, tuple) and isinstance(mode, str) and len(size) == 2:
        return f"<image {size[0]}×{size[1]} {mode}>"
    text = redact(repr(value))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def parse_value(text: str, spec: InputSpec | None = None, current: Any = None, *, name: str = "") -> Any:
    """The value that a text means for an input.

    `spec` is the input's definition, `current` the value in the file for when there is none; `name`
    is how messages call the input. Raises `InvalidWorkflow` saying what would be right.
    """
    kind = spec.type if spec is not None else _kind(current)
    where = f"{name}: " if name else ""
    if spec is not None and (
        spec.type == AUTOGROW or (not (spec.is_widget or spec.force_input) and is_link(current))
    ):
        takes = "several links" if spec.type == AUTOGROW else f"a {kind} from another node"
        raise InvalidWorkflow(
            f"{where}{clip(repr(text), 80)} is text, and this input takes {takes}.",
            hint="In Python: wf[NODE].input = wf[OTHER].output(0).",
        )
    if kind == "INT":
        return _bounded(_whole(text, where), spec, where)
    if kind == "NUMBER":  # JavaScript writes 8.0 as 8, so a whole number in a file tells nothing
        try:
            return _whole(text, where)
        except InvalidWorkflow:
            return _real(text, where)
    if kind == "FLOAT":
        return _bounded(_real(text, where), spec, where)
    if kind == "BOOLEAN":
        word = text.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise InvalidWorkflow(f"{where}{text!r} is neither true nor false.", hint="Write true or false.")
    if kind in (COMBO, DYNAMIC_COMBO) and spec is not None:
        return _chosen(text, spec, where)
    if kind == "JSON":
        try:
            return json.loads(text)
        except ValueError:
            raise InvalidWorkflow(
                f"{where}{text!r} is not JSON.", hint="The value there is a list or object."
            ) from None
    return text


def _kind(current: Any) -> str:
    if isinstance(current, bool):
        return "BOOLEAN"
    if isinstance(current, int):
        return "NUMBER"
    if isinstance(current, float):
        return "FLOAT"
    return "JSON" if isinstance(current, (list, dict)) else "STRING"


def _whole(text: str, where: str) -> int:
    word = text.strip().replace("_", "")
    try:
        return int(word, 0) if word.lower().lstrip("+-").startswith(("0x", "0b", "0o")) else int(word)
    except ValueError:
        pass
    try:
        number = float(word)
        if number.is_integer():
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise InvalidWorkflow(
        f"{where}{text!r} is not a whole number.", hint="This input takes an INT, such as 42."
    )


def _real(text: str, where: str) -> float:
    try:
        number = float(text.strip())
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidWorkflow(
            f"{where}{text!r} is not a number.", hint="This input takes a FLOAT, such as 7.5."
        )
    return number


def _bounded(number: Any, spec: InputSpec | None, where: str) -> Any:
    low, high = (spec.min, spec.max) if spec is not None else (None, None)
    if low is not None and number < low:
        raise InvalidWorkflow(
            f"{where}{number} is below the smallest value, {low}.", hint=f"Use {low} or more."
        )
    if high is not None and number > high:
        raise InvalidWorkflow(
            f"{where}{number} is above the largest value, {high}.", hint=f"Use {high} or less."
        )
    return number


def _chosen(text: str, spec: InputSpec, where: str) -> Any:
    choices = spec.choices
    if spec.multiselect:
        words = [word.strip() for word in text.split(",") if word.strip()]
        return [_one(word, choices, where, spec) for word in words]
    return _one(text, choices, where, spec)


def _one(text: str, choices: Any, where: str, spec: InputSpec) -> Any:
    if not choices or spec.upload or spec.remote:
        return text
    for choice in choices:
        if text == (choice if isinstance(choice, str) else json.dumps(choice)) or text == str(choice):
            return choice
    loose = [choice for choice in choices if str(choice).lower() == text.strip().lower()]
    if len(loose) == 1:
        return loose[0]
    near = closest(text, [str(choice) for choice in choices])
    if near:
        hint = f"Did you mean {' or '.join(repr(n) for n in near)}?"
    else:
        more = f" and {len(choices) - 8} more" if len(choices) > 8 else ""
        hint = f"Choices: {', '.join(str(choice) for choice in choices[:8])}{more}."
    if len(choices) == 1:
        raise InvalidWorkflow(f"{where}{text!r} is not there.", hint=f"The only choice is {choices[0]!r}.")
    raise InvalidWorkflow(f"{where}{text!r} is not among its {len(choices)} choices.", hint=hint)
