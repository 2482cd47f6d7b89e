"""Writes the live graph in the API's format: every node that runs, its widget values and links.

Muted and bypassed nodes, the inside of a muted or bypassed subgraph of the root graph, and nodes that only
the editor has are left out. A link replaces the value of its widget, unless it leads to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .graph import BYPASSED, MOST_NODES, MUTED, Graph, Node, ProblemLog, Source
from .javascript import NOTHING, TooDeep, copied
from .loading import Loaded
from .packs import COMPUTED, complete
from .plans import CAPTURED, MADE_BY_PAGE
from .resolve import Literal, Resolver, Scope
from .texts import expand_prompt
from .values import LAST_MODEL, value_source

#: Values of 3D views that the server takes empty.
_OPTIONAL_CAPTURES = ("viewport_state",)
_PLAIN = (str, int, bool, type(None))


class Exporter:
    """Exports one loaded file."""

    def __init__(self, loaded: Loaded, rng: random.Random) -> None:
        self._root: Graph = loaded.root
        self._problems: ProblemLog = loaded.problems
        self._resolver = Resolver(loaded.problems)
        self._rng = rng
        self._names = loaded.names
        self._plans = loaded.plans
        self.visited = 0

    def api(self) -> dict[str, Any]:
        """The graph as `POST /prompt` takes it; numbered ids first and ascending, as the editor writes it."""
        api: dict[str, Any] = {}
        for scope, node in self._nodes():
            api[scope.prefix + (node.new_id or node.id)] = {
                "inputs": self._inputs(scope, node),
                "class_type": node.type,
                "_meta": {"title": node.title},
            }
        for entry in api.values():
            inputs = entry["inputs"]
            for name in [n for n, v in inputs.items() if type(v) is list and v[0] not in api]:
                del inputs[name]
        return {key: api[key] for key in sorted(api, key=_place)}

    def sources(self) -> dict[tuple[str, str], Source]:
        """For every exported value, by node id and input name: where the document saves it."""
        found: dict[tuple[str, str], Source] = {}
        self.visited = 0
        for scope, node in self._nodes():
            node_id = scope.prefix + node.export_id
            overrides = scope.instance.overrides if scope.instance else {}
            hooks = node.plan.hooks if node.plan else {}
            for name in node.values:
                spec = node.plan.spec_of(name) if node.plan and node.plan.captured else None
                if spec is not None and spec.widget_type in MADE_BY_PAGE:
                    continue
                source = value_source(node, name)
                if (node.id, name) in overrides:
                    _, source = overrides[(node.id, name)]
                elif source is not None and hooks.get(name) == "prompt":
                    source = replace(source, prompt=True)
                if source is not None:
                    found[node_id, name] = source
            for slot, link in enumerate(node.links):
                feed = self._resolver.source(scope, node, slot) if link is not None else None
                if isinstance(feed, Literal) and feed.source is not None:
                    found[node_id, node.sockets[slot].name] = feed.source
                elif feed is not None:
                    found.pop((node_id, node.sockets[slot].name), None)
        return found

    def _nodes(self) -> Iterator[tuple[Scope, Node]]:
        """Every node that is exported, those inside an instance after it; bounded in number."""
        waiting = [(Scope(self._root), iter(self._root.nodes.values()))]
        while waiting:
            scope, nodes = waiting[-1]
            node = next(nodes, None)
            if node is None:
                waiting.pop()
                continue
            self.visited += 1
            if self.visited > MOST_NODES:
                self._problems.add(
                    "too_many_nodes",
                    f"Its subgraphs unfold to more than {MOST_NODES:,} nodes: the rest is left out.",
                )
                return
            if node.virtual or (node.mode in (MUTED, BYPASSED) and not self._always_expanded(scope, node)):
                continue
            if node.graph is not None:
                inside = scope.enter(node, self._problems)
                if inside is not None:
                    waiting.append((inside, iter(node.graph.nodes.values())))
                continue
            if node.plan is None:
                looks_like_id = len(node.type) == 36 and node.type.count("-") == 4
                _report_unknown(
                    node,
                    scope.prefix,
                    self._problems,
                    subgraph=looks_like_id,
                    successor=self._plans.successor(node.type),
                )
            yield scope, node

    def _always_expanded(self, scope: Scope, node: Node) -> bool:
        """Whether this instance is expanded although it is muted or bypassed.

        Both editors drop an inside for its instance's mode in the root graph only, and never for a group
        node's; muting or bypassing there sets the modes of the inner nodes as well.
        """
        return node.group or (node.graph is not None and scope.parent is not None)

    def _inputs(self, scope: Scope, node: Node) -> dict[str, Any]:
        inputs: dict[str, Any] = {}
        hooks = node.plan.hooks if node.plan else {}
        overrides = scope.instance.overrides if scope.instance else {}
        for name, value in node.values.items():
            if overrides and (node.id, name) in overrides:
                value, _ = overrides[(node.id, name)]
            elif name in hooks and type(value) is str:
                if hooks[name] == "prompt":
                    value = expand_prompt(value, self._rng)
                else:
                    value = self._names.fill(value)
            if type(value) in _PLAIN:
                inputs[name] = value
            else:
                self._put(inputs, name, value, scope, node)
        if node.plan is not None and node.plan.captured:
            self._captured(inputs, scope, node)
        if node.type in COMPUTED:
            complete(node.type, inputs)
        for slot, link in enumerate(node.links):
            if link is None:
                continue
            source = self._resolver.source(scope, node, slot)
            if source is None:
                continue
            name = node.sockets[slot].name
            if type(source) is Literal:
                self._put(inputs, name, source.value, scope, node)
            else:
                inputs[name] = [source.node_id, source.slot]  # type: ignore[union-attr]
        return inputs

    def _put(self, inputs: dict[str, Any], name: str, value: Any, scope: Scope, node: Node) -> None:
        """Write one value; a list is wrapped, because a bare list in the API's format is a link."""
        try:
            value = copied(value)
        except TooDeep:
            self._problems.add(
                "invalid_values",
                "Its value is nested too deeply.",
                node,
                path=scope.prefix,
                input_name=name,
            )
            return
        if type(value) is list:
            spec = node.plan.spec_of(name) if node.plan else None
            curve = {"__type__": "CURVE"} if spec is not None and spec.widget_type == "CURVE" else {}
            inputs[name] = {**curve, "__value__": value}
        elif value is not NOTHING:
            inputs[name] = value

    def _captured(self, inputs: dict[str, Any], scope: Scope, node: Node) -> None:
        """Values the page makes while it exports, from a camera, a microphone or a 3D view."""
        plan = node.plan
        assert plan is not None
        for slot in plan.slots:
            if slot.spec is None:
                continue
            kind = slot.spec.widget_type
            if kind == "AUDIO_RECORD":
                inputs[slot.name] = ""
            elif kind in CAPTURED:
                if not isinstance(inputs.get(slot.name), dict):
                    inputs[slot.name] = {}
                if not inputs[slot.name] and slot.name not in _OPTIONAL_CAPTURES:
                    what = "a camera picture" if kind == "WEBCAM" else "a rendering of its 3D view"
                    self._problems.add(
                        "needs_editor",
                        f"The editor makes {what} at each run; the file holds none.",
                        node,
                        path=scope.prefix,
                        input_name=slot.name,
                    )
        last = node.properties.get(LAST_MODEL)
        if node.type in ("Preview3D", "Preview3DAnimation") and isinstance(last, str) and last:
            inputs["model_file"] = last


def _report_unknown(
    node: Node, path: str, problems: ProblemLog, *, subgraph: bool, successor: str | None
) -> None:
    """Name the missing class, and the pack it comes from when the file says."""
    saved = node.raw.get("widgets_values")
    unmatched = saved if isinstance(saved, list) and saved and not node.values else None
    details: dict[str, Any] = {"widgets_values": unmatched} if unmatched else {}
    lost = " Its values could not be matched to input names and are left out." if unmatched else ""
    if subgraph:
        problems.add(
            "missing_subgraph",
            f"The file does not define the subgraph {node.type}: the node is kept by that type.{lost}",
            node,
            path=path,
            **details,
        )
        return
    if successor is not None:
        problems.add(
            "replaced_node_type",
            f"The server replaces its class {node.type!r:.100} by {successor!r}.{lost}",
            node,
            path=path,
            severity="error" if lost else "warning",
            **details,
        )
        return
    pack = next((node.properties.get(key) for key in ("cnr_id", "aux_id") if node.properties.get(key)), None)
    if isinstance(pack, str) and pack != "comfy-core":
        where = f" It comes from the node pack {pack!r}."
        details["pack"] = pack
    elif isinstance(pack, str):
        where = " It is one of ComfyUI's own: the server is older or newer than the file."
    else:
        where = ""
    if _alone(node):
        where += " Nothing is linked to it: the workflow runs the same without it."
    problems.add(
        "missing_node_type",
        f"The server has no node class {node.type!r:.100}.{where}{lost}",
        node,
        path=path,
        **details,
    )


def _alone(node: Node) -> bool:
    """Whether a node has no links."""
    outputs = node.raw.get("outputs")
    out = (
        any(entry.get("links") for entry in outputs if isinstance(entry, dict))
        if isinstance(outputs, list)
        else False
    )
    return not out and all(link is None for link in node.links)


def _place(key: str) -> tuple[int, int]:
    whole = key.isascii() and key.isdigit() and len(key) < 11 and (key == "0" or key[0] != "0")
    return (0, int(key)) if whole else (1, 0)
