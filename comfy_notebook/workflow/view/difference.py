"""What changes from one workflow to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..catalog import NodeCatalog
from ..model import Graph, class_of, title_of
from ..values import same, summary
from .table import html_table, text_table

Side = tuple[Graph, NodeCatalog | None, Callable[[Any], Any]]
"""One of the two graphs: its nodes, their definitions, and how a stored value is read."""


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
    return f"← {value.node_id}.{value.name}" if hasattr(value, "node_id") else summary(value)


def difference(before: Side, after: Side) -> Difference:
    """Nodes are matched by id; titles, classes and inputs are compared."""
    (old, old_nodes, read_old), (new, new_nodes, read_new) = before, after
    changes = Difference()
    for node_id in [*old, *(i for i in new if i not in old)]:
        if node_id not in new:
            changes.append(Change("removed", node_id, title_of(old, old_nodes, node_id)))
            continue
        title = title_of(new, new_nodes, node_id)
        if node_id not in old:
            changes.append(Change("added", node_id, title))
            continue
        old_class, new_class = class_of(old, node_id), class_of(new, node_id)
        if old_class != new_class:
            changes.append(Change("class", node_id, title, None, old_class, new_class))
        old_title = title_of(old, old_nodes, node_id)
        if old_title != title:
            changes.append(Change("title", node_id, title, None, old_title, title))
        was, now = old[node_id]["inputs"], new[node_id]["inputs"]
        for name in [*was, *(n for n in now if n not in was)]:
            if name in was and name in now and _equal(was[name], now[name]):
                continue
            values = read_old(was.get(name)), read_new(now.get(name))
            changes.append(Change("input", node_id, title, name, *values))
    return changes


def _equal(was: Any, now: Any) -> bool:
    # A file may have 8 or 8.0 for the same number: JavaScript makes no difference between them.
    numbers = {type(was), type(now)} == {int, float}
    return was == now if numbers else same(was, now)
