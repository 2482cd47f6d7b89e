"""The order of saved values and sockets on nodes with V3 dynamic combos and autogrow groups.

Which inputs these bring is in `specs`. The editor shows `min + 1` members of a group, and one more for
every link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..specs import AUTOGROW, InputSpec
from .graph import Node
from .plans import Plan, Slot, Socket, is_widget, slots_of


def dynamic_slots(node: Node, plan: Plan) -> list[Slot]:
    """The saved values of a node before any option is chosen, in the order the editor makes widgets.

    Groups are made with the sockets, so what they show at first comes before all other widgets; what
    they have grown by since comes after.
    """
    groups = _groups(plan.info.inputs.values())
    first = [slot for group in groups for spec in _at_first(group) for slot in _slots(spec)]
    return [*first, *plan.slots, *grown_slots(node, groups)]


def dynamic_sockets(node: Node, plan: Plan) -> list[Socket]:
    """The sockets of a node with dynamic inputs, after its values are known."""
    own = _groups(plan.info.inputs.values())
    chosen: list[InputSpec] = []
    sockets: list[Socket] = []
    for socket in plan.sockets:
        sockets.append(socket)
        spec = plan.spec_of(socket.widget)
        if spec is not None:
            sockets += _brought(spec, node.values)
            chosen += chosen_groups(spec, node.values)
    shown = [spec for group in own for spec in _at_first(group)]
    return [*sockets, *map(_socket, (*shown, *_grown(node, (*own, *chosen))))]


def option_slots(node: Node, spec: InputSpec, chosen: Any) -> list[Slot]:
    """The saved values that come with the chosen option of a dynamic combo.

    Where the file lists them in another order than the definition, the file's order counts: `object_info`
    that was written with sorted keys has lost that of nested inputs.
    """
    inner = [item for item in _option_inputs(spec, chosen) if is_widget(item)]
    order = {name: at for at, name in enumerate(_named(node))}
    listed = [order[item.name] for item in inner if item.name in order]
    if listed != sorted(listed):
        inner.sort(key=lambda item: order.get(item.name, len(order)))
    return [slot for item in inner for slot in _slots(item)]


def _named(node: Node) -> list[Any]:
    """The names of a node's inputs in the file, in their order there."""
    raw = node.raw.get("inputs")
    return [entry.get("name") for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []


def grown_slots(node: Node, groups: Iterable[InputSpec]) -> list[Slot]:
    """The saved values of what these autogrow groups have grown by on this node."""
    return [slot for spec in _grown(node, groups) for slot in _slots(spec)]


def chosen_groups(spec: InputSpec, values: Mapping[str, Any]) -> list[InputSpec]:
    """The autogrow groups inside what is chosen in a dynamic combo, at any depth."""
    found: list[InputSpec] = []
    for inner in spec.brings(values.get(spec.name)):
        found += [inner] if inner.type == AUTOGROW else chosen_groups(inner, values)
    return found


def _option_inputs(spec: InputSpec, chosen: Any) -> list[InputSpec]:
    """The inputs that come with the chosen option, groups as what they show at first."""
    shown: list[InputSpec] = []
    for inner in spec.brings(chosen):
        shown += _at_first(inner) if inner.type == AUTOGROW else [inner]
    return shown


def _groups(specs: Iterable[InputSpec]) -> list[InputSpec]:
    return [spec for spec in specs if spec.type == AUTOGROW]


def _at_first(group: InputSpec) -> list[InputSpec]:
    """What an autogrow group shows before anything is linked."""
    shown = max(1, group.least + 1)
    return [spec for number, spec in group.grown() if number < shown]


def _grown(node: Node, groups: Iterable[InputSpec]) -> list[InputSpec]:
    """What groups have grown by: those inputs of the file that they do not show at first."""
    named = set(_named(node))
    grown: list[InputSpec] = []
    for group in groups:
        first = {spec.name for spec in _at_first(group)}
        grown += [spec for _, spec in group.grown() if spec.name in named and spec.name not in first]
    return grown


def _brought(spec: InputSpec, values: dict[str, Any]) -> list[Socket]:
    sockets: list[Socket] = []
    for inner in _option_inputs(spec, values.get(spec.name)):
        sockets.append(_socket(inner))
        sockets += _brought(inner, values)
    return sockets


def _slots(spec: InputSpec) -> list[Slot]:
    return slots_of(spec) if is_widget(spec) else []


def _socket(spec: InputSpec) -> Socket:
    return Socket(spec.name, spec.type, spec.name) if is_widget(spec) else Socket(spec.name, spec.link_type)
