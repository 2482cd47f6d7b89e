"""Reading one node of a graph in the API's format: `{"class_type", "inputs", "_meta"}`."""

from __future__ import annotations

from collections.abc import Mapping


def node_class(node: object) -> str | None:
    """The node's class, such as "KSampler"; None when it has none that is text."""
    found = node.get("class_type") if isinstance(node, Mapping) else None
    return found if isinstance(found, str) and found else None


def node_title(node: object) -> str | None:
    """The title in the node's `_meta`; None when it has none that is text."""
    meta = node.get("_meta") if isinstance(node, Mapping) else None
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) and title else None
