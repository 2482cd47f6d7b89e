"""A graph as a Python program that rebuilds and runs it."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from typing import Any

from ...protocol.graph import node_title

_WIDTH = 100
_HEAD = """\
import comfy_notebook as comfy


def node(class_type, title=None, **inputs):
    meta = {} if title is None else {"_meta": {"title": title}}
    return {"class_type": class_type, "inputs": inputs, **meta}


graph = {
"""
_TAIL = """\
}

wf = comfy.Workflow(graph)
result = comfy.run(wf)
"""


def program(graph: Mapping[str, Any]) -> str:
    """The program; `graph` is in the API's format, as plain JSON values."""
    lines = [f"    {_literal(node_id)}: {_node(node)}," for node_id, node in graph.items()]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _node(node: Mapping[str, Any]) -> str:
    title, inputs = node_title(node), node.get("inputs")
    plain = {"class_type": node.get("class_type"), "inputs": inputs}
    if title is not None:
        plain["_meta"] = {"title": title}
    if dict(node) != plain or not isinstance(inputs, Mapping) or _has_nan(node):
        return _literal(node)  # it holds more than a class, a title and inputs
    parts = [_literal(node["class_type"])] + ([_literal(title)] if title is not None else [])
    named = {name: value for name, value in inputs.items() if _is_keyword(name)}
    parts += [f"{name}={_literal(value)}" for name, value in named.items()]
    others = {name: value for name, value in inputs.items() if name not in named}
    parts += [f"**{_literal(others)}"] if others else []
    line = f"node({', '.join(parts)})"
    if len(line) <= _WIDTH - 8:
        return line
    return "node(\n" + "".join(f"        {part},\n" for part in parts) + "    )"


def _is_keyword(name: str) -> bool:
    # Python reads other letters in names as their plain forms.
    return (
        name.isascii()
        and name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in ("class_type", "title")
    )


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)


def _has_nan(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_nan, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_nan, value))
    return isinstance(value, float) and value != value
