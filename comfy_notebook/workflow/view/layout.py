"""Where the boxes of a graph go: layers from left to right, few crossings, links nearly straight.

A small Sugiyama layout: every box has its column already; links that cross columns get a narrow
place in each column they pass; columns are ordered by the mean place of their neighbours; heights
follow by isotonic regression, which puts each box as near to where its links want it as the order
and the gaps allow. Pure and deterministic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

GAP_Y = 22.0
LANE = 9.0
_STIFF = (1.0, 2.0, 8.0)  # how hard a link pulls: between boxes, to a lane, from lane to lane


@dataclass
class Box:
    """A node to place: its column and height in, its `y` out."""

    id: str
    column: int
    height: float
    y: float = 0.0
    lane: bool = False


@dataclass(frozen=True)
class Wire:
    """A link: from the output of one box to the input of another, each at a height inside its box."""

    source: str
    source_at: float
    target: str
    target_at: float
    key: str = ""


@dataclass
class Placed:
    """The result: boxes by id, each wire's way points as (column, y), and the height of it all."""

    boxes: dict[str, Box]
    ways: list[list[tuple[int, float]]] = field(default_factory=list)
    height: float = 0.0


def columns(before: Mapping[str, list[str]], layer: Mapping[str, int]) -> dict[str, int]:
    """Columns from layers: what reads nothing moves right, next to the first that reads it."""
    readers: dict[str, list[str]] = defaultdict(list)
    for node, sources in before.items():
        for source in sources:
            readers[source].append(node)
    column = dict(layer)
    for node in sorted(layer, key=lambda node: -layer[node]):
        later = [column[reader] for reader in readers[node] if column[reader] > layer[node]]
        if not before[node] and later:
            column[node] = min(later) - 1
    return column


def place(boxes: Iterable[Box], wires: list[Wire]) -> Placed:
    """Give every box its `y` and every wire the points it passes."""
    known = {box.id: box for box in boxes}
    grid: dict[int, list[Box]] = defaultdict(list)
    for box in known.values():
        grid[box.column].append(box)
    segments: list[tuple[str, float, str, float]] = []
    lanes: dict[tuple[str, str, int], Box] = {}
    passes: list[list[Box]] = []
    for wire in wires:
        first, last = known[wire.source], known[wire.target]
        way: list[Box] = []
        here, at = first.id, wire.source_at
        for column in range(first.column + 1, last.column):
            key = (wire.source, wire.key, column)
            if key not in lanes:
                lanes[key] = Box(f"\0{len(lanes)}", column, LANE, lane=True)
                grid[column].append(lanes[key])
                segments.append((here, at, lanes[key].id, LANE / 2))
            here, at = lanes[key].id, LANE / 2
            way.append(lanes[key])
        if first.column < last.column:
            segments.append((here, at, wire.target, wire.target_at))
        passes.append(way)
    everything = {**known, **{box.id: box for box in lanes.values()}}
    _order(grid, segments)
    _heights(grid, segments, everything)
    lowest = min((box.y for box in everything.values()), default=0.0)
    for box in everything.values():
        box.y -= lowest
    ways = [[(box.column, box.y + LANE / 2) for box in way] for way in passes]
    return Placed(known, ways, max((box.y + box.height for box in everything.values()), default=0.0))


def _order(grid: dict[int, list[Box]], segments: list[tuple[str, float, str, float]]) -> None:
    into: dict[str, list[tuple[str, float]]] = defaultdict(list)
    out: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for source, source_at, target, target_at in segments:
        into[target].append((source, source_at))
        out[source].append((target, target_at))
    rank = {box.id: float(n) for boxes in grid.values() for n, box in enumerate(boxes)}
    height = {box.id: box.height for boxes in grid.values() for box in boxes}
    for sweep in range(10):
        forth = sweep % 2 == 0
        for column in sorted(grid, reverse=not forth):
            near = into if forth else out
            wanted = {}
            for box in grid[column]:
                places = [rank[other] + at / (height[other] + 1) for other, at in near[box.id]]
                wanted[box.id] = sum(places) / len(places) if places else rank[box.id]
            grid[column].sort(key=lambda box: (wanted[box.id], rank[box.id]))
            for n, box in enumerate(grid[column]):
                rank[box.id] = float(n)


def _heights(
    grid: dict[int, list[Box]], segments: list[tuple[str, float, str, float]], boxes: dict[str, Box]
) -> None:
    near: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for source, source_at, target, target_at in segments:
        weight = _STIFF[boxes[source].lane + boxes[target].lane]
        near[source].append((target, target_at - source_at, weight))
        near[target].append((source, source_at - target_at, weight))
    for column in grid.values():
        total = sum(box.height + _gap(box) for box in column)
        y = -total / 2
        for box in column:
            box.y = y
            y += box.height + _gap(box)
    for sweep in range(40):
        for number in sorted(grid, reverse=sweep % 2 == 1):
            column = grid[number]
            wanted = []
            for box in column:
                total = sum(weight for _, _, weight in near[box.id])
                pull = sum((boxes[other].y + shift) * weight for other, shift, weight in near[box.id])
                wanted.append((pull / total, total) if total else (box.y, 0.1))
            _settle(column, wanted)


def _gap(box: Box) -> float:
    return LANE if box.lane else GAP_Y


def _settle(column: list[Box], wanted: list[tuple[float, float]]) -> None:
    """The heights nearest to those wanted that keep order and gaps (pool adjacent violators)."""
    offset, offsets = 0.0, []
    for n, box in enumerate(column):
        offsets.append(offset)
        below = column[n + 1] if n + 1 < len(column) else box
        offset += box.height + (LANE if box.lane and below.lane else GAP_Y if not box.lane else GAP_Y / 2)
    pools: list[tuple[float, float, int]] = []
    for (want, weight), start in zip(wanted, offsets, strict=True):
        mean, count = want - start, 1
        while pools and pools[-1][0] > mean:
            other, heavy, others = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + others
        pools.append((mean, weight, count))
    n = 0
    for mean, _, count in pools:
        for _ in range(count):
            column[n].y = mean + offsets[n]
            n += 1
