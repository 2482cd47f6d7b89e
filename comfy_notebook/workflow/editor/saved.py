"""What an editor file says without node definitions: its nodes, their outputs and links, their node packs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NOTES = ("Note", "MarkdownNote")


def saved_graph(editor: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The top-level nodes as an API-like graph that holds links only; notes are left out."""
    editor = editor or {}
    origins: dict[Any, tuple[str, int]] = {}
    for link in _list(editor.get("links")):
        try:
            if isinstance(link, Mapping):
                origins[link["id"]] = (str(link["origin_id"]), int(link["origin_slot"]))
            else:
                origins[link[0]] = (str(link[1]), int(link[2]))
        except (KeyError, IndexError, TypeError, ValueError):
            continue
    names = _subgraph_names(editor)
    graph: dict[str, dict[str, Any]] = {}
    for node in _list(editor.get("nodes")):
        if not isinstance(node, Mapping) or "id" not in node or node.get("type") in _NOTES:
            continue
        inputs: dict[str, Any] = {}
        for socket in _list(node.get("inputs")):
            link_id = socket.get("link") if isinstance(socket, Mapping) else None
            if isinstance(link_id, (int, str)) and link_id in origins:
                inputs[str(socket.get("name"))] = list(origins[link_id])
        kind = str(node.get("type") or "")
        meta = {"title": node["title"]} if isinstance(node.get("title"), str) else {}
        graph[str(node["id"])] = {"inputs": inputs, "class_type": names.get(kind, kind), "_meta": meta}
    return graph


def saved_outputs(
    editor: Mapping[str, Any] | None, node_id: str, class_type: str
) -> list[tuple[str | None, str | None]]:
    """Names and types of a top-level node's outputs, when the file has that node with that class."""
    for node in _list((editor or {}).get("nodes")):
        if not isinstance(node, Mapping) or str(node.get("id")) != node_id:
            continue
        kind = str(node.get("type") or "")
        if class_type in (kind, _subgraph_names(editor or {}).get(kind)):
            return [
                (_text(out.get("name")), _text(out.get("type"))) if isinstance(out, Mapping) else (None, None)
                for out in _list(node.get("outputs"))
            ]
    return []


def pack_of(editor: Mapping[str, Any] | None, node_id: str, class_type: str) -> str | None:
    """The node pack of a class: as this node names it, else as any node of the same class does.

    The editor saves `properties.cnr_id` (the pack's id in the Comfy registry) or `aux_id` (its GitHub
    repository) with each node of a pack.
    """
    found: str | None = None
    for node in _every_node(editor or {}):
        if node.get("type") != class_type:
            continue
        properties = node.get("properties")
        if not isinstance(properties, Mapping):
            continue
        name = next((v for k in ("cnr_id", "aux_id") if (v := _text(properties.get(k)))), None)
        if name and str(node.get("id")) == node_id.rpartition(":")[2]:
            return name
        found = found or name
    return found


def _every_node(editor: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in (editor, *_subgraphs(editor)):
        for node in _list(part.get("nodes")):
            if isinstance(node, Mapping):
                yield node


def _subgraphs(editor: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    definitions = editor.get("definitions")
    listed = _list(definitions.get("subgraphs") if isinstance(definitions, Mapping) else None)
    return [subgraph for subgraph in listed if isinstance(subgraph, Mapping)]


def _subgraph_names(editor: Mapping[str, Any]) -> dict[str, str]:
    """How an instance of each subgraph is named in a drawing, by the definition's id."""
    return {
        subgraph["id"]: f"subgraph {subgraph.get('name') or ''}".strip()
        for subgraph in _subgraphs(editor)
        if isinstance(subgraph.get("id"), str)
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
