"""The words of a refusal: ComfyUI's error objects, in the older form and in the newer one.

Sources: validation_errors recording (ComfyUI 0.3.64) for the older forms, protocol §3 for the newer.
"""

from __future__ import annotations

from typing import Any

from ..protocol.graph import node_title

Problem = dict[str, Any]
LONG_LIST = 20
"""Choices a message names one by one; of more it only says how many."""


def problem(type: str, message: str, details: str = "", **extra_info: Any) -> Problem:
    """One error in the shape ComfyUI gives all of them."""
    return {"type": type, "message": message, "details": details, "extra_info": extra_info}


def refusal(type: str, message: str, details: str = "", **extra_info: Any) -> dict[str, Any]:
    """The body of a refusal that concerns no single node."""
    return {"error": problem(type, message, details, **extra_info), "node_errors": {}}


def no_class_type(node_id: str, entry: Any, modern: bool) -> Problem:
    """A node that does not say what it is."""
    details = f"Node ID '#{node_id}'"
    if not modern:
        return problem(
            "invalid_prompt", "Cannot execute because a node is missing the class_type property.", details
        )
    title = node_title(entry) or f"Node {node_id}"
    return problem(
        "missing_node_type",
        f"Node '{title}' has no class_type.",
        details,
        node_id=node_id,
        class_type=None,
        node_title=title,
    )


def unknown_class(node_id: str, entry: Any, class_type: str, modern: bool) -> Problem:
    """A node of a class this server does not have."""
    details = f"Node ID '#{node_id}'"
    if not modern:
        return problem("invalid_prompt", f"Cannot execute because node {class_type} does not exist.", details)
    title = node_title(entry) or class_type
    return problem(
        "missing_node_type",
        f"Node '{title}' not found: this server has no {class_type}.",
        details,
        node_id=node_id,
        class_type=class_type,
        node_title=title,
    )


def cycle(path: list[str]) -> Problem:
    """Nodes that wait for each other; the path begins and ends with the same one."""
    nodes = path[path.index(path[-1]) :]
    shown = nodes if len(nodes) <= LONG_LIST else [*nodes[:LONG_LIST], "…"]
    return problem(
        "dependency_cycle", "The graph has a dependency cycle", " → ".join(shown), cycle_nodes=nodes
    )
