"""Every node this server has, and how they describe themselves.

A family is a module with `NODES`, a list of node classes. The families are listed here by name and
nowhere else; those that need the `av` extra are left out, node by node, where it is not installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .base import Files, Node
from .dynamic import MATCH

FAMILIES = (
    "image_io",
    "image_scale",
    "image_transform",
    "image_filter",
    "image_edges",
    "image_blend",
    "image_batch",
    "image_colour",
    "mask",
    "text",
    "regular_expressions",
    "primitive",
    "animation",
    "audio_edit",
    "model",
    "conditioning",
    "sampling",
    "sampling_custom",
    "sigmas",
    "latent",
    "latent_math",
    "latent_batch",
    "latent_io",
    "loaders",
    "flow_matching",
    "logic",
    "testing",
)
NEED_AV = ("audio_io", "video")


class Registry(Mapping[str, type[Node]]):
    """Node classes by `class_type`, in the order they were listed."""

    def __init__(self, nodes: Iterable[type[Node]]) -> None:
        self._nodes: dict[str, type[Node]] = {}
        for node in nodes:
            name = class_type(node)
            if name in self._nodes:
                raise ValueError(f"two nodes are called {name}: {self._nodes[name]} and {node}")
            self._nodes[name] = node

    def __getitem__(self, name: str) -> type[Node]:
        return self._nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def object_info(self, files: Files) -> dict[str, dict[str, Any]]:
        """The answer to `GET /api/object_info`: every node, with the files and models there are now."""
        return {name: describe(node, files) for name, node in self._nodes.items()}


def class_type(node: type[Node]) -> str:
    """The name a workflow calls this node by."""
    return node.class_type or node.__name__


def describe(node: type[Node], files: Files) -> dict[str, Any]:
    """One node's object_info entry, with the keys ComfyUI 0.33 gives it; its docstring describes it."""
    groups: dict[str, dict[str, Any]] = {"required": {}}
    for name, spec in node.inputs.items():
        groups.setdefault("optional" if spec.optional else "required", {})[name] = spec.describe(files)
    if node.hidden:
        groups["hidden"] = dict(node.hidden)
    name = class_type(node)
    info: dict[str, Any] = {
        "input": groups,
        "input_order": {group: list(members) for group, members in groups.items()},
        "output": [MATCH if output.template_id else output.type for output in node.outputs],
        "output_is_list": [output.is_list for output in node.outputs],
        "output_name": [output.name or output.type for output in node.outputs],
        "name": name,
        "display_name": name if node.display_name == "" else node.display_name,
        "description": node.description or inspect.cleandoc(node.__doc__ or ""),
        "python_module": node.python_module,
        "category": node.category,
        "output_node": node.output_node,
        "is_input_list": node.input_is_list,
        "has_intermediate_output": node.shows_input,
    }
    if any(output.template_id for output in node.outputs):
        info["output_matchtypes"] = [output.template_id or None for output in node.outputs]
    for flag in ("deprecated", "experimental", "api_node"):
        if getattr(node, flag):
            info[flag] = True
    return info


def default_registry() -> Registry:
    """All nodes of this installation."""
    names = FAMILIES + (NEED_AV if importlib.util.find_spec("av") else ())
    modules = [importlib.import_module(f".{name}", __package__) for name in names]
    return Registry(node for module in modules for node in module.NODES)
