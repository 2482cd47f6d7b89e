"""The picture of a workflow: boxes in columns from left to right, links coloured by type, as SVG.

`html` is what a notebook shows: the SVG inline, so that it follows the theme of the page (JupyterLab's
CSS variables, VS Code's, Colab's, else the reader's own light or dark), in a frame that scrolls. Sites
that strip styles and pictures (GitHub) show the outline that stands behind it. `svg` is the same as a
document of its own. Nothing is fetched, no script runs, and every text is escaped: titles and values
come from files of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...text import escape, printable
from ..order import layers, sources
from ..wire import is_link, show, unwrap
from .layout import Box, Placed, Wire, columns, place
from .outline import editor_outputs, graph_of, title_of
from .style import CSS, FRAME_CSS, colour, guess

if TYPE_CHECKING:
    from ..workflow import Workflow

_WIDTH, _STRIDE, _MARGIN = 230, 300, 14
_TITLE, _ROW, _PAD = 26, 17, 6
_LONGEST_TEXT, _MOST_ROWS, _MOST_NODES = 3, 10, 400
_CHARS = 34
_HEAD = f"v{7 - _TITLE}q0 -7 7 -7h{_WIDTH - 14}q7 0 7 7v{_TITLE - 7}z"


@dataclass
class _Drawn:
    """One node as it will be drawn: sockets on both sides, then rows of values."""

    id: str
    title: str
    class_type: str
    marks: str
    hover: str
    inputs: list[str] = field(default_factory=list)
    outputs: dict[int, str] = field(default_factory=dict)
    rows: list[tuple[str, str]] = field(default_factory=list)
    slots: list[tuple[str | None, str | None]] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)

    @property
    def sockets(self) -> int:
        return max(len(self.inputs), len(self.outputs))

    @property
    def height(self) -> float:
        return _TITLE + (self.sockets + len(self.rows)) * _ROW + 2 * _PAD

    def input_at(self, name: str) -> float:
        return self.socket_at(self.inputs.index(name))

    def output_at(self, slot: int) -> float:
        return self.socket_at(list(self.outputs).index(slot))

    @staticmethod
    def socket_at(n: int) -> float:
        return _TITLE + _PAD + n * _ROW + _ROW / 2


def svg(workflow: Workflow) -> str:
    """The picture as an SVG document of its own."""
    body, width, height = _picture(workflow)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cn-graph" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img"><style>{CSS}</style>'
        f'<rect width="100%" height="100%" style="fill:var(--cn-bg)"/>{body}</svg>'
    )


def html(workflow: Workflow) -> str:
    """The picture for a notebook, with the outline for where pictures and styles are stripped."""
    body, width, height = _picture(workflow)
    outline = escape(repr(workflow), 20_000, lines=True)
    caption = escape(repr(workflow).partition("\n")[0], 300)
    least = max(320, round(width * 0.62))
    return (
        f"<style>{CSS}{FRAME_CSS}</style>"
        '<div class="cn-graph-frame" hidden="hidden">'
        f'<svg class="cn-graph" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{caption}" style="width:100%;min-width:{least}px;max-width:{width}px;height:auto;'
        f'display:block">{body}</svg></div>'
        f'<pre class="cn-graph-outline">{outline}</pre>'
    )


def _picture(workflow: Workflow) -> tuple[str, int, int]:
    graph = graph_of(workflow)
    dropped = len(graph) - _MOST_NODES
    if dropped > 0:
        graph = {node_id: graph[node_id] for node_id in list(graph)[:_MOST_NODES]}
    nodes = _nodes(workflow, graph)
    wires, kinds = _wires(workflow, graph, nodes)
    column = columns(sources(graph), layers(graph))
    placed = place([Box(n.id, column[n.id], n.height) for n in nodes.values()], wires)
    parts = [
        _link(wire, kind, way, placed) for wire, kind, way in zip(wires, kinds, placed.ways, strict=True)
    ]
    parts += [_node(node, placed, workflow) for node in nodes.values()]
    last = max((box.column for box in placed.boxes.values()), default=0)
    width, height = last * _STRIDE + _WIDTH + 2 * _MARGIN, round(placed.height) + 2 * _MARGIN
    if not nodes:
        parts.append(f'<text class="d" x="{_MARGIN}" y="{_MARGIN + 14}">no nodes</text>')
        height += 24
    if dropped > 0:
        parts.append(f'<text class="d" x="{_MARGIN}" y="{height + 12}">… and {dropped} more nodes</text>')
        height += 24
    return "".join(parts), width, height


def _nodes(workflow: Workflow, graph: Mapping[str, Mapping[str, Any]]) -> dict[str, _Drawn]:
    used: dict[str, set[int]] = {node_id: set() for node_id in graph}
    for node in graph.values():
        for value in node["inputs"].values():
            if is_link(value) and value[0] in used and 0 <= value[1] < 1000:
                used[value[0]].add(value[1])
    wrong: dict[str | None, list[str]] = {}
    checked = workflow.is_converted and workflow.catalog is not None
    for problem in (workflow.validate() if checked else workflow.problems).errors:
        wrong.setdefault(problem.node_id, []).append(str(problem))
    ends = {node.id for node in workflow.outputs()} if workflow.is_converted else set()
    nodes = {}
    for node_id, data in graph.items():
        marks = "".join([" o" * (node_id in ends), " x" * (node_id in wrong)])
        title = title_of(workflow, node_id, data)
        class_type = printable(data.get("class_type") or "?")
        named = title.removesuffix(f" [{class_type}]")
        hover = [f"{named} · {class_type} · {node_id}"]
        drawn = _Drawn(node_id, named, class_type, marks, "")
        values = []
        for name, value in data["inputs"].items():
            if is_link(value):
                drawn.inputs.append(name)
                hover.append(f"{name} ← {value[0]}")
            else:
                values.append((name, unwrap(value)))
                hover.append(f"{name} = {show(value, 400)}")
        drawn.hover = "\n".join([*wrong.get(node_id, []), *hover])
        slots = drawn.slots = _slots(workflow, node_id)
        for slot in sorted(used[node_id] | set(range(min(len(slots), 8)))):
            drawn.outputs[slot] = (slots[slot][0] or "") if slot < len(slots) else ""
        drawn.rows = _rows(values)
        nodes[node_id] = drawn
    return nodes


def _slots(workflow: Workflow, node_id: str) -> list[tuple[str | None, str | None]]:
    if workflow.is_converted:
        return workflow.output_slots(node_id)
    return editor_outputs(workflow.editor, node_id)


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
            rows.append((name, show(value, max(8, _CHARS - _columns(name) - 2))))
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


def _wires(
    workflow: Workflow, graph: Mapping[str, Mapping[str, Any]], nodes: dict[str, _Drawn]
) -> tuple[list[Wire], list[str]]:
    wires, kinds = [], []
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            if not is_link(value) or value[0] not in nodes or value[1] not in nodes[value[0]].outputs:
                continue
            source, slot = value
            slots = nodes[source].slots
            kind = slots[slot][1] if slot < len(slots) else None
            at = nodes[source].output_at(slot), nodes[node_id].input_at(name)
            wires.append(Wire(source, at[0], node_id, at[1], str(slot)))
            kinds.append(kind or guess(name))
            nodes[source].kinds.setdefault(slot, kinds[-1])
    return wires, kinds


def _x(column: int) -> float:
    return _MARGIN + column * _STRIDE


def _link(wire: Wire, kind: str, way: list[tuple[int, float]], placed: Placed) -> str:
    first, last = placed.boxes[wire.source], placed.boxes[wire.target]
    x, y = _x(first.column) + _WIDTH, first.y + wire.source_at + _MARGIN
    end_x, end_y = _x(last.column), last.y + wire.target_at + _MARGIN
    path = [f"M{x:g} {y:.1f}"]
    if last.column <= first.column:  # a link that closes a loop: around, dashed
        dip = max(first.y + first.height, last.y + last.height) + _MARGIN + 10
        path.append(f"C{x + 70:g} {y:.1f} {x + 70:g} {dip:.1f} {x - 20:g} {dip:.1f}")
        path.append(
            f"L{end_x + 20:g} {dip:.1f}"
            f"C{end_x - 70:g} {dip:.1f} {end_x - 70:g} {end_y:.1f} {end_x:g} {end_y:.1f}"
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
    return f"C{x + bend:g} {y:.1f} {to_x - bend:g} {to_y:.1f} {to_x:g} {to_y:.1f}"


def _node(node: _Drawn, placed: Placed, workflow: Workflow) -> str:
    box = placed.boxes[node.id]
    left, top = _x(box.column), box.y + _MARGIN
    right = left + _WIDTH
    frame = f'x="{left:g}" y="{top:.1f}" width="{_WIDTH}" height="{box.height:g}" rx="7"'
    room = 27 - min(10, len(node.id))
    out = [
        f'<g class="n{node.marks}"><title>{escape(node.hover, 3000, lines=True)}</title>',
        f'<rect class="b" {frame}/>',
        f'<path class="h" d="M{left:g} {top + _TITLE:.1f}{_HEAD}"/>',
        f'<rect class="r" {frame}/>',
        f'<text class="t" x="{left + 10:g}" y="{top + 17.5:.1f}">{_short(node.title, room)}</text>',
        f'<text class="d v e" x="{right - 9:g}" y="{top + 17.5:.1f}">{_short(node.id, 10)}</text>',
    ]
    for n, name in enumerate(node.inputs):
        y = top + node.socket_at(n)
        out.append(f'<text class="v" x="{left + 11:g}" y="{y + 4:.1f}">{_short(name, 20)}</text>')
    for n, name in enumerate(node.outputs.values()):
        y = top + node.socket_at(n)
        out.append(f'<text class="v e" x="{right - 11:g}" y="{y + 4:.1f}">{_short(name, 14)}</text>')
    y = top + _TITLE + _PAD + node.sockets * _ROW
    for name, value in node.rows:
        y += _ROW
        if name:
            out.append(f'<text class="d v" x="{left + 11:g}" y="{y - 4:.1f}">{_short(name, 24)}</text>')
        if value:
            spot = f'class="v e" x="{right - 11:g}"' if name else f'class="v" x="{left + 11:g}"'
            out.append(f'<text {spot} y="{y - 4:.1f}">{_short(value, _CHARS)}</text>')
    return "".join([*out, *_sockets(node, workflow, left, right, top), "</g>"])


def _sockets(node: _Drawn, workflow: Workflow, left: float, right: float, top: float) -> list[str]:
    info = workflow.node(node.id).info if workflow.is_converted else None
    dots = []
    for n, name in enumerate(node.inputs):
        spec = info.inputs.get(name) if info is not None else None
        kind = spec.type if spec is not None else guess(name)
        dots.append((left, top + node.socket_at(n), kind))
    for n, slot in enumerate(node.outputs):
        kind = (node.slots[slot][1] if slot < len(node.slots) else None) or node.kinds.get(slot, "")
        dots.append((right, top + node.socket_at(n), kind))
    return [
        f'<circle class="s" cx="{x:g}" cy="{y:.1f}" r="4.2" fill="{colour(kind)}"/>' for x, y, kind in dots
    ]
