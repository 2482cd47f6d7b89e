"""Converts the editor's ("save") format to the API's format, as the ComfyUI editor itself exports it.

The input is never changed. What cannot be known (a custom node the server does not have, a link from
nowhere) becomes a problem and the rest is converted. The rules were observed on frontends 1.27.10 and
1.58.1; where they differ this follows 1.58.1 (file pickers aside), keeps the file's ids for inner nodes
("12:5"), and leaves out values that only a page makes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from ..errors import ConversionError, Problem
from ..protocol.graph import node_title
from .catalog import NodeCatalog
from .editor.export import Exporter
from .editor.graph import ProblemLog, Source
from .editor.javascript import TooDeep, copied
from .editor.loading import Loaded
from .formats import is_api_format, is_editor_format


@dataclass(frozen=True)
class Conversion:
    """A converted workflow: the graph as the API takes it, and what could not be converted or known.

    Problem kinds: `missing_node_type`, `missing_subgraph`, `dangling_link`, `cyclic_link`,
    `duplicate_node_id`, `missing_node_id`, `missing_input`, `invalid_node`, `invalid_link`,
    `invalid_values`, `cyclic_subgraph`, `subgraph_too_deep`, `too_many_nodes`, `needs_editor`,
    `unsupported_extension`, `browser_only`, `replaced_node_type`, `unknown_option`, `unmatched_values`.
    """

    api: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    _exporter: Exporter | None = field(default=None, repr=False, compare=False)

    @cached_property
    def sources(self) -> dict[tuple[str, str], Source]:
        """The source map: where the document saves the value of each (node id, input name), if it does."""
        return self._exporter.sources() if self._exporter is not None else {}

    @property
    def titles(self) -> dict[str, str]:
        """The title of each node by its id."""
        return {key: node_title(node) or "" for key, node in self.api.items()}


def convert(
    ui: Mapping[str, Any],
    catalog: NodeCatalog | Mapping[str, Any],
    *,
    rng: random.Random | None = None,
    now: datetime | None = None,
    keep_placeholders: bool = False,
) -> Conversion:
    """The API graph of an editor-format workflow, and everything that could not be converted.

    `catalog` is a `NodeCatalog` or the server's `object_info`. `rng` draws the branches of dynamic
    prompts (`{day|night}`), `now` is the time for `%date:…%` in file names; both default to the moment.
    `keep_placeholders` leaves `%…%` in file names as it is.
    A graph already in API format comes back as it is. Raises `ConversionError` when nothing can be
    converted.
    """
    if is_api_format(ui):
        return Conversion(_as_it_is(ui))
    if not is_editor_format(ui):
        raise ConversionError(
            f"This is not a workflow of the ComfyUI editor: {_what(ui)}.",
            hint="An editor file is a JSON object with a list of nodes; save it again from the editor.",
        )
    problems = ProblemLog()
    nodes = NodeCatalog.from_object_info(catalog)
    loaded = Loaded(ui, nodes, problems, now, keep_placeholders=keep_placeholders)
    if ui["nodes"] and not loaded.root.nodes:
        raise ConversionError(
            "No entry of this workflow's list of nodes is a node.", problems=problems.listed()
        )
    exporter = Exporter(loaded, rng or random.Random())
    return Conversion(exporter.api(), problems.listed(), exporter)


def to_api(ui: Mapping[str, Any], object_info: NodeCatalog | Mapping[str, Any]) -> dict[str, Any]:
    """The API graph alone, without the problems."""
    return convert(ui, object_info).api


def _as_it_is(api: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {str(key): copied(node) for key, node in api.items()}
    except TooDeep:
        raise ConversionError("A value in this graph is nested too deeply.") from None


def _what(data: Any) -> str:
    if not isinstance(data, Mapping):
        return f"a {type(data).__name__}, not an object"
    if not data:
        return "an empty object"
    return "it has no list of nodes"
