"""A node's saved `widgets_values` put onto its widgets, as loading does it.

A list is taken by position over every saved slot, control slots included; an object by name (frontend
1.58.1); what is missing keeps the default. Nothing is checked or clamped: only widgets that are page
elements or file pickers change what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..specs import DYNAMIC_COMBO, InputSpec
from .dynamic import chosen_groups, dynamic_slots, grown_slots, option_slots
from .jsvalues import NOTHING, text
from .model import Node, Problems
from .plans import Plan, Slot

_RENAMED_SAMPLERS = ("KSampler", "KSamplerAdvanced")


def load_values(node: Node, plan: Plan, problems: Problems) -> None:
    """Fill `node.values`: every exported widget of the class, in the editor's order."""
    saved = _saved(node, plan)
    if saved is not None and not isinstance(saved, (list, dict)):
        problems.add(
            "invalid_values", "Its saved values are neither a list nor an object: defaults are used.", node
        )
        saved = None
    if plan.dynamic:
        node.values = _dynamic(node, plan, saved)
        return
    values = dict(plan.defaults)
    if isinstance(saved, list):
        if plan.forced:
            saved = without_dummies(plan, saved)
        for slot, value in zip(plan.slots, saved):  # noqa: B905 (either may be longer)
            if slot.exported:
                values[slot.name] = coerced(slot, value) if slot.coerce else value
    elif saved:
        for slot in plan.slots:
            if slot.exported and slot.name in saved:
                values[slot.name] = coerced(slot, saved[slot.name])
    node.values = values


def _saved(node: Node, plan: Plan) -> Any:
    """The saved values to use: the list, or those by name where the list may not line up.

    Frontends of mid-2026 save `widgets_values_named` beside the list and load the list. A list that is not
    as long as the class's layout holds values of widgets that a pack's own page code added.
    """
    saved, named = node.raw.get("widgets_values"), node.raw.get("widgets_values_named")
    aligned = isinstance(saved, list) and not plan.dynamic and len(saved) == len(plan.slots)
    return named if isinstance(named, dict) and not aligned else saved


def control_value(node: Node, name: str) -> Any:
    """The value of a control beside a widget (`control_after_generate`), or NOTHING."""
    saved = node.raw.get("widgets_values")
    if node.plan and isinstance(saved, list):
        for slot, value in zip(node.plan.slots, saved):  # noqa: B905
            if slot.name == name:
                return value
    return NOTHING


def coerced(slot: Slot, value: Any) -> Any:
    """The value after the widget has had its say: a text area makes text, a file picker one name."""
    if slot.coerce == "text":
        return text(value)
    if slot.coerce in ("upload", "batch"):
        if isinstance(value, list) and value:
            return [_file_name(item) for item in value] if slot.coerce == "batch" else _file_name(value[0])
        return (
            _file_name(value)
            if value and value != []
            else text(slot.default if slot.default is not NOTHING else "")
        )
    return value


def _file_name(value: Any) -> str:
    """What a picker shows of a file: a name as it is, an object as `sub/name.png [output]`, else nothing."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("filename"), str):
        return ""
    folder, kind = value.get("subfolder"), value.get("type")
    path = f"{folder}/{value['filename']}" if folder and isinstance(folder, str) else value["filename"]
    return f"{path} [{kind}]" if kind in ("output", "temp") else path


def without_dummies(plan: Plan, saved: list[Any]) -> list[Any]:
    """Saved values without those that frontends before 1.16 kept for inputs that take links only."""
    flags = [forced and first == 0 for forced, count in plan.forced for first in range(count)]
    if len(flags) != len(saved):
        return saved
    return [value for value, dummy in zip(saved, flags, strict=True) if not dummy]


def rename_sampler(node: Node) -> None:
    """Samplers were once called `sample_euler`: the page drops the prefix when it loads one."""
    name = node.values.get("sampler_name")
    if node.type in _RENAMED_SAMPLERS and isinstance(name, str) and name.startswith("sample_"):
        node.values["sampler_name"] = name[7:]


def _dynamic(node: Node, plan: Plan, saved: Any) -> dict[str, Any]:
    """Values of a node whose widgets depend on its values: a chosen option brings its own inputs.

    The inputs of a chosen option follow the choice itself, in the saved list as on the node.
    """
    values: dict[str, Any] = {}
    given: Callable[[int, Slot], Any]
    if isinstance(saved, list):
        listed = without_dummies(plan, saved) if plan.forced else saved

        def given(at: int, slot: Slot) -> Any:
            return listed[at] if at < len(listed) else NOTHING

    else:
        named: Mapping[str, Any] = saved if isinstance(saved, dict) else {}

        def given(at: int, slot: Slot) -> Any:
            return named.get(slot.name, NOTHING) if slot.exported else NOTHING

    waiting = dynamic_slots(node, plan)[::-1]
    groups: list[InputSpec] = []
    at = 0
    while waiting or groups:
        if not waiting:
            waiting, groups = grown_slots(node, groups)[::-1], []
            continue
        slot = waiting.pop()
        value = given(at, slot)
        at += 1
        if not slot.exported:
            continue
        value = slot.default if value is NOTHING else coerced(slot, value)
        if value is not NOTHING:
            values[slot.name] = value
        if slot.spec is not None:
            waiting += option_slots(slot.spec, value)[::-1]
            if slot.spec.type == DYNAMIC_COMBO:
                groups += chosen_groups(slot.spec, {slot.name: value})
    return values
