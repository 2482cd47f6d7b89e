"""Finding nodes and inputs by the names people use: an id, a title, a class, `NODE.INPUT`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, UnknownInput, UnknownNode
from ..text import closest, did_you_mean
from .node import Node

if TYPE_CHECKING:
    from .workflow import Workflow


class AmbiguousNode(UnknownNode):
    """More than one node answers to the name."""


def find(workflow: Workflow, ref: Any) -> str:
    """The id of the one node meant by an id, a title, or a class that only one node has.

    Raises `UnknownNode` with the candidates, closest first, when there is none or more than one.
    """
    if isinstance(ref, Node):
        if ref.workflow is workflow or ref.id in workflow.graph:
            return ref.id
        raise UnknownNode(f"Node {ref.id} belongs to another workflow.")
    name = str(ref)
    graph = workflow.graph
    if name in graph:
        return name
    named = by_name(workflow)
    for kind in ("title", "class"):
        found = named[kind].get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            listing = ", ".join(workflow.node(node_id).label for node_id in found[:8])
            raise AmbiguousNode(
                f"{len(found)} nodes have the {kind} {name!r}: {listing}.", hint="Say which one by its id."
            )
    raise UnknownNode(f"There is no node {name!r} in this workflow.", hint=_candidates(workflow, name, named))


def by_name(workflow: Workflow) -> dict[str, dict[str, list[str]]]:
    """Node ids by title and by class."""
    named: dict[str, dict[str, list[str]]] = {"title": {}, "class": {}}
    for node in workflow.nodes:
        named["title"].setdefault(node.title, []).append(node.id)
        named["class"].setdefault(node.class_type, []).append(node.id)
    return named


def _candidates(workflow: Workflow, name: str, named: dict[str, dict[str, list[str]]]) -> str:
    names = [*named["title"], *named["class"], *workflow.graph]
    near = closest(name, names)
    if near:
        return did_you_mean(name, names)
    nodes = workflow.nodes
    if not nodes:
        return "It has no nodes at all."
    more = f" and {len(nodes) - 12} more" if len(nodes) > 12 else ""
    return f"There are {', '.join(node.label for node in nodes[:12])}{more}."


def split(workflow: Workflow, address: str) -> tuple[str, str]:
    """The node id and input name meant by `NODE.INPUT`.

    The longest node reference that exists is taken, then the rest as the input's name, so that
    titles and inputs may hold dots and spaces. Raises `UnknownNode` or `UnknownInput`.
    """
    text = str(address)
    wrong: dict[str, ComfyError] = {}
    for dot in reversed([n for n, char in enumerate(text) if char == "."]):
        ref, name = text[:dot].strip(), text[dot + 1 :].strip()
        if not ref or not name:
            continue
        try:
            node_id = find(workflow, ref)
            check_input(workflow, node_id, name)
        except UnknownInput as error:
            wrong.setdefault("input", error)
        except AmbiguousNode as error:
            wrong.setdefault("ambiguous", error)
        except UnknownNode as error:
            wrong.setdefault("node", error)
        else:
            return node_id, name
    for kind in ("input", "ambiguous", "node"):
        if kind in wrong:
            raise wrong[kind]
    holders = [f"{node.id}.{text}" for node in workflow.nodes if text in node.inputs]
    hint = f"Did you mean {' or '.join(holders[:3])}?" if holders else "For example KSampler.seed, or 3.seed."
    raise UnknownInput(f"{text!r} is not an address: it takes the form NODE.INPUT.", hint=hint)


def input_names(workflow: Workflow, node_id: str) -> list[str]:
    """The inputs a node has in the file, and those its definition offers when a catalog is at hand."""
    names = list(workflow.graph[node_id].get("inputs", {}))
    info = workflow.node(node_id).info
    if info is not None:
        names += [name for name in info.inputs if name not in names]
    return names


def _grows(workflow: Workflow, node_id: str, name: str) -> bool:
    """Whether the name belongs to an input of the V3 schema that brings its own (`images.image0`)."""
    info = workflow.node(node_id).info
    spec = info.inputs.get(name.partition(".")[0]) if info is not None and "." in name else None
    return spec is not None and spec.type.startswith("COMFY_")


def check_input(workflow: Workflow, node_id: str, name: str) -> None:
    """Raise `UnknownInput`, naming the closest, unless the node has or may have this input."""
    names = input_names(workflow, node_id)
    if name in names or _grows(workflow, node_id, name):
        return
    node = workflow.node(node_id)
    hint = did_you_mean(name, names) or (f"It has {', '.join(names)}." if names else "It has no inputs.")
    if node.info is None and workflow.catalog is None and not closest(name, names):
        hint += " Inputs the file leaves out can be set once the node definitions are at hand (nodes=)."
    raise UnknownInput(f"{node.label} has no input {name!r}.", hint=hint)
