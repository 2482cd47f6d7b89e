"""Placeholders in the names of saved files, filled in when the graph is sent.

The editor replaces `%date:yyyy-MM-dd%` and `%Node.input%` in `filename_prefix` when it queues a workflow;
the server does not know them. A workflow keeps them until then, so that a name has the seed of its own run
and the editor's document still agrees with the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..protocol.graph import node_class, node_title
from .catalog import NodeCatalog
from .editor.graph import ProblemLog
from .editor.javascript import NOTHING
from .editor.loading import Loaded
from .editor.plans import PREFIXED
from .editor.texts import filled_name
from .values import is_link

PREFIX = "filename_prefix"


def fill_names(
    graph: Mapping[str, Any],
    document: Callable[[], Mapping[str, Any] | None] = lambda: None,
    catalog: NodeCatalog | None = None,
    now: datetime | None = None,
) -> None:
    """Fill in the names of saved files in `graph`, in place.

    `document` gives the editor's document with the same values, or None; it is called when it is needed.
    Without a document, or without a catalog, nodes are found by class and title in the graph.
    """
    named = {
        node_id: text
        for node_id, node in graph.items()
        if node_class(node) in PREFIXED and "%" in (text := _prefix(node))
    }
    if not named:
        return
    find = _Nodes(graph).value
    if catalog is not None and (saved := document()) is not None:
        find = Loaded(saved, catalog, ProblemLog(), now).names.value
    moment = now or datetime.now()
    for node_id, text in named.items():
        graph[node_id]["inputs"][PREFIX] = filled_name(text, find, moment)


class _Nodes:
    """Nodes of a graph in the API's format, by class, else by title; the first of several."""

    def __init__(self, graph: Mapping[str, Any]) -> None:
        self._by_class: dict[str | None, Any] = {}
        self._by_title: dict[str | None, Any] = {}
        for node in graph.values():
            kind = node_class(node)
            if kind not in PREFIXED:
                self._by_class.setdefault(kind, node)
            self._by_title.setdefault(node_title(node), node)

    def value(self, name: str, widget: str) -> Any:
        node = self._by_class.get(name) or self._by_title.get(name)
        inputs = node.get("inputs") if isinstance(node, Mapping) else None
        found = inputs.get(widget, NOTHING) if isinstance(inputs, Mapping) else NOTHING
        return NOTHING if is_link(found) else found


def _prefix(node: Any) -> str:
    inputs = node.get("inputs") if isinstance(node, Mapping) else None
    text = inputs.get(PREFIX) if isinstance(inputs, Mapping) else None
    return text if isinstance(text, str) else ""
