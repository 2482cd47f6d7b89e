"""The picture of a workflow: boxes in columns from left to right, links coloured by type, as SVG.

`html` is what a notebook shows: the SVG inline, so that it follows the theme of the page (JupyterLab's
CSS variables, VS Code's, Colab's, else the reader's own light or dark), in a frame that scrolls. Sites
that strip styles and pictures (GitHub) show the outline that stands behind it. `svg` is the same as a
document of its own. Nothing is fetched, no script runs, and every text is escaped: titles and values
come from files of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import Problem
from ...text import escape, printable
from ..catalog import NodeCatalog
from ..model import Graph, class_of, layers, links, output_nodes, output_slots, sources, specs_of
from ..values import is_link, summary, unwrap
from .layout import Box, Placed, Wire, columns, place
from .outline import node_title
from .style import CSS, FRAME_CSS, colour, guess

_WIDTH, _STRIDE, _MARGIN = 230, 300, 14
_TITLE, _ROW, _PAD = 26, 17, 6
_LONGEST_TEXT, _MOST_ROWS, _MOST_NODES = 3, 10, 400
_CHARS = 34
_HOVER = 3000
#: Larger graphs are drawn in less detail, so that the drawing stays small: from how many nodes on, how many
#: rows of values, whether sockets are named, and how long a hover text may be.
_DETAIL = ((250, 0, False, 60), (120, 2, True, 160))


@dataclass
class _Drawn:
    """One node as it will be drawn: sockets on both sides, then rows of values.

    `slots` are all its outputs as (name, type), `outputs` the drawn ones by number, `inputs` the types of
    its linked inputs by name, and `kinds` what the links from its outputs carry.
    """

    id: str
    title: str
    slots: list[tuple[str | None, str | None]]
    marks: str = ""
    hover: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)
    rows: list[tuple[str, str]] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)

    @property
    def sockets(self) -> int:
        return max(len(self.inputs), len(self.outputs))

    @property
    def height(self) -> float:
        return _TITLE + (self.sockets + len(self.rows)) * _ROW + 2 * _PAD

    def input_at(self, name: str) -> float:
        return self.socket_at(list(self.inputs).index(name))

    def output_at(self, slot: int) -> float:
        return self.socket_at(list(self.outputs).index(slot))

    @staticmethod
    def socket_at(n: int) -> float:
        return _TITLE + _PAD + n * _ROW + _ROW // 2


def svg(
    graph: Graph,
    catalog: NodeCatalog | None,
    *,
    editor: Mapping[str, Any] | None = None,
    problems: Iterable[Problem] = (),
) -> str:
    """The picture as an SVG document of its own."""
    body, width, height = _picture(graph, catalog, editor, problems)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cn-graph" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img"><style>{CSS}</style>'
        f'<rect width="100%" height="100%" style="fill:var(--cn-bg)"/>{body}</svg>'
    )


def html(
    graph: Graph,
    catalog: NodeCatalog | None,
    *,
    editor: Mapping[str, Any] | None = None,
    problems: Iterable[Problem] = (),
    outline: str = "",
) -> str:
    """The picture for a notebook, with the outline for sites that strip pictures and styles."""
    body, width, height = _picture(graph, catalog, editor, problems)
    caption = escape(outline.partition("\n")[0], 300)
    least = max(320, round(width * 0.62))
    return (
        f"<style>{CSS}{FRAME_CSS}</style>"
        '<div class="cn-graph-frame" hidden="hidden">'
        f'<svg class="cn-graph" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{caption}" style="width:100%;min-width:{least}px;max-width:{width}px;height:auto;'
        f'display:block">{body}</svg></div>'
        f'<pre class="cn-graph-outline">{escape(outline, 20_000, lines=True)}</pre>'
    )


def _picture(
    graph: Graph, catalog: NodeCatalog | None, editor: Mapping[str, Any] | None, problems: Iterable[Problem]
) -> tuple[str, int, int]:
    ends = set(output_nodes(graph, catalog))
    dropped = len(graph) - _MOST_NODES
    if dropped > 0:
        graph = {node_id: graph[node_id] for node_id in list(graph)[:_MOST_NODES]}
    wrong: dict[str | None, list[str]] = {}
    for problem in problems:
        wrong.setdefault(problem.node_id, []).append(str(problem))
    used = _used_outputs(graph)
    rows, named, hover = next((d[1:] for d in _DETAIL if len(graph) > d[0]), (_MOST_ROWS, True, _HOVER))
    detailed = hover == _HOVER
    nodes: dict[str, _Drawn] = {}
    for node_id in graph:
        slots = output_slots(graph, catalog, node_id, editor)
        shown = used[node_id] | set(range(min(len(slots), 8))) if detailed else used[node_id]
        nodes[node_id] = _drawn(graph, catalog, node_id, slots, shown, wrong.get(node_id, []))
        if not detailed:
            nodes[node_id].rows = nodes[node_id].rows[:rows]
        nodes[node_id].marks = " o" * (node_id in ends) + " x" * (node_id in wrong)
    wires, kinds = _wires(graph, nodes)
    column = columns(sources(graph), layers(graph))
    placed = place([Box(n.id, column[n.id], n.height) for n in nodes.values()], wires)
    parts = [
        _link(wire, kind, way, placed) for wire, kind, way in zip(wires, kinds, placed.ways, strict=True)
    ]
    parts += [_node(node, placed, named, hover) for node in nodes.values()]
    last = max((box.column for box in placed.boxes.values()), default=0)
    width, height = last * _STRIDE + _WIDTH + 2 * _MARGIN, round(placed.height) + 2 * _MARGIN
    if not nodes:
        parts.append(f'<text class="d" x="{_MARGIN}" y="{_MARGIN + 14}">no nodes</text>')
        height += 24
    if dropped > 0:
        parts.append(f'<text class="d" x="{_MARGIN}" y="{height + 12}">… and {dropped} more nodes</text>')
        height += 24
    return "".join(parts), width, height


def _used_outputs(graph: Graph) -> dict[str, set[int]]:
    """The outputs of each node that some other node reads."""
    used: dict[str, set[int]] = {node_id: set() for node_id in graph}
    for _, _, source, slot in links(graph):
        if source in used and 0 <= slot < 1000:
            used[source].add(slot)
    return used


def _drawn(
    graph: Graph,
    catalog: NodeCatalog | None,
    node_id: str,
    slots: list[tuple[str | None, str | None]],
    outputs: set[int],
    wrong: list[str],
) -> _Drawn:
    class_type = printable(class_of(graph, node_id) or "?")
    title = node_title(graph, catalog, node_id).removesuffix(f" [{class_type}]")
    drawn = _Drawn(node_id, title, slots)
    specs = specs_of(graph, catalog, node_id)
    hover = [*wrong, f"{title} · {class_type} · {node_id}"]
    values = []
    for name, value in graph[node_id]["inputs"].items():
        if is_link(value):
            drawn.inputs[name] = specs[name].type if name in specs else guess(name)
            hover.append(f"{name} ← {value[0]}")
        else:
            values.append((name, unwrap(value)))
            hover.append(f"{name} = {summary(value, 400)}")
    drawn.hover = "\n".join(hover)
    for slot in sorted(outputs):
        drawn.outputs[slot] = (slots[slot][0] or "") if slot < len(slots) else ""
    drawn.rows = _rows(values)
    return drawn


def _rows(values: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for n, (name, value) in enumerate(values):
        if len(rows) >= _MOST_ROWS:
            rows.append((f"… {len(values) - n} more", ""))
            break
        if isinstance(value, str):
            text = " ".join(value.split())
            room = _CHARS - _columns(name) - 2
            if _columns(text) > room:
                lines = _wrap(text, _CHARS, _LONGEST_TEXT)
                rows.append((name, ""))
                rows += [("", line) for line in lines]
                continue
            rows.append((name, text))
        else:
            rows.append((name, summary(value, max(8, _CHARS - _columns(name) - 2))))
    return rows


def _wrap(text: str, width: int, most: int) -> list[str]:
    lines: list[str] = []
    while text and len(lines) < most:
        cut = _fitting(text, width)
        if cut < len(text):
            space = text.rfind(" ", 0, cut + 1)
            cut = space if space > width // 2 else cut
        if len(lines) == most - 1 and cut < len(text):
            lines.append(text[: max(1, _fitting(text, width - 1))].rstrip() + "…")
            break
        lines.append(text[:cut].strip())
        text = text[cut:].strip()
    return lines


def _columns(text: str) -> int:
    return sum(2 if ord(char) > 0x1100 else 1 for char in text)


def _fitting(text: str, width: int) -> int:
    taken = 0
    for n, char in enumerate(text):
        taken += 2 if ord(char) > 0x1100 else 1
        if taken > width:
            return max(1, n)
    return len(text)


def _clip(text: str, width: int) -> str:
    cut = _fitting(text, width)
    return text if cut >= len(text) else text[: max(1, _fitting(text, width - 1))] + "…"


def _short(text: str, width: int) -> str:
    return escape(_clip(printable(text), width))


def _wires(graph: Graph, nodes: dict[str, _Drawn]) -> tuple[list[Wire], list[str]]:
    """The links between drawn nodes, and the type that each carries."""
    wires, kinds = [], []
    for reader, name, source, slot in links(graph):
        if source not in nodes or slot not in nodes[source].outputs:
            continue
        slots = nodes[source].slots
        at = nodes[source].output_at(slot), nodes[reader].input_at(name)
        wires.append(Wire(source, at[0], reader, at[1], str(slot)))
        kinds.append((slots[slot][1] if slot < len(slots) else None) or guess(name))
        nodes[source].kinds.setdefault(slot, kinds[-1])
    return wires, kinds


def _x(column: int) -> float:
    return _MARGIN + column * _STRIDE


def _link(wire: Wire, kind: str, way: list[tuple[int, float]], placed: Placed) -> str:
    first, last = placed.boxes[wire.source], placed.boxes[wire.target]
    x, y = _x(first.column) + _WIDTH, first.y + wire.source_at + _MARGIN
    end_x, end_y = _x(last.column), last.y + wire.target_at + _MARGIN
    path = [f"M{x:g} {y:.0f}"]
    if last.column <= first.column:  # a link that closes a loop: around, dashed
        dip = max(first.y + first.height, last.y + last.height) + _MARGIN + 10
        path.append(f"C{x + 70:g} {y:.0f} {x + 70:g} {dip:.0f} {x - 20:g} {dip:.0f}")
        path.append(
            f"L{end_x + 20:g} {dip:.0f}"
            f"C{end_x - 70:g} {dip:.0f} {end_x - 70:g} {end_y:.0f} {end_x:g} {end_y:.0f}"
        )
        dashed = ' stroke-dasharray="5 4"'
    else:
        dashed = ""
        for column, lane in way:
            path.append(_curve(x, y, _x(column), lane + _MARGIN))
            x, y = _x(column) + _WIDTH, lane + _MARGIN
            path.append(f"H{x:g}")
        path.append(_curve(x, y, end_x, end_y))
    return f'<path class="w" stroke="{colour(kind)}"{dashed} d="{"".join(path)}"/>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (to_x - x) / 2
    return f"C{x + bend:g} {y:.0f} {to_x - bend:g} {to_y:.0f} {to_x:g} {to_y:.0f}"


def _node(node: _Drawn, placed: Placed, named: bool, hover: int) -> str:
    """One node, drawn from its own upper left corner."""
    box = placed.boxes[node.id]
    room = 27 - min(10, len(node.id))
    out = [
        f'<g class="n{node.marks}" transform="translate({_x(box.column)} {box.y + _MARGIN:.0f})">',
        f"<title>{escape(node.hover, hover, lines=True)}</title>",
        f'<rect class="b" width="{_WIDTH}" height="{box.height:g}" rx="7"/>',
        f'<rect class="h" width="{_WIDTH}" height="{_TITLE}" rx="7"/>',
        f'<text class="t" x="10" y="18">{_short(node.title, room)}</text>',
        f'<text class="d v e" x="{_WIDTH - 9}" y="18">{_short(node.id, 10)}</text>',
    ]
    for n, name in enumerate(node.inputs if named else ()):
        out.append(f'<text class="v" x="11" y="{node.socket_at(n) + 4:.0f}">{_short(name, 20)}</text>')
    for n, name in enumerate(node.outputs.values() if named else ()):
        if name:
            y = node.socket_at(n) + 4
            out.append(f'<text class="v e" x="{_WIDTH - 11}" y="{y:.0f}">{_short(name, 14)}</text>')
    y = _TITLE + _PAD + node.sockets * _ROW - 4
    for name, value in node.rows:
        y += _ROW
        if name:
            out.append(f'<text class="d v" x="11" y="{y}">{_short(name, 24)}</text>')
        if value:
            spot = f'class="v e" x="{_WIDTH - 11}"' if name else 'class="v" x="11"'
            out.append(f'<text {spot} y="{y}">{_short(value, _CHARS)}</text>')
    return "".join([*out, *_sockets(node), "</g>"])


def _sockets(node: _Drawn) -> list[str]:
    """The dots of a node's sockets: a line without length and with round ends, one path a colour."""
    dots: dict[str, list[str]] = {}
    for n, kind in enumerate(node.inputs.values()):
        dots.setdefault(colour(kind), []).append(f"M0 {node.socket_at(n):.0f}h0")
    for n, slot in enumerate(node.outputs):
        kind = (node.slots[slot][1] if slot < len(node.slots) else None) or node.kinds.get(slot, "")
        dots.setdefault(colour(kind), []).append(f"M{_WIDTH} {node.socket_at(n):.0f}h0")
    return [f'<path class="s" stroke="{fill}" d="{"".join(at)}"/>' for fill, at in dots.items()]
