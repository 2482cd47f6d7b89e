"""Inputs that come and go: V3 dynamic combos and autogrow groups.

A dynamic combo (`COMFY_DYNAMICCOMBO_V3`) offers options that each bring inputs, named `combo.input`.
An autogrow group (`COMFY_AUTOGROW_V3`) repeats its template, named `group.prefix0`, `group.prefix1`, …
or after a list of names; the editor shows `min + 1` of them and one more for every link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..specs import AUTOGROW, DYNAMIC_COMBO, InputSpec
from .model import Node, Socket
from .plans import Plan, Slot, is_widget, slots_of, socket_type

_MOST_GROWN = 1000


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


def option_slots(spec: InputSpec, chosen: Any) -> list[Slot]:
    """The saved values that come with the chosen option of a dynamic combo."""
    return [slot for inner in _option_inputs(spec, chosen) for slot in _slots(inner)]


def grown_slots(node: Node, groups: Iterable[InputSpec]) -> list[Slot]:
    """The saved values of what these autogrow groups have grown by on this node."""
    return [slot for spec in _grown(node, groups) for slot in _slots(spec)]


def chosen_groups(spec: InputSpec, values: Mapping[str, Any]) -> list[InputSpec]:
    """The autogrow groups inside what is chosen in a dynamic combo, at any depth."""
    found: list[InputSpec] = []
    for inner in _chosen(spec, values.get(spec.name)):
        found += [inner] if inner.type == AUTOGROW else chosen_groups(inner, values)
    return found


def _chosen(spec: InputSpec, chosen: Any) -> list[InputSpec]:
    """The inputs that the chosen option of a dynamic combo declares; none for any other input."""
    options = spec.options.get("options")
    if spec.type != DYNAMIC_COMBO or not isinstance(options, list):
        return []
    for option in options:
        if isinstance(option, dict) and option.get("key") == chosen:
            return list(_listed(option.get("inputs"), spec.name + "."))
    return []


def _option_inputs(spec: InputSpec, chosen: Any) -> list[InputSpec]:
    """The inputs that come with the chosen option, groups as what they show at first."""
    shown: list[InputSpec] = []
    for inner in _chosen(spec, chosen):
        shown += _at_first(inner) if inner.type == AUTOGROW else [inner]
    return shown


def _groups(specs: Iterable[InputSpec]) -> list[InputSpec]:
    return [spec for spec in specs if spec.type == AUTOGROW]


def _at_first(group: InputSpec) -> list[InputSpec]:
    """What an autogrow group shows before anything is linked."""
    template = group.options.get("template")
    least = template.get("min") if isinstance(template, dict) else 1
    shown = max(1, least + 1) if isinstance(least, int) and not isinstance(least, bool) else 2
    return [spec for number, spec in _repeated(group) if number < shown]


def _grown(node: Node, groups: Iterable[InputSpec]) -> list[InputSpec]:
    """What groups have grown by: those inputs of the file that they do not show at first."""
    raw = node.raw.get("inputs")
    named = (
        {entry.get("name") for entry in raw if isinstance(entry, dict)} if isinstance(raw, list) else set()
    )
    grown: list[InputSpec] = []
    for group in groups:
        first = {spec.name for spec in _at_first(group)}
        grown += [spec for _, spec in _repeated(group) if spec.name in named and spec.name not in first]
    return grown


def _repeated(group: InputSpec) -> Iterator[tuple[int, InputSpec]]:
    """Every input a group can show, with its number."""
    template = group.options.get("template")
    if not isinstance(template, dict):
        return
    repeated = list(_listed(template.get("input"), ""))
    names, most, prefix = template.get("names"), template.get("max"), template.get("prefix")
    count = len(names) if isinstance(names, list) else most if isinstance(most, int) else 100
    for number in range(min(count, _MOST_GROWN)):
        for spec in repeated:
            if isinstance(names, list):
                name = str(names[number])
            else:
                name = f"{prefix if len(repeated) == 1 and isinstance(prefix, str) else spec.name}{number}"
            full = f"{group.name}.{name}"
            yield number, InputSpec(full, spec.type, spec.section, spec.options, spec.choices)


def _listed(inputs: Any, prefix: str) -> Iterator[InputSpec]:
    for section in ("required", "optional"):
        found = inputs.get(section) if isinstance(inputs, dict) else None
        for name, raw in found.items() if isinstance(found, dict) else ():
            yield InputSpec.parse(f"{prefix}{name}", raw, section)


def _brought(spec: InputSpec, values: dict[str, Any]) -> list[Socket]:
    sockets: list[Socket] = []
    for inner in _option_inputs(spec, values.get(spec.name)):
        sockets.append(_socket(inner))
        sockets += _brought(inner, values)
    return sockets


def _slots(spec: InputSpec) -> list[Slot]:
    return slots_of(spec) if is_widget(spec) else []


def _socket(spec: InputSpec) -> Socket:
    return (
        Socket(spec.name, spec.type, spec.name) if is_widget(spec) else Socket(spec.name, socket_type(spec))
    )
