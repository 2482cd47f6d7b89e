"""Assigns a node's saved `widgets_values` to its widgets.

A list is read by position over every saved slot, control slots included; an object by name where a node
pack saved it. What is missing keeps the default. Nothing is checked or clamped: only text areas and file
pickers change the value they are given (pickers as frontend 1.27.10 does).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..specs import DYNAMIC_COMBO, InputSpec
from .dynamic import chosen_groups, dynamic_slots, grown_slots, option_slots
from .graph import PRIMITIVE, Node, ProblemLog, Source
from .javascript import NOTHING, text
from .packs import PAGE_VALUES, renamed_values, surplus_names
from .plans import Plan, Slot

_FOLDER = re.compile(r"\[(?:input|output|temp)\]", re.IGNORECASE)
LAST_MODEL = "Last Time Model File"
_VIEWERS = ("Preview3D", "Preview3DAnimation")
_CONTROLS = ("fixed", "increment", "decrement", "randomize")
_RENAMED_SAMPLERS = ("KSampler", "KSamplerAdvanced")


def load_values(node: Node, plan: Plan, problems: ProblemLog) -> None:
    """Fill `node.values`: every exported widget of the class, in the editor's order."""
    saved, _ = _saved(node)
    if saved is not None and not isinstance(saved, (list, dict)):
        problems.add(
            "invalid_values", "Its saved values are neither a list nor an object: defaults are used.", node
        )
        saved = None
    if saved and isinstance(saved, dict) and not _by_name(node, plan, saved):
        problems.add(
            "invalid_values",
            "Its values are saved by name, as some node packs do; the editor gives a node of ComfyUI's own"
            " its defaults then, and so does this.",
            node,
            severity="warning",
        )
        saved = None
    if isinstance(saved, dict):
        saved = renamed_values(node.type, saved)
    elif plan.forced and saved:
        saved = without_dummies(plan, saved)
    order: Sequence[Slot] = plan.slots
    if plan.dynamic:
        node.values, order = dynamic_values(node, plan, saved)
        _report_unknown_options(node, order, problems)
    else:
        values = node.values = dict(plan.defaults)
        if isinstance(saved, list):
            for slot, value in zip(order, saved):  # noqa: B905 (either may be longer)
                if slot.exported:
                    values[slot.name] = coerced(slot, value) if slot.coerce else value
        elif saved:
            for slot in order:
                if slot.exported and slot.name in saved:
                    values[slot.name] = coerced(slot, saved[slot.name])
    if isinstance(saved, list):
        if len(saved) > len(order):
            _surplus(node, len(order), saved, problems)
    elif saved:
        known = {slot.name for slot in order} | PAGE_VALUES
        node.values.update({name: value for name, value in saved.items() if name not in known})


def _report_unknown_options(node: Node, order: Sequence[Slot], problems: ProblemLog) -> None:
    """Name options that the server's class does not have: what they brought cannot be matched."""
    for slot in order:
        spec = slot.spec
        chosen = node.values.get(slot.name)
        if spec is not None and spec.type == DYNAMIC_COMBO and chosen not in (spec.choices or ()):
            known = ", ".join(repr(choice) for choice in (spec.choices or ())[:6])
            problems.add(
                "unknown_option",
                f"{chosen!r:.60} is not an option of the server's class, so the values saved for it may be"
                f" wrong. It has {known}.",
                node,
                input_name=slot.name,
                severity="warning",
            )


def _surplus(node: Node, declared: int, saved: list[Any], problems: ProblemLog) -> None:
    """Values beyond the declared widgets: those a pack's code names are kept, the others are reported."""
    names = surplus_names(node.type, declared, saved)
    node.values.update({name: saved[at] for name, at in names.items()})
    left = [value for value in saved[declared:] if value not in (None, "", *_CONTROLS) and value != {}]
    if left and not names and not any(isinstance(value, dict) and "type" in value for value in left):
        problems.add(
            "unmatched_values",
            f"It has {len(left)} saved value{'s' * (len(left) > 1)} more than the server's class has inputs:"
            f" {', '.join(f'{value!r:.60}' for value in left[:6])}. They are left out.",
            node,
            severity="warning",
            widgets_values=left,
        )


def _by_name(node: Node, plan: Plan, saved: dict[str, Any]) -> bool:
    """Whether saved values go by name: packs save objects and read them with page code of their own."""
    named = node.raw.get("widgets_values_named")
    return saved is named or plan.info.python_module.startswith("custom_nodes")


def _saved(node: Node) -> tuple[Any, str]:
    """The saved values to use, and their key in the file: the list, or values by name if it does not fit.

    Frontends of mid-2026 save `widgets_values_named` beside the list and load the list. A list that is not
    as long as the class's layout holds values of widgets that a pack's own page code added; empty values
    at its end do not count.
    """
    saved, named = node.raw.get("widgets_values"), node.raw.get("widgets_values_named")
    if not isinstance(named, dict) or (node.plan and isinstance(saved, list) and _aligned(node, saved)):
        return saved, "widgets_values"
    return named, "widgets_values_named"


def _aligned(node: Node, saved: list[Any]) -> bool:
    """Whether a saved list has one value for each saved slot of the node."""
    plan = node.plan
    if plan is None:
        return False
    slots = (
        len(dynamic_values(node, plan, without_dummies(plan, saved))[1]) if plan.dynamic else len(plan.slots)
    )
    return len(saved) >= slots and all(value in (None, "") for value in saved[slots:])


def control_value(node: Node, name: str) -> Any:
    """The value of a control beside a widget (`control_after_generate`), or NOTHING."""
    saved = node.raw.get("widgets_values")
    if node.plan and isinstance(saved, list):
        for slot, value in zip(node.plan.slots, saved):  # noqa: B905
            if slot.name == name:
                return value
    return NOTHING


def coerced(slot: Slot, value: Any) -> Any:
    """The value as its widget stores it: a text area makes text, a file picker one name."""
    if slot.coerce == "text":
        return text(value)
    if slot.coerce in ("upload", "batch"):
        if not value:
            return value if slot.default is NOTHING else text(slot.default)
        if isinstance(value, list) and slot.coerce == "batch":
            return [_file_name(slot, item) for item in value]
        return _file_name(slot, value[0] if isinstance(value, list) else value)
    return value


def _file_name(slot: Slot, value: Any) -> str:
    """The name of a file as a picker stores it, with its folder (`[output]`) when that is not `input`."""
    path = value
    if isinstance(value, dict) and isinstance(path := value.get("filename"), str):
        folder = value.get("subfolder")
        path = f"{folder}/{path}" if folder and isinstance(folder, str) else path
    if not isinstance(path, str):
        return ""
    kept = slot.spec.options.get("image_folder", "input") if slot.spec is not None else "input"
    return path if kept == "input" or _FOLDER.search(path) else f"{path} [{kept}]"


def without_dummies(plan: Plan, saved: list[Any]) -> list[Any]:
    """Saved values without those that frontends before 1.16 kept for inputs that take links only."""
    return [saved[at] for at in _kept(plan, saved)] if plan.forced else saved


def _kept(plan: Plan, saved: list[Any]) -> list[int]:
    """The positions of a saved list that belong to widgets."""
    dummies = [forced and first == 0 for forced, count in plan.forced for first in range(count)]
    if len(dummies) != len(saved):
        return list(range(len(saved)))
    return [at for at, dummy in enumerate(dummies) if not dummy]


def rename_sampler(node: Node) -> None:
    """Samplers were once called `sample_euler`: the page drops the prefix when it loads one."""
    name = node.values.get("sampler_name")
    if node.type in _RENAMED_SAMPLERS and isinstance(name, str) and name.startswith("sample_"):
        node.values["sampler_name"] = name[7:]


def dynamic_values(node: Node, plan: Plan, saved: Any) -> tuple[dict[str, Any], list[Slot]]:
    """Values of a node whose widgets depend on its values, and the order in which they are saved.

    The inputs of a chosen option follow the choice itself, in the saved list as on the node.
    """
    values: dict[str, Any] = {}
    order: list[Slot] = []
    listed = saved if isinstance(saved, list) else None
    named: Mapping[str, Any] = saved if isinstance(saved, dict) else {}
    waiting = dynamic_slots(node, plan)[::-1]
    groups: list[InputSpec] = []
    while waiting or groups:
        if not waiting:
            waiting, groups = grown_slots(node, groups)[::-1], []
            continue
        slot = waiting.pop()
        at = len(order)
        order.append(slot)
        if not slot.exported:
            continue
        if listed is not None:
            value = listed[at] if at < len(listed) else NOTHING
        else:
            value = named.get(slot.name, NOTHING)
        value = slot.default if value is NOTHING else coerced(slot, value)
        if value is not NOTHING:
            values[slot.name] = value
        if slot.spec is not None:
            waiting += option_slots(node, slot.spec, value)[::-1]
            if slot.spec.type == DYNAMIC_COMBO:
                groups += chosen_groups(slot.spec, {slot.name: value})
    return values, order


def value_source(node: Node, name: str) -> Source | None:
    """Where the document saves one widget value of a node, or would save it; None when nowhere."""
    if node.written and name in node.written:
        return node.written[name]
    if node.type == PRIMITIVE:
        return Source((*node.path, "widgets_values", 0))
    plan = node.plan
    saved, key = _saved(node)
    if plan is None:
        return _unknown_source(node, name, saved, key)
    if node.type in _VIEWERS and name == "model_file" and node.properties.get(LAST_MODEL):
        return Source((*node.path, "properties", LAST_MODEL))
    if isinstance(saved, dict):
        return Source((*node.path, key, name)) if _by_name(node, plan, saved) else None
    if saved is not None and not isinstance(saved, list):
        return None
    listed = saved or []
    order = dynamic_values(node, plan, without_dummies(plan, listed))[1] if plan.dynamic else plan.slots
    at = next((n for n, slot in enumerate(order) if slot.exported and slot.name == name), None)
    if at is None:
        at = surplus_names(node.type, len(order), listed).get(name)
    if at is None:
        return None
    kept = _kept(plan, listed)
    if at < len(kept):
        return Source((*node.path, key, kept[at]))
    before = tuple(_filler(slot) for slot in order[len(listed) : at])
    return Source((*node.path, key, at), before)


def _filler(slot: Slot) -> Any:
    """What to save for a widget whose value the file leaves out."""
    if not slot.exported:
        return "fixed" if "control_after_generate" in slot.name else None
    return None if slot.default is NOTHING else slot.default


def _unknown_source(node: Node, name: str, saved: Any, key: str) -> Source | None:
    if isinstance(saved, dict):
        return Source((*node.path, key, name))
    names = [socket.widget for socket in node.sockets if socket.widget is not None]
    at = _matched(names, saved) if isinstance(saved, list) else {}
    return Source((*node.path, key, at[name])) if name in at else None


def load_unknown(node: Node) -> None:
    """Keep the values of a node whose class the server lacks, under the names its file gives.

    The file names the inputs that stand for widgets, in widget order, and saves values in that order with
    control values between them. When the two do not line up, no value is kept: no name is better than a
    wrong one, and the problem carries them.
    """
    saved, _ = _saved(node)
    if isinstance(saved, dict):
        node.values = {str(name): value for name, value in saved.items() if name != "control_after_generate"}
    elif isinstance(saved, list):
        names = [socket.widget for socket in node.sockets if socket.widget is not None]
        node.values = {name: saved[at] for name, at in _matched(names, saved).items()}


def _matched(names: list[str], saved: list[Any]) -> dict[str, int]:
    """The position of each widget's value in a saved list; empty when the two do not line up."""
    places: dict[str, int] = {}
    at = 0
    for name in names:
        if at >= len(saved):
            return {}
        places[name] = at
        number = isinstance(saved[at], (int, float)) and not isinstance(saved[at], bool)
        at += 1
        if at < len(saved) and number and isinstance(saved[at], str) and saved[at] in _CONTROLS:
            at += 1
    return places if at == len(saved) else {}
