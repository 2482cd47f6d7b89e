"""A workflow in a few lines of text."""

from __future__ import annotations

from typing import Any

from ...text import printable
from ..catalog import NodeCatalog
from ..model import Graph, class_of, reading_order, title_of
from ..values import is_link, summary

_MOST_LINES = 60


def outline(graph: Graph, catalog: NodeCatalog | None, heading: str, *, problems: int = 0) -> str:
    """The heading, then the nodes, sources first, with their links and values."""
    lines = [heading]
    order = reading_order(graph)
    titles = {node_id: node_title(graph, catalog, node_id) for node_id in order[:_MOST_LINES]}
    width = min(max((len(node_id) for node_id in titles), default=1), 12)
    for node_id, title in titles.items():
        parts = []
        for name, value in graph[node_id]["inputs"].items():
            if is_link(value):
                parts.append(f"{printable(name)}←{printable(value[0])}")
            else:
                parts.append(f"{printable(name)}={summary(value, 30)}")
        lines.append(_fit(f"  {printable(node_id):>{width}}  {title}  {'  '.join(parts)}".rstrip()))
    if len(order) > _MOST_LINES:
        lines.append(f"  … and {len(order) - _MOST_LINES} more nodes")
    if problems:
        lines.append(f"  {problems} problem{'s' * (problems > 1)} found while converting: see .problems")
    return "\n".join(lines)


def heading(count: int, source: Any, state: str) -> str:
    """One line: how many nodes, read from where, in which state."""
    parts = [f"Workflow of {count} node{'' if count == 1 else 's'}"]
    parts += [str(source)] if source is not None else []
    return ", ".join([*parts, *([state] if state else [])])


def node_title(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> str:
    """Title and class of a node on one line."""
    class_type = printable(class_of(graph, node_id) or "?")
    title = printable(title_of(graph, catalog, node_id))
    return class_type if title in ("", class_type) else f"{title} [{class_type}]"


def _fit(line: str, width: int = 150) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
