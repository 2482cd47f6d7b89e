"""A node class as a person reads it: one table of inputs and one line of outputs, in text or HTML.

All of it is the server's text, so every word is escaped in HTML and bounded in length.
"""

from __future__ import annotations

from html import escape
from typing import Any

from ...text import clip
from ..specs import InputSpec, NodeInfo

_CHOICES_SHOWN = 6
_COLUMNS = ("input", "type", "default", "range or choices", "help")


def value_range(spec: InputSpec, shown: int = _CHOICES_SHOWN) -> str:
    """The values an input takes in a few words: `0 … 100, step 0.1`, or its first choices."""
    if spec.choices is not None:
        first = [clip(str(choice), 40) for choice in spec.choices[:shown]]
        more = len(spec.choices) - len(first)
        return ", ".join(first) + (f", … {more} more" if more > 0 else "") if first else "none installed"
    if spec.remote:
        return "fetched from the server"
    parts = []
    if spec.min is not None or spec.max is not None:
        parts.append(f"{_bound(spec.min)} … {_bound(spec.max)}")
    if spec.step is not None:
        parts.append(f"step {spec.step:g}" if isinstance(spec.step, float) else f"step {spec.step}")
    return ", ".join(parts)


def _bound(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _rows(node: NodeInfo) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for spec in node.inputs.values():
        default = clip(repr(spec.default), 40) if spec.is_widget and spec.default is not None else ""
        name = spec.name if spec.required else f"{spec.name} (optional)"
        rows.append(
            (clip(name, 60), clip(spec.type, 40), default, value_range(spec), clip(spec.tooltip, 200))
        )
    return rows


def _marks(node: NodeInfo) -> list[str]:
    named = ("output_node", "output node"), ("api_node", "partner node"), ("deprecated", "deprecated")
    return [word for key, word in (*named, ("experimental", "experimental")) if getattr(node, key)]


def _heading(node: NodeInfo) -> str:
    title = clip(node.class_type, 80)
    if node.display_name != node.class_type:
        title += f" · {clip(node.display_name, 80)}"
    return " · ".join([title, *([clip(node.category, 80)] if node.category else []), *_marks(node)])


def _outputs(node: NodeInfo) -> str:
    said = ", ".join(
        f"{clip(o.name, 60)}: {clip(o.type, 60)}{' (list)' if o.is_list else ''}"
        if o.name != o.type
        else clip(o.type, 60)
        for o in node.outputs
    )
    return clip(said, 1000)


def as_text(node: NodeInfo) -> str:
    """The node as aligned plain text."""
    lines = [_heading(node)]
    if node.description:
        lines += [clip(node.description, 600)]
    rows = _rows(node)
    if rows:
        cells = [tuple(" ".join(cell.split()) for cell in row) for row in (_COLUMNS, *rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(_COLUMNS))]
        lines += [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
    lines.append(f"  -> {_outputs(node) or 'no outputs'}")
    return "\n".join(lines)


def as_html(node: NodeInfo) -> str:
    """The node as an HTML table, every word of the server's escaped."""
    head = "".join(f"<th style='text-align:left'>{escape(c)}</th>" for c in _COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(node)
    )
    description = f"<p>{escape(clip(node.description, 600))}</p>" if node.description else ""
    return (
        f"<div><strong>{escape(_heading(node))}</strong>{description}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>Outputs: {escape(_outputs(node) or 'none')}</p></div>"
    )
