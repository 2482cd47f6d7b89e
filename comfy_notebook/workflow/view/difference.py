"""What changes from one workflow to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..node import NodeOutput
from ..wire import is_link, same, show, unwrap
from .table import html_table, text_table

if TYPE_CHECKING:
    from ..workflow import Workflow


@dataclass(frozen=True)
class Change:
    """One difference: `kind` is added, removed, class, title or input."""

    kind: str
    node_id: str
    title: str
    input_name: str | None = None
    before: Any = None
    after: Any = None


class Difference(list[Change]):
    """A list of changes, drawn as a table; empty, and so false, when the graphs are equal."""

    _header = ("change", "id", "node", "input", "before", "after")

    def _cells(self) -> Iterator[list[str]]:
        for c in self:
            values = [_text(c.before), _text(c.after)]
            yield [c.kind, c.node_id, c.title, c.input_name or "", *values]

    def __repr__(self) -> str:
        return text_table(self._header, self._cells()) if self else "No differences."

    def _repr_html_(self) -> str:
        return html_table(self._header, self._cells()) if self else "<p>No differences.</p>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"← {value.node_id}.{value.name}" if isinstance(value, NodeOutput) else show(value)


def difference(before: Workflow, after: Workflow) -> Difference:
    """Nodes are matched by id; titles, classes and inputs are compared."""
    old, new = before.graph, after.graph
    changes = Difference()
    for node_id in [*old, *(i for i in new if i not in old)]:
        if node_id not in new:
            changes.append(Change("removed", node_id, before.node(node_id).title))
            continue
        title = after.node(node_id).title
        if node_id not in old:
            changes.append(Change("added", node_id, title))
            continue
        first, second = before.node(node_id), after.node(node_id)
        if first.class_type != second.class_type:
            changes.append(Change("class", node_id, title, None, first.class_type, second.class_type))
        if first.title != second.title:
            changes.append(Change("title", node_id, title, None, first.title, second.title))
        was, now = old[node_id]["inputs"], new[node_id]["inputs"]
        for name in [*was, *(n for n in now if n not in was)]:
            if name in was and name in now and _alike(was[name], now[name]):
                continue
            changes.append(
                Change(
                    "input", node_id, title, name, _read(before, was.get(name)), _read(after, now.get(name))
                )
            )
    return changes


def _alike(was: Any, now: Any) -> bool:
    # 8 and 8.0: which of them a file has is chance, and JavaScript knows no difference.
    numbers = {type(was), type(now)} == {int, float}
    return was == now if numbers else same(was, now)


def _read(workflow: Workflow, value: Any) -> Any:
    return NodeOutput(workflow, value[0], value[1]) if is_link(value) else unwrap(value)
