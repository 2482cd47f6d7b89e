"""ComfyUI's error objects, in the words of 0.33 (recordings validation_errors and dynamic_inputs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..protocol.graph import node_title

Problem = dict[str, Any]
LONG_LIST = 20
"""Choices a message names one by one; of a longer list it gives only the length."""


def problem(type: str, message: str, details: str = "", **extra_info: Any) -> Problem:
    """One error in the shape ComfyUI gives all of them."""
    return {"type": type, "message": message, "details": details, "extra_info": extra_info}


def refusal(type: str, message: str, details: str = "", **extra_info: Any) -> dict[str, Any]:
    """The body of a refusal that concerns no single node."""
    return {"error": problem(type, message, details, **extra_info), "node_errors": {}}


def missing_node_type(node_id: str, entry: Any, class_type: str | None) -> Problem:
    """A node of a class this server does not have, or (None) without a class_type."""
    title = node_title(entry)
    shown = f"Node '{title or class_type or f'ID #{node_id}'}'"
    if class_type is None:
        message = f"{shown} has no class_type. The workflow may be corrupted or a custom node is missing."
    else:
        message = f"{shown} not found. The custom node may not be installed."
    return problem(
        "missing_node_type",
        message,
        f"Node ID '#{node_id}'",
        node_id=node_id,
        class_type=class_type,
        node_title=title or class_type,
    )


def dependency_cycle(path: Sequence[str], prompt: Mapping[str, Any]) -> Problem:
    """Nodes that wait for each other; the path begins and ends with the same one."""
    shown = [f"{node_id} ({prompt[node_id]['class_type']})" for node_id in path]
    if len(shown) > LONG_LIST:
        shown = [*shown[: LONG_LIST - 2], "…", shown[-1]]
    return problem(
        "dependency_cycle",
        "Dependency cycle detected",
        " -> ".join(shown),
        node_id=path[-1],
        cycle_nodes=list(path[:-1]),
    )
