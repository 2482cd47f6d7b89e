"""Reading one node of a graph in the API's format: `{"class_type", "inputs", "_meta"}`."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping


def node_class(node: object) -> str | None:
    """The node's class, such as "KSampler"; None when it has none that is text."""
    found = node.get("class_type") if isinstance(node, Mapping) else None
    return found if isinstance(found, str) and found else None


def node_title(node: object) -> str | None:
    """The title in the node's `_meta`; None when it has none that is text."""
    meta = node.get("_meta") if isinstance(node, Mapping) else None
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) and title else None


def visible_node(node_id: str, graph: Container[str], display: str | None = None) -> str:
    """The node of the submitted graph that a reported node belongs to; `node_id` when there is none.

    A node that expands while running reports nodes such as "2.0.0.1", which belong to node 2, and nodes
    of a subgraph are called "12:5". `display` is the server's `display_node`, when it gives one.
    Source: the `expanded` recording of ComfyUI 0.33.
    """
    for known in (display, node_id):
        if known is not None and known in graph:
            return known
    end = len(node_id)
    while (end := max(node_id.rfind(".", 0, end), node_id.rfind(":", 0, end))) > 0:
        if node_id[:end] in graph:
            return node_id[:end]
    return display or node_id


def node_order(node_id: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that orders node ids by their numbers: "2" before "10", "2.0.0.9" before "2.0.0.10"."""
    parts = re.split(r"[.:]", node_id)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
