"""Inputs of ComfyUI's V3 schema that stand for several: dynamic combos, autogrow lists and match types.

Values of a graph are flat and have dotted names (`resize_type.width`, `images.image0`). `live_inputs` lists
the inputs a node has for given values; `nested` gathers the values into the dictionaries that `run` takes.
Source: the recording dynamic_inputs of ComfyUI 0.33.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .base import Files, Input, Node

COMBO, AUTOGROW, MATCH = "COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3", "COMFY_MATCHTYPE_V3"


@dataclass(frozen=True)
class DynamicCombo(Input):
    """A choice that brings inputs of its own: `branches` maps each option to them.

    `run` gets {name: option, nested name: value, …}. As in ComfyUI, an unknown option is not refused: the
    input is missing when the node runs.
    """

    type: str = COMBO
    branches: Mapping[str, Mapping[str, Input]] = field(default_factory=dict)

    def expand(self, name: str, values: Mapping[str, Any]) -> dict[str, Input]:
        """The input itself and those of the chosen option; none for an unknown option."""
        chosen = values.get(name)
        branch = self.branches.get(chosen) if isinstance(chosen, str) else None
        if branch is None:
            return {}
        found: dict[str, Input] = {name: self}
        for nested_name, spec in branch.items():
            found.update(spec.expand(f"{name}.{nested_name}", values))
        return found

    def nest(self, name: str, flat: dict[str, Any]) -> Any:
        """{name: option, nested name: value}; None when the input is missing."""
        if not isinstance(flat.get(name), str):
            return None
        option = flat.pop(name)
        own = name.rpartition(".")[2]
        found = {own: option}
        for nested_name, spec in self.branches[option].items():
            value = spec.nest(f"{name}.{nested_name}", flat)
            if value is not None:
                found[nested_name] = value
        return found

    def describe(self, files: Files) -> list[Any]:
        """The options with their inputs, as object_info has them."""
        listed = [{"key": key, "inputs": _groups(branch, files)} for key, branch in self.branches.items()]
        return [self.type, {**self.options, "options": listed}]


@dataclass(frozen=True)
class Autogrow(Input):
    """A list that grows in the editor: `<prefix>0`, `<prefix>1`, …, of which the first `least` are required.

    `run` gets {slot name: value}.
    """

    type: str = AUTOGROW
    item: Input = field(default_factory=lambda: Input("*"))
    item_name: str = ""
    prefix: str = ""
    least: int = 1
    most: int = 100

    def expand(self, name: str, values: Mapping[str, Any]) -> dict[str, Input]:
        """Every slot there may be."""
        return {
            f"{name}.{self.prefix}{number}": replace(self.item, optional=number >= self.least)
            for number in range(self.most)
        }

    def nest(self, name: str, flat: dict[str, Any]) -> Any:
        """The slots that have a value, in their order."""
        names = (f"{self.prefix}{number}" for number in range(self.most))
        return {slot: flat.pop(f"{name}.{slot}") for slot in names if f"{name}.{slot}" in flat}

    def describe(self, files: Files) -> list[Any]:
        """The template of a slot, as object_info has it."""
        template = {
            "input": _groups({self.item_name: self.item}, files),
            "prefix": self.prefix,
            "min": self.least,
            "max": self.most,
        }
        return [self.type, {**self.options, "template": template}]


@dataclass(frozen=True)
class MatchType(Input):
    """An input of one type with the others of its `template_id`; as in ComfyUI, the server takes any type."""

    type: str = "*"
    template_id: str = ""
    allowed: str = "*"

    def describe(self, files: Files) -> list[Any]:
        """The template, as object_info has it."""
        template = {"template_id": self.template_id, "allowed_types": self.allowed}
        lazy = {"lazy": True} if self.lazy else {}
        return [MATCH, {**self.options, **lazy, "template": template}]


def live_inputs(node: type[Node], values: Mapping[str, Any]) -> Mapping[str, Input]:
    """The inputs of a node that has these values, by their dotted names."""
    if not node.takes_any and all(type(spec) is Input for spec in node.inputs.values()):
        return node.inputs
    found: dict[str, Input] = {}
    for name, spec in node.inputs.items():
        found.update(spec.expand(name, values))
    for name in values:
        parent = node.inputs.get(name.partition(".")[0])
        if name not in found and (node.takes_any or (isinstance(parent, Autogrow) and "." in name)):
            found[name] = Input("*", optional=True)
    return found


def nested(node: type[Node], flat: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `run` for these values; ComfyUI's TypeError for missing or surplus ones."""
    left, found = dict(flat), {}
    for name, spec in node.inputs.items():
        value = spec.nest(name, left)
        if value is not None or type(spec) is Input:
            if value is not None or name in flat:
                found[name] = value
        elif isinstance(spec, DynamicCombo) and not spec.optional:
            called = f"{node.class_type or node.__name__}.execute()"
            raise TypeError(f"{called} missing 1 required positional argument: '{name}'")
    if left and not node.takes_any:
        called = f"{node.class_type or node.__name__}.execute()"
        raise TypeError(f"{called} got an unexpected keyword argument '{next(iter(left))}'")
    return {**found, **left}


def _groups(inputs: Mapping[str, Input], files: Files) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {"required": {}}
    for name, spec in inputs.items():
        described = spec.describe(files)
        group = groups.setdefault("optional" if spec.optional else "required", {})
        group[name] = described if len(described) > 1 else [*described, {}]
    return groups
