"""Which custom node pack a class comes from, when the editor's file says.

The editor saves `properties.cnr_id` (the pack's id in the Comfy registry) or `aux_id` (its GitHub
repository) with each node of a pack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def pack_of(editor: Mapping[str, Any] | None, node_id: str, class_type: str) -> str | None:
    """The pack's name: of the node itself, else of any node of the same class in the file."""
    found: str | None = None
    for node in _nodes(editor or {}):
        if node.get("type") != class_type:
            continue
        properties = node.get("properties")
        if not isinstance(properties, Mapping):
            continue
        name = next((v for k in ("cnr_id", "aux_id") if isinstance(v := properties.get(k), str) and v), None)
        if name and str(node.get("id")) == node_id.rpartition(":")[2]:
            return name
        found = found or name
    return found


def _nodes(editor: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    definitions = editor.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
    for part in [editor, *(subgraphs if isinstance(subgraphs, list) else [])]:
        nodes = part.get("nodes") if isinstance(part, Mapping) else None
        for node in nodes if isinstance(nodes, list) else []:
            if isinstance(node, Mapping):
                yield node
