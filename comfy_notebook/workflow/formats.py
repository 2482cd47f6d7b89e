"""Tells the two formats of a workflow apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_editor_format(data: Any) -> bool:
    """Whether this is a workflow as the editor saves it: an object with a list of nodes."""
    return isinstance(data, Mapping) and isinstance(data.get("nodes"), list)


def is_api_format(data: Any) -> bool:
    """Whether this is a graph as the API takes it: an object of nodes by id, each with a class_type."""
    if not isinstance(data, Mapping) or is_editor_format(data):
        return False
    return any(
        isinstance(node, Mapping) and isinstance(node.get("class_type"), str) for node in data.values()
    )
