"""How one input stands in the API's format: a literal, a link, or a wrapped list.

A link is `[node id, output index]`. ComfyUI takes every bare list for a link, so a literal list is
sent as `{"__value__": [...]}` (execution.py, get_input_data). Anything that JSON cannot hold (an
image, an array, bytes, a path) stays the Python object it is until the run is submitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..text import redact

WRAPPER = "__value__"


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


def plain(value: Any) -> Any:
    """The value with numpy scalars as numbers and tuples as lists; whatever JSON lacks is kept."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
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


def clean(text: Any) -> str:
    """A name from a file on one line, without secrets and without what a terminal would obey."""
    line = " ".join(str(text).split())
    return redact("".join(char if char.isprintable() else "�" for char in line))


def show(value: Any, limit: int = 60) -> str:
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
