"""Reads one graph of a file: its nodes, laid out by their classes, and its table of links.

The link table decides where a link comes from, the target's input whether there is one. What is malformed
is reported as a problem and left out; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .dynamic import dynamic_sockets
from .graph import (
    BYPASSED,
    INPUT_SIDE,
    MUTED,
    OUTPUT_SIDE,
    REROUTE,
    VIRTUAL,
    Boundary,
    Graph,
    Link,
    Node,
    Path,
    ProblemLog,
)
from .javascript import id_key, slot_number, type_name
from .packs import BROWSER_ONLY
from .plans import Plan, Plans, Socket
from .values import load_unknown, load_values, rename_sampler

#: Classes renamed long ago; the editor still loads files that use the old name.
_RENAMED = {
    "T2IAdapterLoader": "ControlNetLoader",
    "ConditioningAverage ": "ConditioningAverage",
    "SDV_img2vid_Conditioning": "SVD_img2vid_Conditioning",
}


def read_graph(
    data: Mapping[str, Any],
    plans: Plans,
    nested: frozenset[str] | set[str],
    problems: ProblemLog,
    path: Path = (),
) -> Graph:
    """The root graph or a definition's inside; nodes whose type is in `nested` get sockets later.

    `path` leads to `data` in the document.
    """
    name = data.get("name")
    graph = Graph(id_key(data.get("id")) or "", name if isinstance(name, str) else "")
    graph.links = {link.id: link for link in _links(data.get("links"), graph, problems)}
    for node in _nodes(data.get("nodes"), (*path, "nodes"), problems):
        if node.id in graph.nodes:
            graph.repeated.add(node.id)
            problems.add(
                "duplicate_node_id", "Two nodes have this id: only the later one is converted.", node
            )
        load_node(node, plans, nested, problems)
        graph.nodes[node.id] = node
    graph.inputs = _boundary(data.get("inputs"), graph, inputs=True)
    graph.outputs = _boundary(data.get("outputs"), graph, inputs=False)
    return graph


def load_node(node: Node, plans: Plans, nested: frozenset[str] | set[str], problems: ProblemLog) -> None:
    """Give a node its plan, values, sockets and links, by what kind of node its type makes it."""
    if node.type in nested:
        return
    if node.type in VIRTUAL:
        _load_sockets_of_file(node)
        if node.type == REROUTE and not node.sockets:
            node.sockets, node.links = [Socket("", "*")], [None]
        return
    plan = plans.get(node.type)
    if plan is None and node.type in _RENAMED and (plan := plans.get(_RENAMED[node.type])):
        node.type = _RENAMED[node.type]
    if plan is None:
        _load_sockets_of_file(node)
        node.browser = node.type in BROWSER_ONLY
        if not node.browser:
            load_unknown(node)
        return
    node.plan = plan
    load_values(node, plan, problems)
    rename_sampler(node)
    _load_sockets(node, plan, problems)


def repair_links(graph: Graph) -> None:
    """Restore links that the table and the origin list but the target does not, as 1.58.1 does."""
    listed: dict[tuple[str, int | None], set[str | None]] = {}
    found: list[tuple[Node, int, str]] = []
    slots: dict[str, dict[str, int]] = {}
    for link in graph.links.values():
        target, origin = graph.nodes.get(link.target), graph.nodes.get(link.origin)
        if (
            target is None
            or origin is None
            or link.target_slot is None
            or target.arrival(link.id) is not None
        ):
            continue
        entry = _entry(target.raw.get("inputs"), link.target_slot)
        output = _entry(origin.raw.get("outputs"), link.origin_slot)
        if output is None or (entry is not None and id_key(entry.get("link")) in graph.links):
            continue
        key = (link.origin, link.origin_slot)
        if key not in listed:
            ids = output.get("links")
            listed[key] = set(map(id_key, ids)) if isinstance(ids, list) else set()
        if target.id not in slots:
            slots[target.id] = {socket.name: at for at, socket in enumerate(target.sockets)}
        name = entry.get("name") if entry is not None else None
        slot = slots[target.id].get(name) if isinstance(name, str) else None
        if not target.raw.get("inputs") and target.id not in graph.repeated:
            slot = link.target_slot if link.target_slot < len(target.sockets) else None
        if slot is not None and target.links[slot] not in graph.links and link.id in listed[key]:
            found.append((target, slot, link.id))
    for target, slot, link_id in found:
        target.connect(slot, link_id)


def _entry(slots: Any, index: int | None) -> dict[str, Any] | None:
    if (
        isinstance(slots, list)
        and index is not None
        and index < len(slots)
        and isinstance(slot := slots[index], dict)
    ):
        return slot
    return None


def _nodes(listed: Any, path: Path, problems: ProblemLog) -> Iterable[Node]:
    unnamed = 0
    for at, raw in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(raw, dict):
            problems.add("invalid_node", "One entry of the file's nodes is not a node and is left out.")
            continue
        key = id_key(raw.get("id"))
        node_type = raw.get("type")
        if key is None:
            unnamed += 1
            key = f"unnamed-{unnamed}"
            problems.add(
                "missing_node_id", f"A node of type {node_type!r:.60} has no id: nothing can link to it."
            )
        if not isinstance(node_type, str) or not node_type:
            problems.add("invalid_node", "The node has no type and is left out.", Node(key, "", raw))
            continue
        mode = raw.get("mode")
        mode = int(mode) if type(mode) in (int, float) and mode in (MUTED, BYPASSED) else 0
        yield Node(key, node_type, raw, (*path, at), mode)


def _links(listed: Any, graph: Graph, problems: ProblemLog) -> Iterable[Link]:
    if isinstance(listed, dict):
        listed = list(listed.values())
    for raw in listed if isinstance(listed, list) else ():
        if isinstance(raw, list) and len(raw) >= 5:
            key, origin, origin_slot, target, target_slot = raw[:5]
        elif isinstance(raw, dict):
            key, origin, target = raw.get("id"), raw.get("origin_id"), raw.get("target_id")
            origin_slot, target_slot = raw.get("origin_slot"), raw.get("target_slot")
        else:
            key = None
        ids = (id_key(key), id_key(origin), id_key(target)) if key is not None else (None, None, None)
        if ids[0] is None or ids[1] is None or ids[2] is None:
            problems.add(
                "invalid_link", f"An entry of the file's links is not a link: {raw!r:.80}", severity="warning"
            )
            continue
        yield Link(ids[0], ids[1], slot_number(origin_slot), ids[2], slot_number(target_slot))


def _boundary(listed: Any, graph: Graph, *, inputs: bool) -> list[Boundary]:
    """The inputs or outputs of a definition; a slot that lists no links has those that name it."""
    slots: list[Boundary] = []
    if not isinstance(listed, list):
        return slots
    crossing: dict[int | None, list[str]] = {}
    for link in graph.links.values():
        if inputs and link.origin == INPUT_SIDE:
            crossing.setdefault(link.origin_slot, []).append(link.id)
        elif not inputs and link.target == OUTPUT_SIDE:
            crossing.setdefault(link.target_slot, []).append(link.id)
    for index, raw in enumerate(listed):
        entry = raw if isinstance(raw, dict) else {}
        ids = entry.get("linkIds")
        if isinstance(ids, list):
            links = [key for key in map(id_key, ids) if key is not None]
        else:
            links = crossing.get(index, [])
        name = entry.get("name")
        slots.append(Boundary(name if isinstance(name, str) else "", type_name(entry.get("type")), links))
    return slots


def file_inputs(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The input entries a node has in the file, malformed ones left out."""
    listed = raw.get("inputs")
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def output_types(raw: Mapping[str, Any]) -> list[str]:
    """The output types a node has in the file."""
    listed = raw.get("outputs")
    if not isinstance(listed, list):
        return []
    return [type_name(entry.get("type")) if isinstance(entry, dict) else "" for entry in listed]


def marker(entry: Mapping[str, Any]) -> str | None:
    """Which widget an input of the file says it stands for."""
    widget = entry.get("widget")
    name = widget.get("name") if isinstance(widget, dict) else None
    return name if isinstance(name, str) else None


def _load_sockets_of_file(node: Node) -> None:
    for entry in file_inputs(node.raw):
        name = entry.get("name")
        name = name if isinstance(name, str) else ""
        node.sockets.append(Socket(name, type_name(entry.get("type")), marker(entry)))
        node.links.append(id_key(entry.get("link")))
    node.outputs = output_types(node.raw)


def _load_sockets(node: Node, plan: Plan, problems: ProblemLog) -> None:
    """Give a node its sockets in definition order with links by name, then those only the file has."""
    if plan.dynamic:
        node.sockets = dynamic_sockets(node, plan)
        index: Mapping[str, int] = {socket.name: i for i, socket in enumerate(node.sockets)}
    else:
        node.sockets = list(plan.sockets)
        index = plan.index
    node.links = [None] * len(node.sockets)
    extras: dict[str, dict[str, Any]] = {}
    for entry in file_inputs(node.raw):
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        at = index.get(name)
        if at is None:
            extras[name] = entry
        else:
            link = entry.get("link")
            node.links[at] = str(link) if type(link) is int else id_key(link)
    for name, entry in extras.items():
        widget, link = marker(entry), id_key(entry.get("link"))
        if (
            widget is not None
            and not any(slot.name == widget for slot in plan.slots)
            and widget not in node.values
        ):
            if link is not None:
                problems.add(
                    "missing_input",
                    f"The class no longer has an input {name!r}: the link into it is dropped.",
                    node,
                    input_name=name,
                )
            continue
        node.sockets.append(Socket(name, type_name(entry.get("type")), widget))
        node.links.append(link)
    node.outputs = list(plan.outputs)
    listed = node.raw.get("outputs")
    if isinstance(listed, list) and len(listed) > len(node.outputs):
        node.outputs += output_types(node.raw)[len(node.outputs) :]
