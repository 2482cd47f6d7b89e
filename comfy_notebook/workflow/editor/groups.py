"""Expands the group nodes of older editors (`workflow>Name`) into inner nodes.

`extra.groupNodes[Name]` holds the inner nodes, links by position in that list, and which outputs show.
The group's own inputs are those of its nodes that nothing inside feeds, in order; a name that is taken is
prefixed with the inner node's title. The values of its widgets are written into the inner nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..catalog import NodeInfo
from ..specs import InputSpec, OutputSpec
from .graph import INPUT_SIDE, OUTPUT_SIDE, PRIMITIVE, REROUTE, Node, ProblemLog
from .javascript import slot_number, type_name
from .plans import Plan, Plans, is_widget, plan, upload_slot
from .reading import file_inputs, load_node, marker, output_types, read_graph
from .values import value_source

#: The two spellings of a group node's type, newest first.
PREFIXES = ("workflow>", "workflow/")
_MOST_NODES = 1000


@dataclass(frozen=True, slots=True)
class GroupClass:
    """One kind of group node: its inside, and where its inputs, widgets and outputs lead."""

    name: str
    nodes: list[dict[str, Any]]
    links: list[tuple[int, int, int, str]]
    plan: Plan
    inputs: Mapping[str, tuple[int, str]]
    outputs: list[tuple[int, int]]


def group_name(node_type: str) -> str | None:
    """The name of the group a node type stands for, or None."""
    return next((node_type[len(p) :] for p in PREFIXES if node_type.startswith(p)), None)


def group_classes(listed: Mapping[str, Any], plans: Plans) -> dict[str | None, GroupClass]:
    """The group nodes a file defines; malformed ones are left out and so count as unknown."""
    found: dict[str | None, GroupClass] = {}
    for name, data in listed.items():
        if isinstance(data, dict) and _fits(data):
            found[str(name)] = _GroupReader(str(name), data, plans, found).made()
    return found


def expand_group(node: Node, group: GroupClass, plans: Plans, problems: ProblemLog, nested: set[str]) -> None:
    """Expand one group node: its inner graph with its own values, and its sockets with links by name."""
    node.type, node.group = f"workflow>{group.name}", True
    inner = [{**raw, "id": index, "inputs": []} for index, raw in enumerate(group.nodes)]
    links: list[list[Any]] = []

    def arrive(index: int, name: str, origin: Any, slot: int) -> None:
        links.append([len(links), origin, slot, index, len(inner[index]["inputs"]), "*"])
        known = next((e for e in file_inputs(group.nodes[index]) if e.get("name") == name), {"name": name})
        inner[index]["inputs"].append({**known, "link": len(links) - 1})

    for origin, slot, index, name in group.links:
        arrive(index, name, origin, slot)
    for at, (index, name) in enumerate(group.inputs.values()):
        arrive(index, name, int(INPUT_SIDE), at)
    for at, (index, slot) in enumerate(group.outputs):
        links.append([len(links), index, slot, int(OUTPUT_SIDE), at, "*"])
    sockets = {socket.name: socket.type for socket in group.plan.sockets}
    data = {
        "name": group.name,
        "nodes": inner,
        "links": links,
        "inputs": [{"name": name, "type": sockets.get(name, "*")} for name in group.inputs],
        "outputs": [{"type": type_} for type_ in group.plan.outputs],
    }
    # The group itself is laid out as a class would be: its saved values by position, its links by name.
    shell = Node(node.id, node.type, node.raw, node.path, plan=group.plan)
    plans.put(node.type, group.plan)
    load_node(shell, plans, frozenset(), problems)
    _fill(inner, group, shell, node)
    inside = ("extra", "groupNodes", group.name)
    node.graph = read_graph(data, plans, nested, problems, inside)
    by_name = {socket.name: slot for slot, socket in enumerate(shell.sockets)}
    shown = [by_name[name] for name in group.inputs]
    node.lay_out(
        [shell.sockets[slot] for slot in shown],
        [shell.links[slot] for slot in shown],
        list(group.plan.outputs),
    )
    node.values = shell.values
    node.shows = {name: (str(index), widget) for name, (index, widget) in group.inputs.items()}
    for name, (index, widget) in group.inputs.items():
        target = node.graph.nodes.get(str(index))
        if target is None or name not in shell.values:
            continue
        source = value_source(shell, name)
        if source is not None and (widget in target.values or target.type == PRIMITIVE):
            target.written = {**(target.written or {}), widget: source}
        if widget in target.values:
            target.values[widget] = shell.values[name]


def _fill(inner: list[dict[str, Any]], group: GroupClass, shell: Node, node: Node) -> None:
    """Save the group's values in the PrimitiveNodes inside, which read their own."""
    if isinstance(node.raw.get("widgets_values"), list):
        for name, (index, widget) in group.inputs.items():
            if inner[index].get("type") == PRIMITIVE and widget == "value" and name in shell.values:
                inner[index]["widgets_values"] = [shell.values[name]]


def _fits(data: Mapping[str, Any]) -> bool:
    """Whether a group has nodes and links in reasonable number."""
    nodes, links = data.get("nodes"), data.get("links")
    return (
        isinstance(nodes, list)
        and len(nodes) <= _MOST_NODES
        and all(isinstance(node, dict) and len(file_inputs(node)) <= _MOST_NODES for node in nodes)
        and (not isinstance(links, list) or len(links) <= 5 * _MOST_NODES)
    )


class _GroupReader:
    """Works out what one group shows: the inputs nothing inside feeds, the outputs nothing inside takes."""

    def __init__(
        self, name: str, data: Mapping[str, Any], plans: Plans, earlier: Mapping[Any, GroupClass]
    ) -> None:
        self.name = name
        self.nodes: list[dict[str, Any]] = data["nodes"]
        self.plans = plans
        self.earlier = earlier
        config = data.get("config")
        self.config: Mapping[str, Any] = config if isinstance(config, dict) else {}
        self.links = list(self._inner_links(data.get("links")))
        self.fed = {(index, name) for _, _, index, name in self.links}
        self.used = {(index, slot) for index, slot, _, _ in self.links}
        external = data.get("external")
        self.external = {
            (slot_number(e[0]), slot_number(e[1]))
            for e in (external if isinstance(external, list) else ())
            if isinstance(e, list) and len(e) > 1
        }

    def made(self) -> GroupClass:
        specs: dict[str, InputSpec] = {}
        inputs: dict[str, tuple[int, str]] = {}
        seen: dict[str, int] = {}
        for index, spec in self._shown_inputs():
            name, prefix = self._shown_name(index, self.nodes[index], spec.name, seen)
            options = dict(spec.options)
            if spec.name in ("seed", "noise_seed"):
                options["control_after_generate"] = f"{prefix}control_after_generate"
            if is_widget(spec) or self._custom(index, "input", spec.name).get("visible") is not False:
                specs[name] = replace(spec, name=name, section="required", options=MappingProxyType(options))
                inputs[name] = (index, spec.name)
        shown_outputs = list(self._shown_outputs())
        outputs = [(index, slot) for index, slot, _ in shown_outputs]
        types = [kind for _, _, kind in shown_outputs]
        info = NodeInfo(
            class_type=f"workflow>{self.name}",
            display_name=self.name,
            category="",
            description="",
            inputs=MappingProxyType(specs),
            hidden=MappingProxyType({}),
            outputs=tuple(OutputSpec(kind, kind, False, i) for i, kind in enumerate(types)),
        )
        made = plan(info)
        shown = {socket.name: inputs[socket.name] for socket in made.sockets if socket.name in inputs}
        return GroupClass(self.name, self.nodes, self.links, made, shown, outputs)

    def _shown_inputs(self) -> Iterator[tuple[int, InputSpec]]:
        """The inputs nothing inside feeds, in order; widgets turned into sockets come after all others."""
        converted: list[tuple[int, str, InputSpec]] = []
        for index, node in enumerate(self.nodes):
            sockets = [marker(e) if marker(e) == e.get("name") else None for e in file_inputs(node)]
            for spec in self._inputs_of(index, node):
                if (index, spec.name) in self.fed:
                    continue
                if spec.name in sockets and is_widget(spec):
                    converted.append((index, str(sockets.index(spec.name)), spec))
                else:
                    yield index, spec
        for index, _, spec in sorted(converted, key=lambda item: item[:2]):
            yield index, spec

    def _shown_outputs(self) -> Iterator[tuple[int, int, str]]:
        """The outputs nothing inside takes, or something outside does: node, slot, type."""
        for index, node in enumerate(self.nodes):
            for slot, kind in enumerate(self._outputs_of(index, node)):
                inside = (index, slot) in self.used and (index, slot) not in self.external
                if self._custom(index, "output", str(slot)).get("visible", not inside):
                    yield index, slot, kind

    def _inner_links(self, listed: Any) -> Iterator[tuple[int, int, int, str]]:
        for raw in listed if isinstance(listed, list) else ():
            if not isinstance(raw, list) or len(raw) < 4 or raw[0] is None:
                continue
            origin, slot, index, target_slot = map(slot_number, raw[:4])
            if origin is None or slot is None or index is None or target_slot is None:
                continue
            if origin >= len(self.nodes) or index >= len(self.nodes):
                continue
            name = self._input_name(index, target_slot)
            if name or self.nodes[index].get("type") == REROUTE:
                yield origin, slot, index, name

    def _input_name(self, index: int, slot: int) -> str:
        """The inner input behind a slot number: as the file lists them, else as the class does."""
        listed = file_inputs(self.nodes[index])
        if slot < len(listed) and isinstance(listed[slot].get("name"), str):
            return str(listed[slot]["name"])
        known = self._plan(str(self.nodes[index].get("type")))
        sockets = [socket.name for socket in known.sockets if socket.widget is None] if known else []
        return sockets[slot] if slot < len(sockets) else ""

    def _inputs_of(self, index: int, node: dict[str, Any]) -> list[InputSpec]:
        kind = str(node.get("type"))
        if kind == REROUTE:
            if (index, "") in self.fed and not self._leaves(index):
                return []
            return [InputSpec("", self._link_type(index), options={"forceInput": True})]
        if kind == PRIMITIVE:
            target = next((link for link in self.links if link[0] == index), None)
            if target is None:
                return []
            fed = self.plans.get(str(self.nodes[target[2]].get("type")))
            spec = fed.spec_of(target[3]) if fed else None
            if spec is None:
                return []
            options = {**spec.options, "control_after_generate": True}
            return [InputSpec("value", spec.type, "required", options, spec.choices)]
        known = self._plan(kind)
        if known is None:
            return [InputSpec(str(e.get("name")), type_name(e.get("type"))) for e in file_inputs(node)]
        specs = list(known.info.inputs.values())
        if upload_slot(known.info):
            specs.append(InputSpec("upload", "IMAGEUPLOAD"))
        return specs

    def _outputs_of(self, index: int, node: dict[str, Any]) -> list[str]:
        kind = str(node.get("type"))
        if kind == REROUTE:
            return [] if (index, "") in self.fed and not self._leaves(index) else [self._link_type(index)]
        known = self._plan(kind)
        return list(known.outputs) if known else output_types(node)

    def _plan(self, kind: str) -> Plan | None:
        inner = self.earlier.get(group_name(kind))
        return inner.plan if inner else self.plans.get(kind)

    def _leaves(self, index: int) -> bool:
        return (index, 0) in self.external or (index, 0) not in self.used

    def _link_type(self, index: int) -> str:
        node = self.nodes[index]
        known = (*(type_name(entry.get("type")) for entry in file_inputs(node)), *output_types(node))
        return next((kind for kind in known if kind not in ("", "*")), "*")

    def _shown_name(
        self, index: int, node: dict[str, Any], own: str, seen: dict[str, int]
    ) -> tuple[str, str]:
        custom = self._custom(index, "input", own).get("name")
        label = next((e.get("label") for e in file_inputs(node) if e.get("name") == own), None)
        kind = str(node.get("type"))
        base = own or (self._link_type(index) if kind == REROUTE else own)
        name = key = next((n for n in (custom, label) if isinstance(n, str)), base)
        title = node.get("title")
        prefix = ""
        if (kind == PRIMITIVE and title) or name in seen:
            prefix = f"{title if isinstance(title, str) and title else kind} "
            name = key = f"{prefix}{base}"
            if name in seen:
                name = f"{prefix}{seen[name]} {base}"
        seen[key] = seen.get(key, 1) + 1
        return name, prefix

    def _custom(self, index: int, side: str, name: str) -> Mapping[str, Any]:
        entry = self.config.get(str(index))
        found = entry.get(side) if isinstance(entry, dict) else None
        custom = found.get(name) if isinstance(found, dict) else None
        return custom if isinstance(custom, dict) else {}
