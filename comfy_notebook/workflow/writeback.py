"""Edited values put back into the editor's document, so that a saved picture opens in ComfyUI as it was run.

Where a value stands in the editor's file follows from rules that only conversion knows, so no rule is
repeated here: a place that holds the old value is tried, and kept when the document then converts to
exactly the edited graph. What cannot be shown that way is not written.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError
from .values import duplicate, is_json, is_link, same, unwrap

if TYPE_CHECKING:
    from .catalog import NodeCatalog

_MOST_EDITS, _MOST_TRIES = 64, 200
_NOW = datetime(2000, 1, 1)


def written_back(
    editor: Mapping[str, Any],
    original: Mapping[str, Any],
    graph: Mapping[str, Any],
    catalog: NodeCatalog | None,
) -> dict[str, Any] | None:
    """The editor's document with the values of `graph`, or None when it cannot be made to say the same.

    `original` is the graph as it was loaded. Only values can be put back: links, nodes and titles that
    changed cannot.
    """
    edits = _edits(original, graph)
    if catalog is None or edits is None or len(edits) > _MOST_EDITS:
        return None
    document: dict[str, Any] = duplicate(dict(editor))
    try:
        wanted = _converted(document, catalog)
        tries = 0
        for node_id, name, old, new in edits:
            before = wanted.get(node_id, {}).get("inputs", {})
            if name not in before or not same(before[name], old):
                return None
            before[name] = new
            for holder, key in _places(document, node_id, unwrap(old)):
                tries += 1
                if tries > _MOST_TRIES:
                    return None
                kept, holder[key] = holder[key], unwrap(new)
                if same(_converted(document, catalog), wanted):
                    break
                holder[key] = kept
            else:
                return None
    except ComfyError:
        return None
    return document


def _edits(original: Mapping[str, Any], graph: Mapping[str, Any]) -> list[tuple[str, str, Any, Any]] | None:
    if original.keys() != graph.keys():
        return None
    found = []
    for node_id, node in graph.items():
        was = original[node_id]
        if not same({**was, "inputs": None}, {**node, "inputs": None}):
            return None
        if was["inputs"].keys() != node["inputs"].keys():
            return None
        for name, new in node["inputs"].items():
            old = was["inputs"][name]
            if same(old, new):
                continue
            if is_link(old) or is_link(new) or not is_json(new):
                return None
            found.append((node_id, name, old, new))
    return found


def _converted(document: Mapping[str, Any], catalog: NodeCatalog) -> dict[str, Any]:
    from .convert import convert

    # One and the same draw for every {a|b}, one and the same time for every %date%.
    return convert(document, catalog, rng=random.Random(0), now=_NOW).api


def _places(document: Mapping[str, Any], node_id: str, old: Any) -> Iterator[tuple[Any, Any]]:
    """Where the old value is saved: in the node itself first, then wherever else it may come from."""
    holders: list[tuple[int, Any]] = []
    path = node_id.split(":")
    definitions = document.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    for part in [document, *(subgraphs if isinstance(subgraphs, list) else [])]:
        nodes = part.get("nodes") if isinstance(part, dict) else None
        for node in nodes if isinstance(nodes, list) else ():
            values = node.get("widgets_values") if isinstance(node, dict) else None
            if isinstance(values, (list, dict)):
                own = str(node.get("id"))
                near = 0 if own == path[0] and part is document else 1 if own in path else 2
                holders.append((near, values))
    for _, values in sorted(holders, key=lambda holder: holder[0]):
        for key in range(len(values)) if isinstance(values, list) else list(values):
            if same(values[key], old):
                yield values, key
