"""Finds what feeds a socket: the output of another node, a value held by a subgraph instance, or nothing.

A link is followed through reroutes, bypassed nodes and the boundaries of subgraphs. Each step is one turn
of a loop and its result is cached, so long chains need little time and no stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..specs import types_accept
from .graph import BYPASSED, INPUT_SIDE, MUTED, PRIMITIVE, Graph, Link, Node, ProblemLog, Source
from .javascript import NOTHING
from .packs import GETTER, SETTER, held_name

_DEEPEST = 100
_MOST_SOCKETS = 256


@dataclass(frozen=True, slots=True)
class Literal:
    """A value held by a subgraph instance's widget: it stands in place of a link."""

    value: Any
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """The output of an exported node, by the id it has in the export."""

    node_id: str
    slot: int


Feed = Output | Literal | None
"""What feeds a socket."""


@dataclass(eq=False, slots=True)
class Scope:
    """One graph as it stands in one place: the root, or the inside of one instance ("12:5:")."""

    graph: Graph
    prefix: str = ""
    parent: Scope | None = None
    instance: Node | None = None
    depth: int = 0
    inner: dict[str, Scope | None] = field(default_factory=dict)

    def enter(self, node: Node, problems: ProblemLog) -> Scope | None:
        """The inside of an instance here; None where a definition contains itself or nests too deep."""
        if node.id in self.inner:
            return self.inner[node.id]
        found: Scope | None = None
        graph = node.graph
        if graph is not None and self.depth >= _DEEPEST:
            problems.add(
                "subgraph_too_deep",
                f"Subgraphs nest more than {_DEEPEST} deep here: the rest is left out.",
                node,
            )
        elif graph is not None and self._within(graph):
            problems.add(
                "cyclic_subgraph",
                f"The subgraph {graph.name or node.type!r} contains itself: the inner copy is left out.",
                node,
                path=self.prefix,
            )
        elif graph is not None:
            found = Scope(graph, f"{self.prefix}{node.export_id}:", self, node, self.depth + 1)
        self.inner[node.id] = found
        return found

    def _within(self, graph: Graph) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if scope.graph is graph:
                return True
            scope = scope.parent
        return False

    def held(self, slot: int) -> Literal | None:
        """The value this instance's widget holds for one of its inputs."""
        node, parent = self.instance, self.parent
        promotion = node.promoted[slot] if node and slot < len(node.promoted) else None
        if node is None or parent is None or promotion is None:
            return None
        value = promotion.value, promotion.source
        if parent.instance is not None and parent.instance.overrides:
            value = parent.instance.overrides.get((node.id, promotion.name), value)
        return None if value[0] is NOTHING else Literal(*value)


@dataclass(frozen=True, slots=True)
class _At:
    """A point on the way back along a link: an input (`side` I) or output (O), and the type wanted."""

    scope: Scope
    node: Node
    side: str
    slot: int
    type: str | None


class Resolver:
    """Finds what feeds each socket, and reports links that lead nowhere."""

    def __init__(self, problems: ProblemLog) -> None:
        self._problems = problems
        self._known: dict[tuple[int, str, int, str | None], Feed] = {}
        self._setters: dict[int, dict[str | None, Node]] = {}

    def source(self, scope: Scope, node: Node, slot: int) -> Feed:
        """What feeds this input."""
        link_id = node.links[slot]
        link = scope.graph.links.get(link_id) if link_id is not None else None
        if link is not None and link.origin_slot is not None:
            origin = scope.graph.nodes.get(link.origin)
            if origin is not None and origin.plan is not None and not origin.mode:
                return Output(scope.prefix + (origin.new_id or origin.id), link.origin_slot)
        return self._walk(_At(scope, node, "I", slot, None))

    def _walk(self, start: _At) -> Feed:
        here: _At | Feed = start
        seen: set[tuple[int, str, str, int]] = set()
        trail: list[tuple[int, str, int, str | None]] = []
        while isinstance(here, _At):
            place = (id(here.scope), here.node.id, here.side, here.slot)
            if place in seen:
                self._problems.add(
                    "cyclic_link",
                    "Links through bypassed or reroute nodes run in a circle: the input stays open.",
                    start.node,
                    path=start.scope.prefix,
                    input_name=start.node.sockets[start.slot].name,
                )
                here = None
                break
            seen.add(place)
            if here.side == "I":
                here = self._into(here)
                continue
            key = (id(here.scope), here.node.id, here.slot, here.type)
            if key in self._known:
                here = self._known[key]
                break
            trail.append(key)
            here = self._out_of(here)
        for key in trail:
            self._known[key] = here
        return here

    def _into(self, at: _At) -> _At | Feed:
        """One step back along the link into an input."""
        scope, node = at.scope, at.node
        if at.slot >= len(node.links) or (link_id := node.links[at.slot]) is None:
            return None
        link = scope.graph.links.get(link_id)
        socket = node.sockets[at.slot]
        if link is None:
            self._dangling(at, f"Its link {link_id} is not in the file's list of links")
            return None
        wanted = socket.type if at.type is None else at.type
        if link.origin_slot is None:
            self._dangling(at, f"Its link {link_id} comes from no slot")
            return None
        if scope.parent is not None and link.origin == INPUT_SIDE:
            return self._through_boundary(scope, link.origin_slot)
        origin = scope.graph.nodes.get(link.origin)
        if origin is None:
            self._dangling(at, f"Its link {link_id} comes from node {link.origin}, which is not in the file")
            return None
        return _At(scope, origin, "O", link.origin_slot, wanted)

    def _through_boundary(self, scope: Scope, slot: int) -> _At | Feed:
        """From the input side of a subgraph to what feeds that input of its instance."""
        parent, instance = scope.parent, scope.instance
        if parent is None or instance is None or slot >= len(instance.sockets):
            return None
        link_id = instance.links[slot]
        if link_id is None or self._from_primitive(parent, parent.graph.links.get(link_id)):
            return scope.held(slot)
        return _At(parent, instance, "I", slot, None)

    def _from_primitive(self, scope: Scope, link: Link | None) -> bool:
        """Whether a link comes from a PrimitiveNode, whose value the instance's widget then holds."""
        origin = scope.graph.nodes.get(link.origin) if link else None
        return origin is not None and origin.type == PRIMITIVE

    def _out_of(self, at: _At) -> _At | Feed:
        """One step back from an output, or what the link comes from."""
        scope, node = at.scope, at.node
        if node.mode == MUTED and not node.group:
            return None
        if node.mode == BYPASSED and not node.group:
            slot = bypass_slot(node, at.slot, at.type or "")
            return None if slot is None else _At(scope, node, "I", slot, None)
        if node.graph is not None:
            inside = scope.enter(node, self._problems)
            graph = node.graph
            ids = graph.outputs[at.slot].links if at.slot < len(graph.outputs) else []
            link = graph.links.get(ids[0]) if ids else None
            if inside is None or link is None or link.origin_slot is None:
                return None
            if link.origin == INPUT_SIDE:
                return self._through_boundary(inside, link.origin_slot)
            origin = graph.nodes.get(link.origin)
            return _At(inside, origin, "O", link.origin_slot, at.type) if origin else None
        if node.browser and node.type == GETTER:
            return self._held(at)
        if node.virtual:
            return _At(scope, node, "I", at.slot, at.type) if at.slot < len(node.sockets) else None
        return Output(scope.prefix + node.export_id, at.slot)

    def _held(self, at: _At) -> _At | Feed:
        """From a GetNode to what the SetNode of that name holds, in the same graph."""
        graph = at.scope.graph
        if id(graph) not in self._setters:
            setters = (node for node in graph.nodes.values() if node.type == SETTER)
            self._setters[id(graph)] = {held_name(node.raw): node for node in setters}
        name = held_name(at.node.raw)
        setter = self._setters[id(graph)].get(name)
        if setter is None or name is None:
            self._problems.add(
                "dangling_link", f"No SetNode holds {name!r}, which it reads.", at.node, path=at.scope.prefix
            )
            return None
        return _At(at.scope, setter, "I", 0, at.type)

    def _dangling(self, at: _At, what: str) -> None:
        self._problems.add(
            "dangling_link",
            f"{what}: the input stays open.",
            at.node,
            path=at.scope.prefix,
            input_name=at.node.sockets[at.slot].name,
        )


def bypass_slot(node: Node, slot: int, wanted: str) -> int | None:
    """Which input of a bypassed node stands in for one of its outputs; None when none fits.

    For any type, the input of the same number. Else that one when its type fits, else the first of
    exactly the wanted type, else the first that fits. Whether it is linked does not count.
    """
    sockets = node.sockets[:_MOST_SOCKETS]
    if not sockets:
        return None
    if wanted in ("", "*"):
        return slot if slot < len(sockets) else 0
    given = node.outputs[slot] if slot < len(node.outputs) else ""

    def fits(kind: str) -> bool:
        return types_accept(kind, given) and types_accept(kind, wanted)

    if slot < len(sockets) and fits(sockets[slot].type):
        return slot
    exact = next((i for i, socket in enumerate(sockets) if socket.type == wanted), None)
    return exact if exact is not None else next((i for i, s in enumerate(sockets) if fits(s.type)), None)
