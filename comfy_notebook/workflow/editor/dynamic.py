"""Inputs that come and go: V3 dynamic combos and autogrow groups.

A dynamic combo (`COMFY_DYNAMICCOMBO_V3`) offers options that each bring inputs, named `combo.input`.
An autogrow group (`COMFY_AUTOGROW_V3`) repeats its template, named `group.prefix0`, `group.prefix1`, …
or after a list of names; the editor shows `min + 1` of them and one more for every link.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..specs import AUTOGROW, DYNAMIC_COMBO, InputSpec
from .model import Node, Socket
from .plans import Plan, Slot, is_widget, slots_of, socket_type

_MOST_GROWN = 1000


def option_inputs(spec: InputSpec, chosen: Any) -> list[InputSpec]:
    """The inputs that the chosen option of a dynamic combo brings; none for any other input."""
    options = spec.options.get("options")
    if spec.type != DYNAMIC_COMBO or not isinstance(options, list):
        return []
    for option in options:
        if isinstance(option, dict) and option.get("key") == chosen:
            return list(_listed(option.get("inputs"), spec.name + "."))
    return []


def option_slots(spec: InputSpec, chosen: Any) -> list[Slot]:
    """The saved values that come with the chosen option of a dynamic combo."""
    return [slot for inner in option_inputs(spec, chosen) if is_widget(inner) for slot in slots_of(inner)]


def grown_slots(node: Node, plan: Plan) -> list[Slot]:
    """The saved values of autogrow groups whose template is a widget."""
    return [slot for spec in grown_inputs(node, plan) if is_widget(spec) for slot in slots_of(spec)]


def dynamic_sockets(node: Node, plan: Plan) -> list[Socket]:
    """The sockets of a node with dynamic inputs, after its values are known."""
    sockets: list[Socket] = []
    for socket in plan.sockets:
        sockets.append(socket)
        spec = plan.spec_of(socket.widget)
        if spec is not None and spec.type == DYNAMIC_COMBO:
            sockets += _brought(spec, node.values)
    sockets += [_socket(spec) for spec in grown_inputs(node, plan)]
    return sockets


def grown_inputs(node: Node, plan: Plan) -> list[InputSpec]:
    """Every input of every autogrow group: those shown at first, then those the file has grown."""
    groups = [spec for spec in plan.info.inputs.values() if spec.type == AUTOGROW]
    if not groups:
        return []
    raw = node.raw.get("inputs")
    named = (
        [i["name"] for i in raw if isinstance(i, dict) and isinstance(i.get("name"), str)]
        if isinstance(raw, list)
        else []
    )
    shown: dict[str, InputSpec] = {}
    later: dict[str, InputSpec] = {}
    for group in groups:
        for number, spec in _group(group):
            template = group.options.get("template")
            least = template.get("min") if isinstance(template, dict) else 1
            first = max(1, least + 1) if isinstance(least, int) and not isinstance(least, bool) else 2
            if number < first:
                shown[spec.name] = spec
            elif spec.name in named:
                later[spec.name] = spec
    return [*shown.values(), *later.values()]


def _group(group: InputSpec) -> Iterator[tuple[int, InputSpec]]:
    template = group.options.get("template")
    if not isinstance(template, dict):
        return
    repeated = list(_listed(template.get("input"), ""))
    names, most = template.get("names"), template.get("max")
    prefix = template.get("prefix")
    count = len(names) if isinstance(names, list) else most if isinstance(most, int) else 100
    for number in range(min(count, _MOST_GROWN)):
        for spec in repeated:
            if isinstance(names, list):
                name = str(names[number])
            else:
                name = f"{prefix if len(repeated) == 1 and isinstance(prefix, str) else spec.name}{number}"
            yield (
                number,
                InputSpec(f"{group.name}.{name}", spec.type, spec.section, spec.options, spec.choices),
            )


def _listed(inputs: Any, prefix: str) -> Iterator[InputSpec]:
    for section in ("required", "optional"):
        found = inputs.get(section) if isinstance(inputs, dict) else None
        for name, raw in found.items() if isinstance(found, dict) else ():
            yield InputSpec.parse(f"{prefix}{name}", raw, section)


def _brought(spec: InputSpec, values: dict[str, Any]) -> list[Socket]:
    sockets: list[Socket] = []
    for inner in option_inputs(spec, values.get(spec.name)):
        sockets.append(_socket(inner))
        if inner.type == DYNAMIC_COMBO:
            sockets += _brought(inner, values)
    return sockets


def _socket(spec: InputSpec) -> Socket:
    return (
        Socket(spec.name, spec.type, spec.name) if is_widget(spec) else Socket(spec.name, socket_type(spec))
    )
