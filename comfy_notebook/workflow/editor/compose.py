"""Makes a document of the editor's format from a graph: nodes in columns, links, and values in saved order.

The layout of each class is the converter's own (`plans`, `dynamic`), and what was made is converted back
and compared, so a document that would lose something is never handed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ConversionError, Problem
from ...protocol.graph import node_class, node_title
from ..catalog import NodeCatalog
from ..values import as_link, unwrap
from .dynamic import dynamic_sockets
from .graph import Node
from .javascript import NOTHING
from .plans import Plan, Plans, Slot, Socket
from .values import dynamic_values

_WIDTH, _COLUMN, _GAP = 315, 400, 50
_LINE, _TEXT_HEIGHT, _HEAD = 24, 130, 40
_CONTROLS = {"control_after_generate": "fixed", "control_filter_list": "", "upload": "image"}
Graph = Mapping[str, Mapping[str, Any]]


def composed(graph: Graph, layers: Mapping[str, int], catalog: NodeCatalog) -> dict[str, Any]:
    """The document. `layers` is the column of each node. Raises `ConversionError` for unknown classes."""
    plans = Plans(catalog)
    unknown = [
        Problem(
            "The server's definitions lack this class, so its layout is not known.",
            node_id=node_id, node_title=node_title(node), class_type=node_class(node),
            kind="missing_node_type",
        )
        for node_id, node in graph.items() if plans.get(node_class(node) or "") is None
    ]  # fmt: skip
    if unknown:
        raise ConversionError("The graph cannot be laid out as the editor does.", problems=unknown)
    made = _Document(graph, layers)
    for node_id in graph:
        plan = plans.get(node_class(graph[node_id]) or "")
        assert plan is not None
        made.add(node_id, plan)
    return made.finished()


class _Document:
    def __init__(self, graph: Graph, layers: Mapping[str, int]) -> None:
        self._graph = graph
        self._layers = layers
        self._nodes: dict[str, dict[str, Any]] = {}
        self._links: list[list[Any]] = []
        self._bottoms: dict[int, int] = {}

    def add(self, node_id: str, plan: Plan) -> None:
        node = self._graph[node_id]
        inputs: Mapping[str, Any] = node.get("inputs", {})
        values = {
            name: unwrap(value) for name, value in inputs.items() if as_link(value, self._graph) is None
        }
        slots, sockets = _laid_out(node_id, plan, inputs, values)
        widgets = [_saved(slot, values, plan) for slot in slots]
        layer = self._layers[node_id]
        lines = max(len(plan.outputs), sum(socket.widget is None for socket in sockets)) + len(slots)
        height = _HEAD + _LINE * lines + _TEXT_HEIGHT * sum(slot.coerce == "text" for slot in slots)
        top = self._bottoms.get(layer, 0)
        self._bottoms[layer] = top + height + _GAP
        title = node_title(node)
        self._nodes[node_id] = {
            "id": _id(node_id),
            "type": plan.info.class_type,
            "pos": [layer * _COLUMN, top],
            "size": [_WIDTH, height],
            "flags": {},
            "order": len(self._nodes),
            "mode": 0,
            "inputs": [self._input(node_id, at, socket, inputs) for at, socket in enumerate(sockets)],
            "outputs": [
                {"name": output.name, "type": output.type, "slot_index": at, "links": []}
                for at, output in enumerate(plan.info.outputs)
            ],
            **({"title": title} if title and title != plan.info.display_name else {}),
            "properties": {"Node name for S&R": plan.info.class_type},
            "widgets_values": widgets,
        }

    def _input(self, node_id: str, at: int, socket: Socket, inputs: Mapping[str, Any]) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": socket.name, "type": socket.type, "link": None}
        if socket.widget is not None:
            entry["widget"] = {"name": socket.widget}
        source = as_link(inputs.get(socket.name), self._graph)
        if source is not None:
            entry["link"] = len(self._links) + 1
            self._links.append([entry["link"], source[0], source[1], _id(node_id), at, socket.type])
        return entry

    def finished(self) -> dict[str, Any]:
        for link in self._links:
            outputs = self._nodes[link[1]]["outputs"]
            if link[2] < len(outputs):
                outputs[link[2]]["links"].append(link[0])
                link[5] = outputs[link[2]]["type"]
            link[1] = _id(link[1])
        numbers = [node["id"] for node in self._nodes.values() if isinstance(node["id"], int)]
        return {
            "last_node_id": max(numbers, default=0),
            "last_link_id": len(self._links),
            "nodes": list(self._nodes.values()),
            "links": self._links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }


def _laid_out(
    node_id: str, plan: Plan, inputs: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Sequence[Slot], Sequence[Socket]]:
    """The saved values of a node in their order, and its sockets."""
    if not plan.dynamic:
        return plan.slots, plan.sockets
    raw = {"inputs": [{"name": name, "link": 0 if name not in values else None} for name in inputs]}
    node = Node(node_id, plan.info.class_type, raw, plan=plan)
    node.values, slots = dynamic_values(node, plan, dict(values))
    return slots, dynamic_sockets(node, plan)


def _saved(slot: Slot, values: Mapping[str, Any], plan: Plan) -> Any:
    if not slot.exported:
        return _CONTROLS.get(slot.name)
    value = values.get(slot.name, slot.default)
    if plan.hooks.get(slot.name) == "prompt" and isinstance(value, str):
        # The editor draws a branch of {a|b} when it exports; escaped, the text stays as it is.
        for char in "{}|":
            value = value.replace(char, f"\\{char}")
    return None if value is NOTHING else value


def _id(node_id: str) -> int | str:
    """Numbers as numbers, as the editor has them; other ids as they are."""
    is_number = node_id.isascii() and node_id.isdecimal() and str(int(node_id[:18])) == node_id
    return int(node_id) if is_number else node_id
