"""Loads a whole file: the root graph and every definition it uses.

Each definition is read once. Inner definitions are finished before the outer ones that show their widgets,
whatever their order in the file. Nothing here is recursive, so deep nesting cannot exhaust the stack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..catalog import NodeCatalog
from .everywhere import add_everywhere_links
from .graph import MOST_NODES, Graph, Node, Path, ProblemLog
from .groups import PREFIXES, GroupClass, expand_group, group_classes, group_name
from .javascript import id_key
from .packs import installed
from .plans import Plans
from .primitives import apply_primitives
from .reading import read_graph, repair_links
from .subgraphs import lay_out_instance, promote
from .texts import Names


class Loaded:
    """The live graphs of one file."""

    def __init__(
        self,
        data: Mapping[str, Any],
        catalog: NodeCatalog,
        problems: ProblemLog,
        now: datetime | None = None,
        *,
        keep_placeholders: bool = False,
    ) -> None:
        self.problems = problems
        self.plans = Plans(catalog)
        self._definitions = _definitions(data)
        extra = data.get("extra")
        listed = extra.get("groupNodes") if isinstance(extra, dict) else None
        self._groups = group_classes(listed, self.plans) if isinstance(listed, dict) else {}
        named = (f"{prefix}{name}" for name in self._groups for prefix in PREFIXES)
        self._nested = {*self._definitions, *named}
        self._opened = 0
        self._read: dict[str, Graph] = {}
        self.root = self._graph(data, ())
        self._number_groups(data.get("last_node_id"))
        self._read_all()
        repair_links(self.root)
        add_everywhere_links(self.root, data, problems)
        for key, inside in self._read.items():
            add_everywhere_links(inside, self._definitions[key][0], problems)
        self._report_browser_nodes(catalog)
        for graph in self._inner_first():
            for node in graph.nodes.values():
                if node.instance:
                    promote(node, problems)
        self.names = Names(self.root, now, kept=keep_placeholders)
        for graph in self.every_graph():
            apply_primitives(graph, self.names)

    def _report_browser_nodes(self, catalog: NodeCatalog) -> None:
        """Name the nodes that exist in the editor only, where the server does not have their pack."""
        graphs = self.every_graph()
        counts = Counter(node.type for graph in graphs for node in graph.nodes.values() if node.browser)
        if not counts:
            return
        definitions = (raw for raw in catalog.raw.values() if isinstance(raw, dict))
        modules = {str(raw.get("python_module")) for raw in definitions}
        for node_type, count in counts.items():
            if not installed(node_type, modules):
                self.problems.add(
                    "browser_only",
                    f"{count} nodes of type {node_type!r} exist in the editor only: they are left out, and"
                    " links through them followed.",
                    severity="warning",
                )

    def every_graph(self) -> list[Graph]:
        """The root, each definition, and the inside of each group node."""
        found = [self.root, *self._read.values()]
        for graph in found:
            found += [n.graph for n in graph.nodes.values() if n.graph is not None and n.group]
        return found

    def _graph(self, data: Mapping[str, Any], path: Path) -> Graph:
        graph = read_graph(data, self.plans, self._nested, self.problems, path)
        for node in graph.nodes.values():
            if node.type not in self._definitions and (
                group := self._groups.get(group_name(node.type) or "")
            ):
                self._expand(node, group, frozenset())
        return graph

    def _expand(self, node: Node, group: GroupClass, within: frozenset[str]) -> None:
        """Expand one group node; a group inside itself is reported and left empty."""
        if group.name in within or len(within) > 20:
            self.problems.add("cyclic_subgraph", f"The group node {group.name!r} contains itself.", node)
            node.graph, node.group = Graph("", group.name), True
            return
        self._opened += len(group.nodes)
        if self._opened > MOST_NODES:
            self.problems.add("too_many_nodes", "Its group nodes expand too far: the rest is left out.")
            node.graph, node.group = Graph("", group.name), True
            return
        expand_group(node, group, self.plans, self.problems, self._nested)
        for inner in node.graph.nodes.values() if node.graph else ():
            if deeper := self._groups.get(group_name(inner.type) or ""):
                self._expand(inner, deeper, within | {group.name})

    def _number_groups(self, last: Any) -> None:
        """Give the group nodes of the root graph the ids that 1.58.1 gives them when it loads the file."""
        if not any(node.group for node in self.root.nodes.values()):
            return
        ids = [int(key) for key in self.root.nodes if key.isdecimal() and len(key) < 10]
        following = max([*ids, last if type(last) is int else 0]) + 1
        for node in self.root.nodes.values():
            if node.group and node.graph is not None:
                for inner in node.graph.nodes.values():
                    inner.new_id = str(following)
                    following += 1
                node.new_id = str(following)
                following += 1

    def _read_all(self) -> None:
        """Read every definition reachable from the root, and lay out the instances of each."""
        waiting = [self.root]
        while waiting:
            graph = waiting.pop()
            for node in graph.nodes.values():
                if node.type not in self._definitions:
                    continue
                if node.type not in self._read:
                    self._read[node.type] = self._graph(*self._definitions[node.type])
                    waiting.append(self._read[node.type])
                lay_out_instance(node, self._read[node.type])

    def _inner_first(self) -> list[Graph]:
        """Every graph with instances, inner definitions before the outer ones that use them."""
        order: list[Graph] = []
        state: dict[int, int] = {}
        for start in (*self._read.values(), self.root):
            stack = [start]
            while stack:
                graph = stack[-1]
                if state.get(id(graph)) is None:
                    state[id(graph)] = 1
                    stack += [
                        n.graph
                        for n in graph.nodes.values()
                        if n.graph is not None and n.instance and id(n.graph) not in state
                    ]
                    continue
                stack.pop()
                if state[id(graph)] == 1:
                    state[id(graph)] = 2
                    order.append(graph)
        return order


def _definitions(data: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], Path]]:
    """Subgraph definitions and their paths by id, those nested in other definitions included."""
    found: dict[str, tuple[Mapping[str, Any], Path]] = {}
    waiting: list[tuple[Mapping[str, Any], Path]] = [(data, ())]
    while waiting:
        outer, path = waiting.pop()
        holder = outer.get("definitions")
        listed = holder.get("subgraphs") if isinstance(holder, dict) else None
        for at, entry in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(entry, dict) and (key := id_key(entry.get("id"))):
                found[key] = entry, (*path, "definitions", "subgraphs", at)
                waiting.append(found[key])
    return found
