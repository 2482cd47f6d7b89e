"""The live graph: nodes with sockets and widget values, links, and graphs within graphs.

Plain records, filled by `reading` and the modules after it, read by `resolve` and `export`. All ids are
strings (`javascript.id_key`). A `Graph` is shared by all instances of its definition; what an instance
changes is kept on its own `Node`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import Problem
from ..specs import InputSpec
from .plans import Plan, Socket

MUTED, BYPASSED = 2, 4
INPUT_SIDE, OUTPUT_SIDE = "-10", "-20"
PRIMITIVE, REROUTE = "PrimitiveNode", "Reroute"
VIRTUAL = frozenset({PRIMITIVE, REROUTE, "Note", "MarkdownNote"})
#: How many nodes one file may expand to.
MOST_NODES = 20_000
_MOST_PROBLEMS = 500


@dataclass(slots=True)
class Link:
    """One connection; a slot is None when the file has no number for it."""

    id: str
    origin: str
    origin_slot: int | None
    target: str
    target_slot: int | None


Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the document saves a value: the keys that lead to it.

    `before` are the entries to save ahead of it in its list when that is too short. A `prompt` is expanded
    (`{a|b}`) when it is exported.
    """

    path: Path
    before: tuple[Any, ...] = ()
    prompt: bool = False


@dataclass(slots=True)
class Promotion:
    """A widget of an inner node shown on a subgraph instance: its value there, and what it writes to."""

    name: str
    value: Any
    spec: InputSpec | None
    target: tuple[str, str]
    source: Source | None = None


@dataclass(slots=True)
class Node:
    """One node as loaded: `sockets` and `links` run in parallel, `values` are its exported widgets.

    `path` leads to the node in the document. `written` says where a value is saved that is not the node's
    own: in a PrimitiveNode or a group node. `overrides` are values that an instance gives to widgets inside.
    """

    id: str
    type: str
    raw: Mapping[str, Any]
    path: Path = ()
    mode: int = 0
    new_id: str = ""
    plan: Plan | None = None
    sockets: list[Socket] = field(default_factory=list)
    links: list[str | None] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    graph: Graph | None = None
    group: bool = False
    browser: bool = False
    shows: dict[str, tuple[str, str]] = field(default_factory=dict)
    promoted: list[Promotion | None] = field(default_factory=list)
    written: dict[str, Source] | None = None
    overrides: dict[tuple[str, str], tuple[Any, Source]] = field(default_factory=dict)
    _arrivals: dict[str, int] | None = None

    @property
    def export_id(self) -> str:
        """The id in the export: the file's, but for the nodes of an expanded group node."""
        return self.new_id or self.id

    @property
    def virtual(self) -> bool:
        """True for what exists only in the editor: it passes links on and is never exported."""
        return self.plan is None and self.graph is None and (self.browser or self.type in VIRTUAL)

    @property
    def instance(self) -> bool:
        """True for an instance of a subgraph definition, which may show widgets of its inner nodes."""
        return self.graph is not None and not self.group

    @property
    def title(self) -> str:
        """The file's title when it has one, else the display name of the class, else the type."""
        given = self.raw.get("title")
        if isinstance(given, str) and given:
            return given
        return self.plan.info.display_name if self.plan else self.type

    @property
    def properties(self) -> Mapping[str, Any]:
        """The node's properties, empty when the file has none."""
        found = self.raw.get("properties")
        return found if isinstance(found, dict) else {}

    def lay_out(self, sockets: list[Socket], links: list[str | None], outputs: list[str]) -> None:
        """Give the node its inputs, the link each names, and the types of its outputs."""
        self.sockets, self.links, self.outputs = sockets, links, outputs
        self._arrivals = None

    def arrival(self, link_id: str) -> int | None:
        """Which input has this link."""
        if self._arrivals is None:
            self._arrivals = {key: at for at, key in enumerate(self.links) if key is not None}
        return self._arrivals.get(link_id)

    def connect(self, slot: int, link_id: str) -> None:
        """Link an input."""
        self.links[slot] = link_id
        self._arrivals = None

    def socket_of(self, link: Link) -> int | None:
        """Which input this link arrives at: the one that names it, else the slot the link names."""
        arrived = self.arrival(link.id)
        if arrived is not None:
            return arrived
        slot = link.target_slot
        return slot if slot is not None and slot < len(self.sockets) and self.links[slot] is None else None


@dataclass(slots=True)
class Boundary:
    """One input or output of a subgraph definition, and the inner links that belong to it."""

    name: str
    type: str
    links: list[str]


@dataclass(slots=True)
class Graph:
    """The root graph, or the inside of a subgraph definition or group node.

    `repeated` are the ids that more than one node has: which of them a link means cannot be known.
    """

    id: str
    name: str
    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    inputs: list[Boundary] = field(default_factory=list)
    outputs: list[Boundary] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)


class ProblemLog:
    """The problems found: each once, and at most 500 of them."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._seen: set[tuple[Any, ...]] = set()
        self._left_out = 0

    def add(
        self,
        kind: str,
        message: str,
        node: Node | None = None,
        *,
        path: str = "",
        input_name: str | None = None,
        severity: str = "error",
        suggestion: str | None = None,
        **details: Any,
    ) -> None:
        """Report one problem; `path` is the prefix of the node's id in the export ("12:")."""
        node_id = path + node.export_id if node else None
        key = (kind, node_id, input_name, message)
        if key in self._seen:
            return
        if len(self.found) >= _MOST_PROBLEMS:
            self._left_out += 1
            return
        self._seen.add(key)
        self.found.append(
            Problem(
                message=message,
                node_id=node_id,
                node_title=node.title if node else None,
                class_type=node.type if node else None,
                input_name=input_name,
                kind=kind,
                suggestion=suggestion,
                severity=severity,
                details=details,
            )
        )

    def listed(self) -> list[Problem]:
        """Every problem, and a line saying how many were left out."""
        if not self._left_out:
            return self.found
        more = Problem(f"{self._left_out} more problems are not listed.", kind="too_many_problems")
        return [*self.found, more]
