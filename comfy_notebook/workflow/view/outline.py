"""A workflow in a few lines of text, in either format.

The editor's format is read here only as far as looking at it takes: its nodes, titles and links,
without what the node definitions would tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..order import Graph, reading_order
from ..wire import clean, is_link, show

if TYPE_CHECKING:
    from ..workflow import Workflow

_LONGEST = 60
_NOTES = ("Note", "MarkdownNote")


def outline(workflow: Workflow) -> str:
    """Where it comes from, then the nodes, sources first, with their links and values."""
    graph = graph_of(workflow)
    lines = [heading(workflow, len(graph))]
    order = reading_order(graph)
    titles = {node_id: title_of(workflow, node_id, graph[node_id]) for node_id in order[:_LONGEST]}
    width = min(max((len(node_id) for node_id in titles), default=1), 12)
    for node_id, title in titles.items():
        parts = []
        for name, value in graph[node_id]["inputs"].items():
            if is_link(value):
                parts.append(f"{clean(name)}←{clean(value[0])}")
            else:
                parts.append(f"{clean(name)}={show(value, 30)}")
        lines.append(_fit(f"  {clean(node_id):>{width}}  {title}  {'  '.join(parts)}".rstrip()))
    if len(order) > _LONGEST:
        lines.append(f"  … and {len(order) - _LONGEST} more nodes")
    problems = workflow.problems
    if problems:
        lines.append(
            f"  {len(problems)} problem{'s' * (len(problems) > 1)} found while converting: see .problems"
        )
    return "\n".join(lines)


def heading(workflow: Workflow, count: int) -> str:
    """One line: how many nodes, read from where, in which format."""
    parts = [f"Workflow of {count} node{'' if count == 1 else 's'}"]
    if workflow.source is not None:
        parts.append(str(workflow.source))
    if not workflow.is_converted:
        parts.append("not converted yet (needs the node definitions)")
    elif workflow.edited:
        parts.append("edited since")
    return ", ".join(parts)


def _fit(line: str, width: int = 150) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def graph_of(workflow: Workflow) -> Graph:
    """The nodes to show: the API graph, or what can be told of the editor's document."""
    return workflow.graph if workflow.is_converted else editor_graph(workflow.editor)


def title_of(workflow: Workflow, node_id: str, node: Mapping[str, Any]) -> str:
    """Title and class of a node on one line."""
    class_type = clean(node.get("class_type") or "?")
    if workflow.is_converted:
        title = clean(workflow.node(node_id).title)
    else:
        title = clean((node.get("_meta") or {}).get("title") or "")
    return class_type if title in ("", class_type) else f"{title} [{class_type}]"


def editor_graph(editor: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The editor's top-level nodes as an API-like graph of links; notes are left out."""
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
    names = {}
    definitions = editor.get("definitions")
    for subgraph in _list(definitions.get("subgraphs") if isinstance(definitions, Mapping) else None):
        if isinstance(subgraph, Mapping) and isinstance(subgraph.get("id"), str):
            names[subgraph["id"]] = f"subgraph {subgraph.get('name') or ''}".strip()
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


def editor_outputs(
    editor: Mapping[str, Any] | None, node_id: str, class_type: str | None = None
) -> list[tuple[str | None, str | None]]:
    """Names and types of a node's outputs as the editor saved them, when it has that node at top level."""
    for node in _list((editor or {}).get("nodes")):
        if not isinstance(node, Mapping) or str(node.get("id")) != node_id:
            continue
        if class_type is None or node.get("type") == class_type:
            found: list[tuple[str | None, str | None]] = []
            for out in _list(node.get("outputs")):
                name = out.get("name") if isinstance(out, Mapping) else None
                kind = out.get("type") if isinstance(out, Mapping) else None
                found.append(
                    (name if isinstance(name, str) else None, kind if isinstance(kind, str) else None)
                )
            return found
    return []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
