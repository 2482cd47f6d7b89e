"""A node class as text or HTML: a table of its inputs and a line of its outputs.

All of it is the server's text, so it is escaped in HTML and bounded in length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ...text import clip
from ..specs import COMBO, DYNAMIC_COMBO, MATCH_TYPE, InputSpec, OutputSpec

_CHOICES_SHOWN = 6
_COLUMNS = ("input", "type", "default", "range or choices", "help")


def value_range(spec: InputSpec, shown: int = _CHOICES_SHOWN) -> str:
    """The values an input takes in a few words: `0 … 100, step 0.1`, or its first choices."""
    if spec.choices is not None:
        first = [clip(str(choice), 40) for choice in spec.choices[:shown]]
        more = len(spec.choices) - len(first)
        return ", ".join(first) + (f", … {more} more" if more > 0 else "") if first else "none listed"
    if spec.remote:
        return "fetched from the server"
    if members := [member.name for _, member in spec.grown()]:
        return f"{max(spec.least, 0)} to {len(members)}: {members[0]}, …"
    if spec.type == "BOOLEAN" and spec.labels != ("false", "true"):
        return f"{clip(spec.labels[1], 30)} or {clip(spec.labels[0], 30)}"
    parts = []
    if spec.min is not None or spec.max is not None:
        parts.append(f"{_bound(spec.min)} … {_bound(spec.max)}")
    if spec.step is not None:
        parts.append(f"step {spec.step:g}" if isinstance(spec.step, float) else f"step {spec.step}")
    return ", ".join(parts)


def _bound(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class NodeSheet:
    """What is shown of a node class."""

    class_type: str
    display_name: str
    category: str
    description: str
    marks: Sequence[str]
    inputs: Sequence[InputSpec]
    outputs: Sequence[OutputSpec]

    def text(self) -> str:
        """The node class as aligned plain text."""
        lines = [self._heading()]
        if self.description:
            lines += [clip(self.description, 600)]
        rows = self._rows()
        if rows:
            cells = [tuple(" ".join(cell.split()) for cell in row) for row in (_COLUMNS, *rows)]
            widths = [max(len(row[i]) for row in cells) for i in range(len(_COLUMNS))]
            lines += [
                "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                for row in cells
            ]
        lines.append(f"  -> {self._outputs() or 'no outputs'}")
        return "\n".join(lines)

    def html(self) -> str:
        """The node class as an HTML table; every text of the server's is escaped."""
        head = "".join(f"<th style='text-align:left'>{escape(c)}</th>" for c in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        description = f"<p>{escape(clip(self.description, 600))}</p>" if self.description else ""
        return (
            f"<div><strong>{escape(self._heading())}</strong>{description}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>Outputs: {escape(self._outputs() or 'none')}</p></div>"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [row for spec in self.inputs for row in _rows(spec)]

    def _heading(self) -> str:
        title = clip(self.class_type, 80)
        if self.display_name != self.class_type:
            title += f" · {clip(self.display_name, 80)}"
        return " · ".join([title, *([clip(self.category, 80)] if self.category else []), *self.marks])

    def _outputs(self) -> str:
        return clip(", ".join(map(_output, self.outputs)), 1000)


def _kind(spec: InputSpec) -> str:
    """The type of an input in the words of a table."""
    if spec.type == DYNAMIC_COMBO:
        return COMBO
    members = [member.link_type for _, member in spec.grown()]
    return f"{members[0]}, several" if members else spec.link_type


def _output(output: OutputSpec) -> str:
    kind = "the type of what is linked" if output.type == MATCH_TYPE else clip(output.type, 60)
    said = kind if output.name == output.type else f"{clip(output.name, 60)}: {kind}"
    said += " (list)" if output.is_list else ""
    return f"{said} ({clip(output.tooltip, 120)})" if output.tooltip else said


def _rows(spec: InputSpec, when: str = "") -> Iterator[tuple[str, ...]]:
    """The row of one input, and those of the inputs that it brings; `when` names the option that does."""
    default = clip(repr(spec.default), 40) if spec.is_widget and spec.default is not None else ""
    marks = [*(["optional"] if not spec.required else []), *(["advanced"] if spec.advanced else [])]
    name = f"{clip(spec.name, 60)} ({', '.join(marks)})" if marks else clip(spec.name, 60)
    help_text = spec.tooltip
    if spec.display_name != spec.name:
        help_text = f"{spec.display_name}: {help_text}" if help_text else spec.display_name
    allowed = "; ".join(part for part in (when, value_range(spec)) if part)
    yield name, clip(_kind(spec), 40), default, allowed, clip(help_text, 200)
    for choice in spec.choices or () if spec.dynamic else ():
        for inner in spec.brings(choice):
            yield from _rows(inner, f"with {clip(str(choice), 40)}")
