"""`Workflow`, `Node` and `NodeOutput`: a ComfyUI graph to read, edit and send.

A `Workflow` holds a graph in the API's format, and works on it by the functions of `model`; loading and
converting are `BaseWorkflow`'s. Nothing here connects, uploads or submits. Values may be any Python
object: pictures, arrays, bytes and paths stay in the graph until the run is submitted
(`pending_uploads`, `with_values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, Problem, UnknownInput, UnknownNode
from ..text import did_you_mean, printable
from . import keywords, model
from .base import BaseWorkflow, Nodes
from .catalog import NodeCatalog, NodeInfo
from .editor.saved import saved_graph
from .specs import InputSpec
from .values import duplicate, is_link, parse_value, summary, unwrap
from .view.outline import heading, outline

if TYPE_CHECKING:
    from .view.difference import Difference
    from .view.table import InputTable, Problems


class Workflow(BaseWorkflow):
    """A workflow, by its nodes: `wf["KSampler"].seed = 42`, `wf.set("6.text", "a lighthouse")`."""

    @classmethod
    def load(cls, source: Any, nodes: Nodes | None = None) -> Workflow:
        """Read a workflow from a path, URL, JSON text, bytes, dict or output: any file ComfyUI wrote.

        JSON may be in either format. In pictures, videos, sound and 3D files the executed `prompt`
        is preferred and the editor's `workflow` kept as `.editor`. Editor-format files need `nodes`
        before they can be edited or sent. Raises `WorkflowNotFound`, `NotAWorkflow`,
        `InvalidWorkflow`, `ConnectionFailed` or `DownloadFailed`.
        """
        if isinstance(source, Workflow):
            loaded = source.copy()
            return loaded.resolve(nodes) if nodes is not None else loaded
        from .files import read

        found = read(source)
        loaded = cls(found.api, editor=found.editor, source=found.source, nodes=nodes)
        loaded._problems += found.problems
        return loaded

    # -- nodes -------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """A handle on every node, in the order of the file."""
        return [Node(self, node_id) for node_id in self.graph]

    def node(self, node_id: str) -> Node:
        """The handle on a node by its id alone."""
        return Node(self, node_id)

    def _find(self, ref: Any) -> str:
        if not isinstance(ref, Node):
            return model.find(self.graph, self._catalog, str(ref))
        if ref.workflow is self or ref.id in self.graph:
            return ref.id
        raise UnknownNode(f"Node {ref.id} belongs to another workflow.")

    def __getitem__(self, ref: str | int | Node) -> Node:
        return Node(self, self._find(ref))

    def __contains__(self, ref: object) -> bool:
        try:
            self._find(ref)
        except ComfyError:
            return False
        return True

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.graph) if self._api is not None else len(saved_graph(self.editor))

    def __bool__(self) -> bool:
        return True

    def _ipython_key_completions_(self) -> list[str]:
        if self._api is None:
            return []
        named = model.by_name(self._api, self._catalog).values()
        singles = [name for kind in named for name, ids in kind.items() if len(ids) == 1]
        return list(dict.fromkeys([*singles, *self._api]))

    def add(self, class_type: str, /, **inputs: Any) -> Node:
        """Add a node of a class and return its handle; inputs left out take their defaults.

        With a catalog the class and the inputs must exist in it.
        """
        values = {name: self._stored(value) for name, value in inputs.items()}
        return Node(self, model.add(self.graph, self._catalog, class_type, values))

    def remove(self, ref: str | int | Node) -> None:
        """Remove a node, together with the links that read it."""
        model.remove(self.graph, self._find(ref))

    def outputs(self) -> list[Node]:
        """The output nodes: those whose class says so, or, without definitions, those no node reads."""
        return [Node(self, node_id) for node_id in model.output_nodes(self.graph, self._catalog)]

    # -- inputs ------------------------------------------------------------------------------

    def _stored(self, value: Any) -> Any:
        """The value with nodes and outputs of nodes as the links they mean."""
        if isinstance(value, Node):
            value = value._only_output()
        if isinstance(value, NodeOutput):
            if value.node_id not in self.graph:
                raise UnknownInput(f"{value!r} belongs to no node of this workflow.")
            return [value.node_id, value.slot]
        if isinstance(value, (list, tuple)):
            return [self._stored(item) for item in value]
        return value

    def assign(self, node_id: str, name: str, value: Any) -> None:
        """Set one input of a node by its id. Links are `NodeOutput`, or `[id of a node here, index]`."""
        model.assign(self.graph, self._catalog, node_id, name, self._stored(value))

    def split(self, where: str) -> tuple[str, str]:
        """The node id and input name that an address `NODE.INPUT` means."""
        return model.split(self.graph, self._catalog, where)

    def places(self, where: str) -> list[tuple[str, str]]:
        """The (node id, input name) of `NODE.INPUT`, or those of a short name (`keywords.named_inputs`)."""
        if "." in str(where):
            return [self.split(where)]
        return keywords.named_inputs(self.graph, self._catalog, where)

    def get(self, where: str) -> Any:
        """The value of `NODE.INPUT` or of a short name; a link reads as a `NodeOutput`."""
        node_id, name = self.places(where)[0]
        return Node(self, node_id)[name]

    def set(self, where: str, value: Any) -> None:
        """Set `NODE.INPUT`, or what a short name means, to any value."""
        self.update({where: value})

    def set_text(self, where: str | tuple[str, str], text: str) -> Any:
        """Set `NODE.INPUT` from text, read by the input's declared type; returns the value."""
        node_id, name = self.split(where) if isinstance(where, str) else where
        spec = model.spec_of(self.graph, self._catalog, node_id, name)
        current = unwrap(self.graph[node_id]["inputs"].get(name))
        value = parse_value(text, spec, current, name=f"{self.node(node_id).title}.{name}")
        self.assign(node_id, name, value)
        return value

    def update(self, values: Mapping[str, Any]) -> Workflow:
        """Set several `NODE.INPUT`s or short names; when one is wrong, none is set. Returns the workflow."""
        places = [(place, value) for where, value in values.items() for place in self.places(where)]
        for (node_id, name), value in places:
            self.assign(node_id, name, value)
        return self

    def inputs(self, *, links: bool = False) -> InputTable:
        """Every input that can be set: its node, type, value, range or choices, and help."""
        from .view.table import input_table

        return input_table(self.graph, self._catalog, self._read, links=links)

    def _read(self, value: Any) -> Any:
        return NodeOutput(self, str(value[0]), value[1]) if is_link(value) else unwrap(value)

    def seed_inputs(self) -> list[tuple[str, str]]:
        """Every seed input that is not linked, as (node id, input name)."""
        return model.seed_inputs(self.graph, self._catalog)

    def set_seed(self, seed: int | str) -> int:
        """Set every seed input that is not linked; "random" draws one. Returns the seed used."""
        return model.set_seed(self.graph, self._catalog, seed)

    @property
    def seed(self) -> int | None:
        """The seed, when all seed inputs that are not linked have the same."""
        found = {self.graph[node_id]["inputs"][name] for node_id, name in self.seed_inputs()}
        return found.pop() if len(found) == 1 else None

    def pending_uploads(self) -> Iterator[tuple[str, str, Any]]:
        """The inputs whose values JSON cannot hold, as (node id, input name, value)."""
        return model.held_values(self.graph)

    def named_files(self, nodes: Nodes | None = None) -> Iterator[tuple[str, str, str, bool]]:
        """The texts in inputs that take files: (node id, input name, text, whether it was set here).

        A text that came with the file is not "set here". Empty without node definitions.
        """
        catalog = self._catalog if nodes is None else NodeCatalog.from_object_info(nodes)
        for node_id, name, text in model.named_files(self.graph, catalog):
            original = (self._original or {}).get(node_id, {}).get("inputs", {})
            yield node_id, name, text, original.get(name) != text

    # -- the whole -----------------------------------------------------------------------------

    def copy(self) -> Workflow:
        """An independent workflow with the same graph; pictures held as values are shared."""
        other = Workflow.__new__(Workflow)
        other.__dict__.update(self.__dict__)
        other._api = duplicate(self._api)
        other._problems = list(self._problems)
        return other

    def with_values(self, values: Mapping[str | tuple[str, str], Any]) -> Workflow:
        """A copy with some inputs replaced, by `(node id, input name)` or `NODE.INPUT`."""
        other = self.copy()
        for where, value in values.items():
            for place in [where] if isinstance(where, tuple) else other.places(where):
                other.assign(*place, value)
        return other

    def diff(self, other: Any) -> Difference:
        """What changes from this workflow to the other: nodes, classes, titles, inputs."""
        from .view.difference import difference

        if not isinstance(other, Workflow):
            other = Workflow.load(other, nodes=self._catalog)
        return difference((self.graph, self._catalog, self._read), (other.graph, other._catalog, other._read))

    def validate(self, nodes: Nodes | None = None, *, targets: Iterable[Any] | None = None) -> Problems:
        """What a server would refuse, and what the conversion could not know; nothing is sent.

        `targets` limits the check to the nodes those outputs need, as a partial run does.
        """
        from .validate import joined, validate
        from .view.table import Problems

        if nodes is not None:
            self.resolve(nodes)
        graph = self.graph
        if self._catalog is None:
            raise ComfyError(
                "Checking a workflow needs the node definitions.", hint="wf.validate(client.nodes)"
            )
        wanted = [self._find(ref) for ref in targets] if targets is not None else None
        found = validate(graph, self._catalog, targets=wanted, editor=self.editor)
        return Problems(joined(self._problems, found, graph, self._original or {}))

    def _shown(self) -> tuple[model.Graph, NodeCatalog | None]:
        """The graph to show: the API's, or what the editor's document says without definitions."""
        return (saved_graph(self.editor), None) if self._api is None else (self._api, self._catalog)

    def __repr__(self) -> str:
        graph, catalog = self._shown()
        state = "" if self._api is not None else "not converted yet (needs the node definitions)"
        first = heading(len(graph), self.source, state or ("edited since" if self.edited else ""))
        return outline(graph, catalog, first, problems=len(self._problems))

    def to_svg(self) -> str:
        """A picture of the graph as one self-contained SVG document."""
        from .view.drawing import svg

        return svg(*self._shown(), editor=self.editor, problems=self._wrong())

    def _wrong(self) -> list[Problem]:
        checked = self._api is not None and self._catalog is not None
        return (self.validate() if checked else self.problems).errors

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .view.drawing import html

        text = repr(self)
        page = html(*self._shown(), editor=self.editor, problems=self._wrong(), outline=text)
        return {"text/plain": text, "text/html": page}


class _NoSuchAttribute(UnknownInput, AttributeError):
    """An `UnknownInput` that `hasattr` and tab completion understand."""


class NodeOutput:
    """One output of a node, to be set as the value of another node's input."""

    __slots__ = ("_workflow", "node_id", "slot")

    def __init__(self, workflow: Workflow, node_id: str, slot: int) -> None:
        self._workflow = workflow
        self.node_id = node_id
        self.slot = slot

    @property
    def node(self) -> Node:
        """The node this is an output of. Raises `UnknownNode` when the workflow has no such node."""
        return self._workflow[self.node_id]

    @property
    def name(self) -> str:
        """The output's name, or its number when no definition says."""
        return self._describe()[0] or str(self.slot)

    @property
    def type(self) -> str | None:
        """The type of data it gives, such as MODEL, when a definition says."""
        return self._describe()[1]

    def _describe(self) -> tuple[str | None, str | None]:
        known = Node(self._workflow, self.node_id)._slots()
        return known[self.slot] if 0 <= self.slot < len(known) else (None, None)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NodeOutput):
            return (self.node_id, self.slot) == (other.node_id, other.slot)
        return [self.node_id, self.slot] == other

    def __hash__(self) -> int:
        return hash((self.node_id, self.slot))

    def __repr__(self) -> str:
        known = self.node_id in self._workflow.graph
        where = Node(self._workflow, self.node_id).label if known else f"{self.node_id} (missing)"
        return f"<output {self.name} of {where}>"


class Node:
    """One node: its inputs are its attributes and its items.

    `node.seed` and `node["seed"]` are the same input; only item access reaches an input whose name
    clashes with the node's own: `id, class_type, title, label, inputs, specs, info, workflow, output,
    outputs, remove`. A linked input reads as a `NodeOutput`. A handle holds no state of its own: it reads
    and writes the workflow it came from.
    """

    __slots__ = ("_id", "_workflow")
    _id: str
    _workflow: Workflow
    _own = frozenset(
        [
            "id",
            "class_type",
            "title",
            "label",
            "inputs",
            "specs",
            "info",
            "workflow",
            "output",
            "outputs",
            "remove",
        ]
    )

    def __init__(self, workflow: Workflow, node_id: str) -> None:
        object.__setattr__(self, "_workflow", workflow)
        object.__setattr__(self, "_id", node_id)

    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] | None = self._workflow.graph.get(self._id)
        if data is None:
            raise UnknownNode(f"Node {self._id} is no longer in the workflow.")
        return data

    def _here(self) -> tuple[model.MutableGraph, NodeCatalog | None, str]:
        """The arguments that the functions of `model` take: the graph, the catalog, this node."""
        self._data()
        return self._workflow.graph, self._workflow.catalog, self._id

    @property
    def id(self) -> str:
        """The node's id, such as "3", or "12:5" inside a subgraph."""
        return self._id

    @property
    def workflow(self) -> Workflow:
        """The workflow the node belongs to."""
        return self._workflow

    @property
    def class_type(self) -> str:
        """The node's class, such as KSampler; empty when the file names none."""
        return str(self._data().get("class_type") or "")

    @property
    def title(self) -> str:
        """The title in the file, else the display name of its definition, else its class. May be set."""
        return model.title_of(*self._here())

    @property
    def label(self) -> str:
        """Title, class and id in a few words, as messages name a node."""
        return model.label_of(*self._here())

    @property
    def info(self) -> NodeInfo | None:
        """The definition of the node's class, when the catalog has it."""
        return model.info_of(*self._here())

    @property
    def inputs(self) -> dict[str, Any]:
        """Every input the file gives, by name: values, and `NodeOutput` for links. A copy."""
        return {name: self._workflow._read(value) for name, value in self._data().get("inputs", {}).items()}

    @property
    def specs(self) -> Mapping[str, InputSpec]:
        """The declared inputs of the node with its present values, by name; empty without a definition."""
        return model.specs_of(*self._here())

    @property
    def outputs(self) -> list[NodeOutput]:
        """The node's outputs, as far as its definition or the links that read it tell."""
        return [NodeOutput(self._workflow, self._id, slot) for slot in range(len(self._slots()))]

    def _slots(self) -> list[tuple[str | None, str | None]]:
        workflow = self._workflow
        return model.output_slots(workflow.graph, workflow.catalog, self._id, workflow.editor)

    def _only_output(self) -> NodeOutput:
        if len(self._slots()) != 1:
            raise UnknownInput(f"{self.label} is a node.", hint="Say which output of it: .output(0).")
        return self.output(0)

    def output(self, which: int | str = 0) -> NodeOutput:
        """One output by number (from 0) or by name. Raises `UnknownInput` when there is no such output."""
        known = self._slots()
        if isinstance(which, str):
            slots = [n for n, (name, _) in enumerate(known) if name == which]
            if not slots:
                slots = [n for n, (_, kind) in enumerate(known) if kind == which]
            if len(slots) == 1:
                return NodeOutput(self._workflow, self._id, slots[0])
            names = [name for name, _ in known if name]
            if slots:
                raise UnknownInput(
                    f"{self.label} has {len(slots)} outputs {which!r}.", hint="Say which by number."
                )
            hint = did_you_mean(which, names) or (
                f"It has {', '.join(names)}." if names else "Use its number."
            )
            raise UnknownInput(f"{self.label} has no output {which!r}.", hint=hint)
        info = self.info
        if which < 0 or (info is not None and which >= len(info.outputs)):
            have = f"It has {len(info.outputs)}." if info is not None else ""
            raise UnknownInput(f"{self.label} has no output number {which}.", hint=have)
        return NodeOutput(self._workflow, self._id, int(which))

    def remove(self) -> None:
        """Remove the node from the workflow; see `Workflow.remove`."""
        self._workflow.remove(self)

    def __getitem__(self, name: str) -> Any:
        data = self._data().get("inputs", {})
        if name in data:
            return self._workflow._read(data[name])
        model.check_input(*self._here(), name)
        members = model.group_members(*self._here(), name)
        if members is not None:
            return [self._workflow._read(data[member]) for member in members]
        spec = model.spec_of(*self._here(), name)
        return spec.default if spec is not None else None

    def __setitem__(self, name: str, value: Any) -> None:
        self._workflow.assign(self._id, name, value)

    def __delitem__(self, name: str) -> None:
        """Leave an input out, so that the server uses its default."""
        model.check_input(*self._here(), name)
        self._data()["inputs"].pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._data().get("inputs", {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._data().get("inputs", {}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except UnknownInput as error:
            raise _NoSuchAttribute(error.message, hint=error.hint) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "title":
            self._data().setdefault("_meta", {})["title"] = str(value)
        elif name in self._own:
            raise ComfyError(
                f"`{name}` of a node cannot be set.",
                hint=f"For an input of that name write node[{name!r}] = …",
            )
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        names = self._ipython_key_completions_() if self._id in self._workflow.graph else []
        return sorted({*self._own, *(name for name in names if name.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return model.input_names(*self._here())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and other._workflow is self._workflow and other._id == self._id

    def __hash__(self) -> int:
        return hash((id(self._workflow), self._id))

    def __repr__(self) -> str:
        if self._id not in self._workflow.graph:
            return f"<node {self._id}, removed>"
        parts = []
        for name, value in self.inputs.items():
            if isinstance(value, NodeOutput):
                parts.append(f"{printable(name)} ← {printable(value.node_id)}.{printable(value.name)}")
            else:
                parts.append(f"{printable(name)} = {summary(value)}")
        return "\n  ".join([self.label, *parts])
