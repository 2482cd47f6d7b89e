"""PrimitiveNode: a node of the editor's that exists to write one value into other nodes' widgets.

Its value is fitted to the first widget it feeds, narrowed by the others, and each target then fits it to
itself; muting or bypassing it changes nothing. It reaches direct targets only, never through a Reroute.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..specs import WIDGET_TYPES, InputSpec
from .graph import PRIMITIVE, Graph, Link, Node, Source
from .javascript import NOTHING, id_key, number, rounded, text
from .plans import Slot
from .texts import Names
from .values import coerced, value_source

_REPLACE = "Run widget replace on values"
_NOT_COMPARED = {
    *("default", "forceInput", "defaultInput", "control_after_generate", "multiline", "tooltip"),
    *("dynamicPrompts", "min", "max", "step"),
}


def apply_primitives(graph: Graph, names: Names) -> None:
    """Write the value of every PrimitiveNode of a graph into the widgets it is linked to."""
    primitives = [node for node in graph.nodes.values() if node.type == PRIMITIVE]
    if not primitives:
        return
    by_origin: dict[str, list[Link]] = {}
    for link in graph.links.values():
        by_origin.setdefault(link.origin, []).append(link)
    for node in primitives:
        targets = [
            (t, s) for link in _in_order(node, by_origin.get(node.id, [])) for t, s in _target(graph, link)
        ]
        if not targets:
            continue
        value = _value(node, targets)
        if value is NOTHING:
            continue
        if value and isinstance(value, str) and node.properties.get(_REPLACE):
            value = names.fill(value)
        source = value_source(node, "value")
        for target, slot in targets:
            _write(target, slot, value, source)


def _in_order(node: Node, links: list[Link]) -> list[Link]:
    """The links of its output as the file lists them, then those only the table knows."""
    outputs = node.raw.get("outputs")
    if outputs == []:
        return []
    first = outputs[0] if isinstance(outputs, list) and outputs and isinstance(outputs[0], dict) else {}
    listed = first.get("links")
    order = {id_key(key): at for at, key in enumerate(listed)} if isinstance(listed, list) else {}
    return sorted(links, key=lambda link: order.get(link.id, len(order)))


def _target(graph: Graph, link: Link) -> list[tuple[Node, int]]:
    target = graph.nodes.get(link.target)
    slot = target.arrival(link.id) if target else None
    return [] if target is None or slot is None else [(target, slot)]


def _spec(target: Node, slot: int) -> InputSpec | None:
    """What the widget behind a socket declares; a plain socket of a widget's type declares that type."""
    socket = target.sockets[slot]
    if target.instance:
        promotion = target.promoted[slot] if slot < len(target.promoted) else None
        return promotion.spec if promotion else None
    if target.group:
        inner = _shown(target, socket.name)
        return inner[0].plan.spec_of(inner[1]) if inner and inner[0].plan else None
    if socket.widget is None:
        return InputSpec(socket.name, socket.type) if socket.type in WIDGET_TYPES else None
    return target.plan.spec_of(socket.widget) if target.plan else None


def _shown(group: Node, name: str) -> tuple[Node, str] | None:
    """The inner node and widget that one input of a group node stands for."""
    place = group.shows.get(name)
    inner = group.graph.nodes.get(place[0]) if group.graph and place else None
    return (inner, place[1]) if inner and place else None


def _current(target: Node, slot: int) -> Any:
    widget = target.sockets[slot].widget
    return target.values.get(widget, NOTHING) if widget is not None else NOTHING


def _value(node: Node, targets: list[tuple[Node, int]]) -> Any:
    saved = node.raw.get("widgets_values")
    value = saved[0] if isinstance(saved, list) and saved else _current(*targets[0])
    spec = _spec(*targets[0])
    if spec is None or value is NOTHING:
        return value
    if spec.widget_type == "STRING" and spec.multiline:
        return text(value)
    if spec.widget_type not in ("INT", "FLOAT"):
        return value
    least, most, step = -math.inf, math.inf, 0.0
    for target, slot in targets:
        other = _spec(target, slot)
        if other is None or target.sockets[slot].widget is None or not _same_kind(spec, other):
            continue
        low = max(least, _or(other.min, -math.inf))
        high = min(most, _or(other.max, math.inf))
        if low > high:
            continue
        least, most = low, high
        step = _or(other.step, 1) if not step else _common(step, _or(other.step, 1))
        value = least if number(value) < least else most if number(value) > most else value
        value = _fitted(value, spec, least, most, step)
    return value


def _same_kind(one: InputSpec, other: InputSpec) -> bool:
    if one.widget_type != other.widget_type:
        return False
    keys = {*one.options, *other.options} - _NOT_COMPARED
    return all(one.options.get(key) == other.options.get(key) for key in keys)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _common(one: float, other: float) -> float:
    """The least common multiple of two steps, fractions included."""
    a, b = one, other
    for _ in range(1000):
        if not b:
            break
        a, b = b, math.fmod(a, b)
    return abs(one * other) / a if a else one


def _fitted(value: Any, spec: InputSpec, least: float, most: float, step: float) -> Any:
    """The value as a number widget stores it; a value beyond the range of numbers stays as it is."""
    try:
        return _arithmetic(value, spec, least, most, step)
    except (ArithmeticError, ValueError):
        return value


def _arithmetic(value: Any, spec: InputSpec, least: float, most: float, step: float) -> Any:
    """Whole steps for INT (counted from its minimum), decimals and range for FLOAT."""
    given = number(value)
    if math.isnan(given):
        return math.nan
    if not math.isfinite(given):
        return value
    if spec.widget_type == "INT":
        step = step or 1
        if step == 1:
            return rounded(given)
        offset = math.fmod(least, step) if math.isfinite(least) else 0
        return rounded((given - offset) / step) * step + offset
    decimals = max(0, -math.floor(math.log10(step))) if step > 0 else 0
    rounding = spec.round or (10.0**-decimals if decimals else 0)
    if not rounding or rounding < 0:
        return value
    whole = Decimal(rounded(float(given) / rounding) * rounding)
    # `toFixed`: half away from zero, on the number's exact value (7.25 is 7.3), unlike Python's round.
    exact = float(whole.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    return min(max(exact, least), most)


def _write(target: Node, slot: int, value: Any, source: Source | None) -> None:
    """Set the widget behind one socket, which fits the value to its own declaration."""
    widget = target.sockets[slot].widget
    spec = _spec(target, slot)
    if target.instance:
        promotion = target.promoted[slot] if slot < len(target.promoted) else None
        if promotion is not None:
            promotion.value = target.values[promotion.name] = value
            promotion.source = source
        return
    if widget is None or (widget not in target.values and spec is None):
        return
    if spec is not None and spec.widget_type in ("INT", "FLOAT"):
        whole = spec.widget_type == "INT"
        value = _fitted(
            value, spec, _or(spec.min, 0), _or(spec.max, 2048), _or(spec.step, 1 if whole else 0.5)
        )
    elif target.plan is not None:
        own: Slot | None = next((s for s in target.plan.slots if s.exported and s.name == widget), None)
        value = coerced(own, value) if own else value
    places = [(target, widget)]
    if target.group and (inner := _shown(target, widget)):
        places.append(inner)
    for node, name in places:
        node.values[name] = value
        if source is not None:
            node.written = {**(node.written or {}), name: source}
