"""Links of the "Use Everywhere" pack, which its nodes make each time the editor queues a workflow.

The file holds the latest of them in `extra.ue_links`: `{upstream, upstream_slot, downstream,
downstream_slot, controller, type}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..specs import types_accept
from .graph import BYPASSED, MUTED, Graph, Link, Node, ProblemLog
from .javascript import id_key, slot_number
from .packs import EVERYWHERE
from .reading import file_inputs


def add_everywhere_links(graph: Graph, data: Mapping[str, Any], problems: ProblemLog) -> None:
    """Add a graph's saved links to inputs that are open; report nodes whose links the file does not hold.

    Links into inputs that only old versions of the pack's nodes have (`MODEL`) are cut, as it does itself.
    """
    senders = [node for node in graph.nodes.values() if node.type in EVERYWHERE]
    extra = data.get("extra")
    saved = extra.get("ue_links") if isinstance(extra, dict) else None
    links = [entry for entry in saved if isinstance(entry, dict)] if isinstance(saved, list) else []
    for number, entry in enumerate(links):
        _add(graph, f"ue:{number}", entry, problems)
    for node in senders:
        sends = any(link is not None for link in node.links) and node.mode not in (MUTED, BYPASSED)
        kept = [
            link if socket.name.startswith("anything") else None
            for socket, link in zip(node.sockets, node.links, strict=True)
        ]
        node.lay_out(node.sockets, kept, node.outputs)
        if sends and not isinstance(saved, list):
            problems.add(
                "unsupported_extension",
                "It makes links each time the editor queues, and this file does not hold them: save it again"
                " from an editor with a current version of 'Use Everywhere', or make real links there.",
                node,
                severity="warning",
            )


def _add(graph: Graph, key: str, entry: Mapping[str, Any], problems: ProblemLog) -> None:
    """Add one saved link, unless its input is taken or the graph has changed since."""
    origin, target = (graph.nodes.get(id_key(entry.get(end)) or "") for end in ("upstream", "downstream"))
    slot, output = slot_number(entry.get("downstream_slot")), slot_number(entry.get("upstream_slot"))
    controller = graph.nodes.get(id_key(entry.get("controller")) or "")
    if controller is not None and controller.mode in (MUTED, BYPASSED):
        return
    at = None if target is None or slot is None else _socket(target, slot)
    if origin is None or target is None or output is None or at is None:
        problems.add(
            "invalid_link",
            f"A link saved by 'Use Everywhere' does not fit the graph any more: {dict(entry)!r:.120}",
            severity="warning",
        )
        return
    if target.links[at] in graph.links:
        return
    given = origin.outputs[output] if output < len(origin.outputs) else ""
    if not types_accept(target.sockets[at].type, given):
        problems.add(
            "invalid_link",
            f"A link saved by 'Use Everywhere' brings {given}, but the input takes {target.sockets[at].type}:"
            " it is left out.",
            target,
            input_name=target.sockets[at].name,
            severity="warning",
        )
        return
    graph.links[key] = Link(key, origin.id, output, target.id, at)
    target.connect(at, key)


def _socket(target: Node, slot: int) -> int | None:
    """The socket that a slot number of the file means: the one of that name, else of that number."""
    listed = file_inputs(target.raw)
    if slot < len(listed):
        name = listed[slot].get("name")
        return next((at for at, socket in enumerate(target.sockets) if socket.name == name), None)
    return slot if slot < len(target.sockets) else None
