"""A workflow's graph and node definitions: links, order, names, addresses, edits and seeds.

`Graph` is the API's format: node ids to `{"class_type", "inputs", "_meta"}`. Every function takes the graph
and, where definitions help, the catalog (or None). Nothing here reads files or talks to a server.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ComfyError, InvalidWorkflow, Problem, UnknownInput, UnknownNode
from ..protocol.graph import node_title
from ..text import closest, did_you_mean, node_label, printable, same_name
from .catalog import NodeCatalog, NodeInfo
from .editor.packs import complete
from .editor.saved import saved_outputs
from .specs import DYNAMIC_COMBO, InputSpec
from .values import WRAPPER, as_link, duplicate, is_json, is_link, normalized, summary, unwrap

Graph = Mapping[str, Mapping[str, Any]]
MutableGraph = dict[str, dict[str, Any]]

SEED_NAMES = ("seed", "noise_seed")
_HIGHEST_SEED = 2**50 - 1  # the editor draws up to this: a JavaScript number holds it exactly


class AmbiguousNode(UnknownNode):
    """More than one node has the name."""


# -- reading and writing the whole graph ---------------------------------------------------------


def read_graph(api: Mapping[str, Any]) -> MutableGraph:
    """An independent copy of an API graph with texts as ids and links as `[id, index]`.

    Raises `InvalidWorkflow` for an entry that is not a node.
    """
    graph: MutableGraph = {}
    for node_id, node in api.items():
        if not isinstance(node, Mapping) or not isinstance(node.get("inputs", {}), Mapping):
            raise InvalidWorkflow(f"Node {str(node_id)!r} of the workflow is not an object with inputs.")
        # The server's own note of a past run (IS_CHANGED): sent back, it would hide a changed file.
        data = {str(key): duplicate(value) for key, value in node.items() if key != "is_changed"}
        data["inputs"] = {str(name): normalized(value) for name, value in node.get("inputs", {}).items()}
        graph[str(node_id)] = data
    for data in graph.values():
        for name, value in data["inputs"].items():
            data["inputs"][name] = as_link(value, graph) or value
    return graph


def held_values(graph: Graph) -> Iterator[tuple[str, str, Any]]:
    """The inputs whose values JSON cannot hold, as (node id, input name, value)."""
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            if not is_json(value):
                yield node_id, name, unwrap(value)


def as_json(graph: Graph) -> dict[str, Any]:
    """A copy of the graph in plain JSON values; `InvalidWorkflow` names what JSON cannot hold."""
    held = [
        Problem(
            f"holds {summary(value)}, which JSON cannot hold.",
            node_id=node_id,
            input_name=name,
            kind="not_json",
        )
        for node_id, name, value in held_values(graph)
    ]
    if held:
        raise InvalidWorkflow(
            "The workflow holds values that are uploaded only when a run is submitted.",
            problems=held,
            hint="Submit it, or set the name of a file the server has.",
        )
    copy: dict[str, Any] = duplicate(graph)
    return copy


# -- links and order -----------------------------------------------------------------------------


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
    """The nodes of one cycle in the direction data would flow; empty when there is none."""
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
    """The layer of each node: one more than the highest it reads from, a cycle's closing link ignored."""
    before = sources(graph)
    layer: dict[str, int] = {}
    on_path: set[str] = set()
    for start in before:
        stack = [(start, False)]
        while stack:
            node, done = stack.pop()
            if done:
                on_path.discard(node)
                layer[node] = 1 + max((layer.get(s, -1) for s in before[node]), default=-1)
            elif node not in layer and node not in on_path:
                on_path.add(node)
                stack.append((node, True))
                stack.extend((s, False) for s in before[node] if s not in layer and s not in on_path)
    return layer


def upstream(graph: Graph, targets: list[str]) -> set[str]:
    """The targets and every node they need."""
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
    """Node ids, sources first, otherwise in the order of the file."""
    layer = layers(graph)
    rank = {node_id: n for n, node_id in enumerate(graph)}
    return sorted(graph, key=lambda node_id: (layer[node_id], rank[node_id]))


# -- nodes: class, title, outputs ----------------------------------------------------------------


def class_of(graph: Graph, node_id: str) -> str:
    """The node's class, such as KSampler; empty when the file names none."""
    return str(graph[node_id].get("class_type") or "")


def info_of(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> NodeInfo | None:
    """The definition of the node's class, when the catalog has it."""
    return catalog.get(class_of(graph, node_id)) if catalog is not None else None


def title_of(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> str:
    """The title in the file, else the display name of the node's definition, else its class."""
    if title := node_title(graph[node_id]):
        return title
    info = info_of(graph, catalog, node_id)
    return (info.display_name if info else None) or class_of(graph, node_id)


def label_of(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> str:
    """Title, class and id in a few words, as messages name a node."""
    title, class_type = title_of(graph, catalog, node_id), class_of(graph, node_id)
    return node_label(printable(node_id), printable(title), printable(class_type))


def output_nodes(graph: Graph, catalog: NodeCatalog | None) -> list[str]:
    """The nodes whose class is an output node; without a definition, those that no other node reads."""
    read = {source for _, _, source, _ in links(graph)}
    found = []
    for node_id in graph:
        info = info_of(graph, catalog, node_id)
        if info.output_node if info is not None else node_id not in read:
            found.append(node_id)
    return found


def output_slots(
    graph: Graph, catalog: NodeCatalog | None, node_id: str, editor: Mapping[str, Any] | None = None
) -> list[tuple[str | None, str | None]]:
    """A node's outputs as (name, type): from its definition, else the editor's file, else its links."""
    if node_id not in graph:
        return []
    info = info_of(graph, catalog, node_id)
    if info is not None:
        return [(out.name, out.type) for out in info.outputs]
    saved = saved_outputs(editor, node_id, class_of(graph, node_id))
    if saved:
        return saved
    used = [slot for _, _, source, slot in links(graph) if source == node_id]
    return [(None, None)] * (max(used) + 1 if used and 0 <= max(used) < 1000 else 0)


# -- addresses: a node by id, title or class, and NODE.INPUT -------------------------------------


def find(graph: Graph, catalog: NodeCatalog | None, name: str) -> str:
    """The id of the one node with this id, this title, or this class.

    Raises `UnknownNode` with the candidates, closest first, when there is none or more than one.
    """
    if name in graph:
        return name
    named = by_name(graph, catalog)
    for kind in ("title", "class"):
        found = [node_id for known, ids in named[kind].items() if same_name(known, name) for node_id in ids]
        if len(found) == 1:
            return found[0]
        if found:
            listing = ", ".join(label_of(graph, catalog, node_id) for node_id in found[:8])
            raise AmbiguousNode(
                f"{len(found)} nodes have the {kind} {name!r}: {listing}.", hint="Say which one by its id."
            )
    hint = did_you_mean(name, [*named["title"], *named["class"], *graph])
    if not hint and graph:
        more = f" and {len(graph) - 12} more" if len(graph) > 12 else ""
        hint = f"There are {', '.join(label_of(graph, catalog, n) for n in list(graph)[:12])}{more}."
    raise UnknownNode(f"There is no node {name!r} in this workflow.", hint=hint or "It has no nodes at all.")


def by_name(graph: Graph, catalog: NodeCatalog | None) -> dict[str, dict[str, list[str]]]:
    """Node ids by title and by class."""
    named: dict[str, dict[str, list[str]]] = {"title": {}, "class": {}}
    for node_id in graph:
        named["title"].setdefault(title_of(graph, catalog, node_id), []).append(node_id)
        named["class"].setdefault(class_of(graph, node_id), []).append(node_id)
    return named


def split(graph: Graph, catalog: NodeCatalog | None, address: str) -> tuple[str, str]:
    """The node id and input name that `NODE.INPUT` means.

    The longest node name that exists is taken, then the rest as the input's name, so titles and inputs
    may hold dots and spaces. Raises `UnknownNode` or `UnknownInput`.
    """
    text = str(address)
    wrong: dict[str, ComfyError] = {}
    for dot in reversed([n for n, char in enumerate(text) if char == "."]):
        ref, name = text[:dot].strip(), text[dot + 1 :].strip()
        if not ref or not name:
            continue
        try:
            node_id = find(graph, catalog, ref)
            check_input(graph, catalog, node_id, name)
        except UnknownInput as error:
            wrong.setdefault("input", error)
        except AmbiguousNode as error:
            wrong.setdefault("ambiguous", error)
        except UnknownNode as error:
            wrong.setdefault("node", error)
        else:
            return node_id, name
    for kind in ("input", "ambiguous", "node"):
        if kind in wrong:
            raise wrong[kind]
    holders = [f"{node_id}.{text}" for node_id, node in graph.items() if text in node.get("inputs", {})]
    hint = f"Did you mean {' or '.join(holders[:3])}?" if holders else "For example KSampler.seed, or 3.seed."
    raise UnknownInput(f"{text!r} is not an address of the form NODE.INPUT.", hint=hint)


def literals_of(graph: Graph, node_id: str) -> dict[str, Any]:
    """The values of a node's inputs, links left as they are."""
    return {name: unwrap(value) for name, value in graph[node_id].get("inputs", {}).items()}


def named_files(graph: Graph, catalog: NodeCatalog | None) -> Iterator[tuple[str, str, str]]:
    """The inputs that take files and hold a text which is not a choice of theirs: (node id, name, text)."""
    for node_id in graph:
        for name, spec in specs_of(graph, catalog, node_id).items():
            text = graph[node_id].get("inputs", {}).get(name)
            if spec.upload and isinstance(text, str) and text not in (spec.choices or ()):
                yield node_id, name, text


def specs_of(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> Mapping[str, InputSpec]:
    """The declared inputs of a node with its present values, by name; empty without a definition."""
    info = info_of(graph, catalog, node_id)
    if info is None:
        return {}
    return info.inputs_with(literals_of(graph, node_id)) if info.dynamic else info.inputs


def spec_of(graph: Graph, catalog: NodeCatalog | None, node_id: str, name: str) -> InputSpec | None:
    """The declaration of one input of a node, when its class has a definition that declares it."""
    info = info_of(graph, catalog, node_id)
    return info.spec_of(name, literals_of(graph, node_id)) if info is not None else None


def group_members(graph: Graph, catalog: NodeCatalog | None, node_id: str, name: str) -> list[str] | None:
    """The given members of the autogrow group of this name, in order; None when it is not a group."""
    info = info_of(graph, catalog, node_id)
    group = info.group_of(name, literals_of(graph, node_id)) if info is not None and info.dynamic else None
    if group is None or group.name != name:
        return None
    return [spec.name for _, spec in group.grown() if spec.name in graph[node_id]["inputs"]]


def input_names(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> list[str]:
    """The inputs a node has in the file, and those its definition offers."""
    names = list(graph[node_id].get("inputs", {}))
    return names + [name for name in specs_of(graph, catalog, node_id) if name not in names]


def check_input(graph: Graph, catalog: NodeCatalog | None, node_id: str, name: str) -> None:
    """Raise `UnknownInput` with the closest names unless the node has or may have this input."""
    names = input_names(graph, catalog, node_id)
    info = info_of(graph, catalog, node_id)
    if name in names or spec_of(graph, catalog, node_id, name) is not None:
        return
    label = label_of(graph, catalog, node_id)
    values = literals_of(graph, node_id)
    if info is not None and info.dynamic:
        if group := info.group_of(name, values):
            if name == group.name:
                return
            names += [spec.name for spec in info.members(group.name.partition(".")[0], values)]
        elif "comes with" in (reason := info.why_not(name, values)):
            raise UnknownInput(f"{label}: {name!r} {reason}", hint="Choose that option first.")
    hint = did_you_mean(name, names) or (f"It has {', '.join(names)}." if names else "It has no inputs.")
    if info is None and catalog is None and not closest(name, names):
        hint += " Inputs the file leaves out can be set once the node definitions are at hand (nodes=)."
    raise UnknownInput(f"{label} has no input {name!r}.", hint=hint)


# -- edits: every name is checked before anything changes ----------------------------------------


def assign(graph: MutableGraph, catalog: NodeCatalog | None, node_id: str, name: str, value: Any) -> None:
    """Set one input: `[id of a node here, index]` is a link, any other list a value.

    Another option of a dynamic combo replaces the inputs that came with the old one. A list for an
    autogrow group sets its members in order and removes the others.
    """
    check_input(graph, catalog, node_id, name)
    inputs = graph[node_id]["inputs"]
    info = info_of(graph, catalog, node_id)
    if info is None or not info.dynamic:
        inputs[name] = _stored(graph, value)
        complete(class_of(graph, node_id), inputs)
        return
    group = info.group_of(name, literals_of(graph, node_id))
    if group is not None and group.name == name:
        inputs.update(_members(graph, catalog, node_id, group, value))
        return
    before = info.inputs_with(literals_of(graph, node_id))
    inputs[name] = _stored(graph, value)
    spec = info.spec_of(name, literals_of(graph, node_id))
    if spec is None or spec.type != DYNAMIC_COMBO or value not in (spec.choices or ()):
        return
    after = info.inputs_with(literals_of(graph, node_id))
    for gone in [key for key in inputs if key in before and key not in after]:
        del inputs[gone]
    for key, brought in after.items():
        if key not in before and key not in inputs and brought.required and brought.is_widget:
            inputs[key] = _stored(graph, brought.default)


def _stored(graph: Graph, value: Any) -> Any:
    """A value as the API's format holds it."""
    stored = normalized(value)
    return as_link(stored, graph) or {WRAPPER: stored} if isinstance(stored, list) else stored


def _members(
    graph: MutableGraph, catalog: NodeCatalog | None, node_id: str, group: InputSpec, value: Any
) -> dict[str, Any]:
    """The inputs that a value for a whole autogrow group means; the group's present ones are removed."""
    given = normalized(value)
    values = given if isinstance(given, list) and not as_link(given, graph) else [given]
    names = [spec.name for _, spec in group.grown()]
    if len(values) > len(names):
        label = label_of(graph, catalog, node_id)
        raise UnknownInput(f"{label}: {group.name} takes at most {len(names)} values, not {len(values)}.")
    for name in names:
        graph[node_id]["inputs"].pop(name, None)
    return {name: _stored(graph, item) for name, item in zip(names, values, strict=False)}


def add(graph: MutableGraph, catalog: NodeCatalog | None, class_type: str, inputs: Mapping[str, Any]) -> str:
    """Add a node with the defaults of its definition and these inputs; on an error none is added."""
    if catalog is not None and class_type not in catalog:
        raise UnknownNode(f"There is no node class {class_type!r}.", hint=did_you_mean(class_type, catalog))
    taken = (int(node_id) for node_id in graph if node_id.isascii() and node_id.isdecimal())
    node_id = str(max(taken, default=0) + 1)
    data: dict[str, Any] = {"inputs": {}, "class_type": class_type, "_meta": {"title": class_type}}
    graph[node_id] = data
    try:
        if catalog is None:
            data["inputs"] = dict.fromkeys(inputs)
        else:
            info = catalog[class_type]
            data["_meta"]["title"] = info.display_name or class_type
            for name, spec in info.inputs_with({}).items():
                if spec.required and spec.is_widget and spec.default is not None:
                    data["inputs"][name] = _stored({}, spec.default)
        for name, value in inputs.items():
            assign(graph, catalog, node_id, name, value)
    except ComfyError:
        del graph[node_id]
        raise
    return node_id


def remove(graph: MutableGraph, node_id: str) -> None:
    """Remove a node and the links that read it."""
    for reader, name, source, _ in list(links(graph)):
        if source == node_id:
            del graph[reader]["inputs"][name]
    del graph[node_id]


# -- seeds ---------------------------------------------------------------------------------------


def seed_inputs(graph: Graph, catalog: NodeCatalog | None) -> list[tuple[str, str]]:
    """Every seed input that is not linked, as (node id, input name).

    An INT input is a seed by its name (`seed`, `noise_seed`), or when the editor may change it
    after each run (`control_after_generate`) and it is either named after a seed or its node feeds
    one: a plain number such as a PrimitiveInt used for a width is not a seed.
    """
    feeders = {source for _, name, source, _ in links(graph) if name in SEED_NAMES}
    found = []
    for node_id, node in graph.items():
        info = info_of(graph, catalog, node_id)
        for name, value in node.get("inputs", {}).items():
            if is_link(value):
                continue
            spec = info.spec_of(name, node["inputs"]) if info is not None else None
            whole = spec.type == "INT" if spec is not None else isinstance(value, int)
            if not whole or isinstance(value, bool):
                continue
            feeds = node_id in feeders
            by_control = spec is not None and spec.control_after_generate and ("seed" in name or feeds)
            if name in SEED_NAMES or by_control or (feeds and spec is None and name == "value"):
                found.append((node_id, name))
    return found


def set_seed(graph: MutableGraph, catalog: NodeCatalog | None, seed: int | str) -> int:
    """Give every seed input the same number; "random" draws one. Returns the number used."""
    found = seed_inputs(graph, catalog)
    if not found:
        raise ComfyError(
            "This workflow has no seed to set.", hint="Every seed input in it is linked, or there is none."
        )
    if isinstance(seed, str) and seed.strip().lower() == "random":
        highest = _HIGHEST_SEED
        for node_id, name in found:
            spec = spec_of(graph, catalog, node_id, name)
            limit = spec.max if spec is not None else None
            highest = min(highest, int(limit)) if limit is not None else highest
        number = random.SystemRandom().randint(0, max(0, highest))
    else:
        try:
            number = int(seed)
        except (TypeError, ValueError):
            raise ComfyError(f"{seed!r} is not a seed.", hint="Give a whole number, or 'random'.") from None
    for node_id, name in found:
        assign(graph, catalog, node_id, name, number)
    return number
