"""Instances of subgraph definitions: their sockets, and the inner widgets they show with their values.

An instance's sockets are the definition's, with the file's links matched by name. An input whose inner
link reaches a widget is a promoted widget: the instance holds its value and hands it down as it is.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .graph import PRIMITIVE, Graph, Node, ProblemLog, Promotion, Source
from .javascript import NOTHING, id_key
from .plans import Socket
from .reading import file_inputs
from .values import value_source

_MOST_LISTED = 1000
_NESTED = re.compile(r"^(?:\s*\d+\s*:\s*)+(?=\S)")


def lay_out_instance(node: Node, graph: Graph) -> None:
    """Give an instance the sockets and outputs of its definition, and the file's links by name."""
    links = {
        entry["name"]: id_key(entry.get("link"))
        for entry in file_inputs(node.raw)
        if isinstance(entry.get("name"), str)
    }
    node.graph = graph
    node.lay_out(
        [Socket(slot.name, slot.type, slot.name) for slot in graph.inputs],
        [links.get(slot.name) for slot in graph.inputs],
        [slot.type for slot in graph.outputs],
    )


def promote(node: Node, problems: ProblemLog) -> None:
    """Find the widgets an instance shows, and give them the instance's saved values.

    Values are saved by position, one for each promoted widget whether linked or not. Files of frontends
    1.28 and later list the widgets in `proxyWidgets`; then values go by that list, and a listed widget
    that no input reaches is overridden inside this instance alone.
    """
    graph = node.graph
    assert graph is not None
    node.promoted = [_promotion(graph, index) for index in range(len(graph.inputs))]
    saved, named = node.raw.get("widgets_values"), node.raw.get("widgets_values_named")
    shown = [p for p in node.promoted if p is not None]
    listed = _listed(node.properties.get("proxyWidgets"))
    if listed:
        for promotion in shown:
            target = graph.nodes[promotion.target[0]]
            promotion.source = promotion.source or value_source(target, promotion.target[1])
        _by_proxy(node, listed, saved if isinstance(saved, list) else [], problems)
    elif isinstance(named, dict) and not (isinstance(saved, list) and len(saved) == len(shown)):
        for promotion in shown:
            promotion.source = Source((*node.path, "widgets_values_named", promotion.name))
            promotion.value = named.get(promotion.name, promotion.value)
    else:
        _by_position(node, shown, saved)
    node.values = {p.name: p.value for p in shown if p.value is not NOTHING}


def _by_position(node: Node, shown: list[Promotion], saved: Any) -> None:
    """Give promoted widgets the values of a saved list; those it is too short for keep the inner value."""
    values = saved if isinstance(saved, list) else []
    inner = [promotion.value for promotion in shown]
    for at, promotion in enumerate(shown):
        if at < len(values):
            promotion.value = values[at]
        promotion.source = Source((*node.path, "widgets_values", at), tuple(inner[len(values) : at]))


def _promotion(graph: Graph, index: int) -> Promotion | None:
    """The first inner widget that one input of the definition reaches."""
    for link_id in graph.inputs[index].links:
        link = graph.links.get(link_id)
        target = graph.nodes.get(link.target) if link else None
        slot = target.socket_of(link) if target and link else None
        if target is None or slot is None:
            continue
        name = graph.inputs[index].name
        if target.instance:
            inner = target.promoted[slot] if slot < len(target.promoted) else None
            if inner is not None:
                place = target.id, target.sockets[slot].name
                return Promotion(name, inner.value, inner.spec, place, inner.source)
            continue
        widget = target.sockets[slot].widget
        if widget is None or (target.virtual and target.type != PRIMITIVE):
            continue
        spec = target.plan.spec_of(widget) if target.plan else None
        return Promotion(name, target.values.get(widget, NOTHING), spec, (target.id, widget))
    return None


def _listed(value: Any) -> list[Any]:
    """The `proxyWidgets` of an instance; the first editors that had them saved them as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return value if isinstance(value, list) else []


def _by_proxy(node: Node, listed: list[Any], saved: list[Any], problems: ProblemLog) -> None:
    by_name = {p.name: p for p in node.promoted if p}
    by_target = {p.target: p for p in node.promoted[::-1] if p}
    for at, entry in enumerate(listed[:_MOST_LISTED]):
        if not isinstance(entry, list) or len(entry) < 2 or not isinstance(entry[1], str):
            continue
        value = saved[at] if at < len(saved) else None
        source = Source((*node.path, "widgets_values", at), (None,) * (at - len(saved)))
        inner_id, widget = id_key(entry[0]), entry[1]
        if inner_id is None or widget.startswith("$$"):
            continue
        # Editors of late 2025 wrote a nested widget as "5: width", 5 being the node inside the instance.
        widget = widget if (inner_id, widget) in by_target else _NESTED.sub("", widget) or widget
        promotion = by_name.get(widget) if inner_id == "-1" else by_target.get((inner_id, widget))
        if promotion is not None:
            promotion.source = source
            promotion.value = promotion.value if value is None else value
        elif value is not None and not _override(node, inner_id, widget, (value, source)):
            problems.add(
                "missing_input",
                f"The subgraph shows a widget {widget!r} of its inner node {inner_id}, which is not there.",
                node,
                input_name=widget,
                severity="warning",
            )


def _override(node: Node, inner_id: str, widget: str, value: tuple[Any, Source]) -> bool:
    """Set an inner widget for this instance alone; False when there is no such widget."""
    inner = node.graph.nodes.get(inner_id) if node.graph else None
    if inner is None:
        return inner_id == "-1"
    if inner.instance:
        names = [p.name for p in inner.promoted if p and widget in (p.name, p.target[1])]
        if names:
            node.overrides[(inner_id, names[0])] = value
        return bool(names)
    if inner.type == PRIMITIVE and node.graph is not None:
        for link in node.graph.links.values():
            target = node.graph.nodes.get(link.target) if link.origin == inner_id else None
            slot = target.socket_of(link) if target else None
            if target is not None and slot is not None and (name := target.sockets[slot].widget):
                node.overrides[(target.id, name)] = value
        return True
    if widget not in inner.values and (inner.plan is None or inner.plan.spec_of(widget) is None):
        return False
    node.overrides[(inner_id, widget)] = value
    return True
