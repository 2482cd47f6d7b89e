"""Changing a graph: values, links, nodes. Every name is checked before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, UnknownInput, UnknownNode
from ..text import did_you_mean
from .address import check_input
from .node import Node, NodeOutput
from .order import links
from .view import outline
from .wire import WRAPPER, as_link, plain

if TYPE_CHECKING:
    from .workflow import Workflow


def assign(workflow: Workflow, node_id: str, name: str, value: Any) -> None:
    """Set one input: a `NodeOutput` or `[id of a node here, index]` is a link, any other list a value."""
    check_input(workflow, node_id, name)
    if isinstance(value, Node):
        if len(workflow.output_slots(value.id)) != 1:
            raise UnknownInput(f"{value.label} is a node.", hint="Say which output of it: .output(0).")
        value = value.output(0)
    stored: Any
    if isinstance(value, NodeOutput):
        if value.node_id not in workflow.graph:
            raise UnknownInput(f"{value!r} is of no node in this workflow.")
        stored = [value.node_id, value.slot]
    else:
        stored = plain(value)
        if isinstance(stored, list):
            stored = as_link(stored, workflow.graph) or {WRAPPER: stored}
    workflow.graph[node_id]["inputs"][name] = stored


def add(workflow: Workflow, class_type: str, inputs: dict[str, Any]) -> Node:
    """A new node with the defaults of its definition and these inputs; on an error none is added."""
    graph, catalog = workflow.graph, workflow.catalog
    if catalog is not None and class_type not in catalog:
        raise UnknownNode(f"There is no node class {class_type!r}.", hint=did_you_mean(class_type, catalog))
    taken = (int(node_id) for node_id in graph if node_id.isascii() and node_id.isdecimal())
    node_id = str(max(taken, default=0) + 1)
    data: dict[str, Any] = {"inputs": {}, "class_type": class_type, "_meta": {"title": class_type}}
    graph[node_id] = data
    try:
        if catalog is None:
            data["inputs"] = dict.fromkeys(inputs)
        else:
            info = catalog[class_type]
            data["_meta"]["title"] = info.display_name or class_type
            for name, spec in info.inputs.items():
                if spec.section == "required" and spec.is_widget and spec.default is not None:
                    default = plain(spec.default)
                    data["inputs"][name] = {WRAPPER: default} if isinstance(default, list) else default
        for name, value in inputs.items():
            assign(workflow, node_id, name, value)
    except ComfyError:
        del graph[node_id]
        raise
    return Node(workflow, node_id)


def remove(workflow: Workflow, node_id: str) -> None:
    """Take a node out, together with the links that read it."""
    graph = workflow.graph
    for reader, name, source, _ in list(links(graph)):
        if source == node_id:
            del graph[reader]["inputs"][name]
    del graph[node_id]


def output_slots(workflow: Workflow, node_id: str) -> list[tuple[str | None, str | None]]:
    """What is known of a node's outputs, as (name, type): by its definition, the editor's file, or links."""
    data = workflow.graph.get(node_id, {})
    class_type = data.get("class_type") or ""
    info = workflow.catalog.get(class_type) if workflow.catalog is not None else None
    if info is not None:
        return [(out.name, out.type) for out in info.outputs]
    saved = outline.editor_outputs(workflow.editor, node_id, class_type)
    if saved:
        return saved
    used = [slot for _, _, source, slot in links(workflow.graph) if source == node_id]
    return [(None, None)] * (max(used) + 1 if used and 0 <= max(used) < 1000 else 0)
