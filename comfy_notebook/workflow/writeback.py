"""Edited values put back into the editor's document, so that a saved picture opens in ComfyUI as it was run.

The conversion's source map says where each value is saved. The document is converted once more with the
new values, and used only when that gives exactly the edited graph.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..errors import ComfyError, ConversionError, Problem
from ..protocol.graph import node_class, node_title
from .catalog import NodeCatalog
from .convert import Conversion, convert
from .editor.compose import composed
from .editor.graph import Node, Source
from .editor.plans import Plans
from .editor.reading import file_inputs
from .editor.values import dynamic_values
from .model import layers
from .values import duplicate, is_json, is_link, same, summary, unwrap

_NOW = datetime(2000, 1, 1)
_BRANCHES = re.compile(r"[{}|]")


class _FirstBranch(random.Random):
    """Draws the first branch of every dynamic prompt, so that two conversions agree."""

    def choice(self, seq: Any) -> Any:
        return seq[0]


def written_back(
    editor: Mapping[str, Any],
    original: Mapping[str, Any],
    graph: Mapping[str, Any],
    catalog: NodeCatalog | None,
) -> dict[str, Any] | None:
    """The editor's document with the values of `graph`, or None when it cannot hold them.

    `original` is the graph as it was loaded. Only values can be put back, and the inputs that come with an
    option: links, nodes and titles that changed cannot.
    """
    if catalog is None or not _only_values_differ(original, graph):
        return None
    document: dict[str, Any] = duplicate(dict(editor))
    try:
        done = _converted(document, catalog)
        wanted = done.api
        for node_id in graph:
            if original[node_id]["inputs"].keys() != graph[node_id]["inputs"].keys():
                if node_id not in wanted:
                    return None
                wanted[node_id]["inputs"] = graph[node_id]["inputs"]
                _store_options(document, node_id, graph[node_id], done, catalog)
        for node_id, name, old, new in _edits(original, graph):
            source = done.sources.get((node_id, name))
            before = wanted.get(node_id, {}).get("inputs", {})
            # A prompt that draws a branch reads differently each time: what it says now cannot be compared.
            if source is None or name not in before or not (source.prompt or _equal(before[name], old)):
                return None
            before[name] = new
            _store(document, source, unwrap(new))
        return document if _equal(_converted(document, catalog).api, wanted) else None
    except ComfyError:
        return None


def editor_document(graph: Mapping[str, Any], catalog: NodeCatalog) -> dict[str, Any]:
    """A new document of the editor's format that converts to this graph.

    Inputs the graph leaves out get their defaults, as in the editor. Raises `ConversionError` that lists
    what the editor's format cannot hold.
    """
    document = composed(graph, layers(graph), catalog)
    found = _converted(document, catalog).api
    lost: list[Problem] = []
    for node_id, node in graph.items():
        inputs = found.get(node_id, {}).get("inputs", {})
        for name, value in node.get("inputs", {}).items():
            if name not in inputs and value in ("", None):
                continue
            # The editor fills %date% and %Node.input% when it exports.
            filled = isinstance(value, str) and "%" in value
            if name not in inputs or not (filled or _equal(unwrap(inputs[name]), unwrap(value))):
                lost.append(
                    Problem(
                        f"The editor's format cannot hold {summary(value)} here.",
                        node_id=node_id,
                        node_title=node_title(node),
                        class_type=node_class(node),
                        input_name=name,
                        kind="not_in_editor_format",
                    )
                )
    if lost:
        raise ConversionError("The graph cannot be written in the editor's format.", problems=lost)
    return document


def _only_values_differ(original: Mapping[str, Any], graph: Mapping[str, Any]) -> bool:
    if original.keys() != graph.keys():
        return False
    for node_id, node in graph.items():
        was = original[node_id]
        if not same({**was, "inputs": None}, {**node, "inputs": None}):
            return False
        differing = was["inputs"].keys() ^ node["inputs"].keys()
        if any("." not in name for name in differing):
            return False
        if any(is_link(side["inputs"].get(name)) for side in (was, node) for name in differing):
            return False
    return all(
        is_json(new) and not is_link(old) and not is_link(new) for _, _, old, new in _edits(original, graph)
    )


def _edits(original: Mapping[str, Any], graph: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    """Every input whose value changed: node id, input name, old and new value."""
    for node_id, node in graph.items():
        if original[node_id]["inputs"].keys() != node["inputs"].keys():
            continue
        for name, new in node["inputs"].items():
            old = original[node_id]["inputs"][name]
            if not same(old, new):
                yield node_id, name, old, new


def _store_options(
    document: dict[str, Any], node_id: str, node: Mapping[str, Any], done: Conversion, catalog: NodeCatalog
) -> None:
    """Save all values of a node anew, as the options chosen now bring other inputs than before."""
    paths = [source.path for (owner, _), source in done.sources.items() if owner == node_id]
    path = next((path[:-2] for path in paths if path[-2:-1] == ("widgets_values",)), None)
    plan = Plans(catalog).get(node["class_type"])
    if path is None or plan is None:
        return
    raw: Any = document
    for key in path:
        raw = raw[key]
    inputs = node["inputs"]
    literals = {name: unwrap(value) for name, value in inputs.items() if not is_link(value)}
    saved = raw.get("widgets_values")
    if not isinstance(saved, list):
        return
    entries = file_inputs(raw)
    raw["inputs"] = [e for e in entries if "." not in str(e.get("name")) or e.get("name") in inputs]
    loaded = Node(node_id, node["class_type"], raw, plan=plan)
    was, before = dynamic_values(loaded, plan, saved)
    controls = {slot.name: value for slot, value in zip(before, saved, strict=False) if not slot.exported}
    values, slots = dynamic_values(loaded, plan, {**was, **literals})
    raw["widgets_values"] = [
        values.get(slot.name) if slot.exported else controls.get(slot.name, "fixed") for slot in slots
    ]


def _converted(document: Mapping[str, Any], catalog: NodeCatalog) -> Conversion:
    return convert(document, catalog, rng=_FirstBranch(), now=_NOW, keep_placeholders=True)


def _store(document: dict[str, Any], source: Source, value: Any) -> None:
    """Save a value at its place, making lists and objects that the file leaves out."""
    if source.prompt and isinstance(value, str):
        value = _BRANCHES.sub(r"\\\g<0>", value)
    holder: Any = document
    for key, following in zip(source.path, source.path[1:], strict=False):
        if isinstance(holder, dict) and holder.get(key) is None:
            holder[key] = [] if isinstance(following, int) else {}
        holder = holder[key]
    last = source.path[-1]
    if isinstance(last, int):
        holder += source.before[max(0, len(holder) - (last - len(source.before))) :]
        holder[last:] = [value, *holder[last + 1 :]]
    else:
        holder[last] = value


def _equal(one: Any, other: Any) -> bool:
    """Whether two values are the same to JavaScript, which has one kind of number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if {type(one), type(other)} == {int, float}:
        return bool(one == other)
    return same(one, other)
