"""Which node comes after which: a drawing and reading order that survives loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .wire import is_link

Graph = Mapping[str, Mapping[str, Any]]


def links(graph: Graph) -> Iterator[tuple[str, str, str, int]]:
    """Every link as (reader, input name, source, output index), in the order of the file."""
    for node_id, node in graph.items():
        for name, value in node.get("inputs", {}).items():
            if is_link(value):
                yield node_id, name, str(value[0]), value[1]


def sources(graph: Graph) -> dict[str, list[str]]:
    """For each node, the nodes it reads from that exist, in the order of its inputs."""
    found: dict[str, list[str]] = {node_id: [] for node_id in graph}
    for reader, _, source, _ in links(graph):
        if source in found:
            found[reader].append(source)
    return found


def cycle(graph: Graph) -> list[str]:
    """The nodes of one loop in the direction data would flow, or nothing when there is none."""
    before = sources(graph)
    state: dict[str, int] = {}
    for start in before:
        if start in state:
            continue
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(before[start]))]
        state[start] = 1
        path.append(start)
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                state[node] = 2
            elif state.get(following) == 1:
                return path[path.index(following) :][::-1]
            elif following not in state:
                state[following] = 1
                path.append(following)
                stack.append((following, iter(before[following])))
    return []


def layers(graph: Graph) -> dict[str, int]:
    """The column of each node: one more than the furthest it reads from; a loop's last link counts not."""
    before = sources(graph)
    column: dict[str, int] = {}
    on_path: set[str] = set()
    for start in before:
        stack = [(start, False)]
        while stack:
            node, done = stack.pop()
            if done:
                on_path.discard(node)
                column[node] = 1 + max((column.get(s, -1) for s in before[node]), default=-1)
            elif node not in column and node not in on_path:
                on_path.add(node)
                stack.append((node, True))
                stack.extend((s, False) for s in before[node] if s not in column and s not in on_path)
    return column


def upstream(graph: Graph, targets: list[str]) -> set[str]:
    """The targets and everything they need."""
    before = sources(graph)
    found: set[str] = set()
    todo = [node for node in targets if node in before]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo.extend(before[node])
    return found


def reading_order(graph: Graph) -> list[str]:
    """Node ids, sources first, otherwise as the file has them."""
    column = layers(graph)
    rank = {node_id: n for n, node_id in enumerate(graph)}
    return sorted(graph, key=lambda node_id: (column[node_id], rank[node_id]))
