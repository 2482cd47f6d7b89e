"""`Workflow`: a ComfyUI graph to read, edit and send.

The graph is held in the API's format: node ids to `{"class_type", "inputs", "_meta"}`. A file in
the editor's own ("save") format stays as it is until a `NodeCatalog` is at hand, because only the
node definitions tell which saved value belongs to which input; `resolve` converts it. Nothing here
connects, uploads or submits. Values may be any Python object: pictures, arrays, bytes and paths
stay in the graph until the run is submitted (`pending_uploads`, `with_values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, ConversionError, InvalidWorkflow, Problem
from . import address, editing, seeds
from .catalog import NodeCatalog
from .node import Node
from .order import links
from .view import outline
from .wire import as_link, duplicate, is_json, plain, same, show, unwrap

if TYPE_CHECKING:
    from pathlib import Path

    from .catalog import NodeInfo
    from .files import Source
    from .view.difference import Difference
    from .view.table import InputTable, Problems

_HOW = "Pass the node definitions: Workflow.load(source, nodes=client.nodes), or wf.resolve(client.nodes)."


class Workflow:
    """A workflow, by its nodes: `wf["KSampler"].seed = 42`, `wf.set("6.text", "a lighthouse")`."""

    def __init__(
        self,
        api: Mapping[str, Any] | None = None,
        *,
        editor: Mapping[str, Any] | None = None,
        source: Source | None = None,
        nodes: NodeCatalog | Mapping[str, Any] | None = None,
    ) -> None:
        self._api: dict[str, dict[str, Any]] | None = None
        self._original: dict[str, Any] | None = None
        self._problems: list[Problem] = []
        self._catalog = None if nodes is None else NodeCatalog.from_object_info(nodes)
        self.editor: dict[str, Any] | None = dict(editor) if editor is not None else None
        """The document of the editor the graph came with, for `extra_pnginfo`; never changed."""
        self.source = source
        """What was read from where, or None for a graph made in memory."""
        if api is not None:
            self._take(api)
        elif editor is None:
            self._take({})
        elif nodes is not None:
            self.resolve(nodes)

    @classmethod
    def load(cls, source: Any, nodes: NodeCatalog | Mapping[str, Any] | None = None) -> Workflow:
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
        return cls(found.api, editor=found.editor, source=found.source, nodes=nodes)

    # -- the graph ---------------------------------------------------------------------------

    def _take(self, api: Mapping[str, Any]) -> None:
        graph: dict[str, dict[str, Any]] = {}
        for node_id, node in api.items():
            if not isinstance(node, Mapping) or not isinstance(node.get("inputs", {}), Mapping):
                raise InvalidWorkflow(f"Node {str(node_id)!r} of the workflow is not an object with inputs.")
            # The server's own note of a past run (IS_CHANGED): sent back, it would hide a changed file.
            data = {str(key): duplicate(value) for key, value in node.items() if key != "is_changed"}
            data["inputs"] = {str(name): plain(value) for name, value in node.get("inputs", {}).items()}
            graph[str(node_id)] = data
        for data in graph.values():
            for name, value in data["inputs"].items():
                data["inputs"][name] = as_link(value, graph) or value
        self._api = graph
        self._original = duplicate(graph)

    @property
    def is_converted(self) -> bool:
        """Whether the graph is at hand in the API's format."""
        return self._api is not None

    @property
    def graph(self) -> dict[str, dict[str, Any]]:
        """The nodes in the API's format, by id. Raises `ConversionError` while that takes a catalog."""
        if self._api is None:
            raise ConversionError("This workflow is in the editor's format and not converted yet.", hint=_HOW)
        return self._api

    @property
    def catalog(self) -> NodeCatalog | None:
        """The node definitions at hand, or None."""
        return self._catalog

    @property
    def problems(self) -> Problems:
        """What the conversion could not know, and named instead of guessing."""
        from .view.table import Problems

        return Problems(self._problems)

    @property
    def edited(self) -> bool:
        """Whether the graph differs from what was loaded or converted."""
        return self._api is not None and not same(self._api, self._original)

    @property
    def extra_pnginfo(self) -> dict[str, Any]:
        """What a server is to write into pictures: the editor's document with the values of this graph.

        Empty when there is no such document, or when it cannot be made to say what the graph says.
        """
        document = self.editor
        if document is not None and self.edited:
            from .writeback import written_back

            document = written_back(document, self._original or {}, self.graph, self._catalog)
        return {"workflow": document} if document is not None else {}

    def resolve(self, nodes: NodeCatalog | Mapping[str, Any]) -> Workflow:
        """Take these node definitions into use, converting the editor's format when that is still to do.

        `nodes` is a catalog, or what `GET /object_info` answers.

        Returns the workflow itself. Raises `ConversionError` only when nothing could be converted;
        anything less is in `.problems`.
        """
        catalog = self._catalog = NodeCatalog.from_object_info(nodes)
        if self._api is None:
            from .convert import convert

            done = convert(self.editor or {}, catalog)
            if not done.api and (done.problems or (self.editor or {}).get("nodes")):
                raise ConversionError("Nothing in this workflow could be converted.", problems=done.problems)
            self._take(done.api)
            self._problems = list(done.problems)
        return self

    def to_api(self, nodes: NodeCatalog | Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The graph as the API takes it: a new dict of plain JSON values.

        Raises `ConversionError` when an editor-format workflow has no catalog to convert it, and
        `InvalidWorkflow` naming the input when a picture, array, bytes or path is still in it: the
        client uploads those when the run is submitted.
        """
        if nodes is not None:
            self.resolve(nodes)
        graph: dict[str, Any] = duplicate(self.graph)
        held = [
            Problem(
                f"holds {show(value)}, which JSON cannot.", node_id=node_id, input_name=name, kind="not_json"
            )
            for node_id, name, value in self.pending_uploads()
        ]
        if held:
            raise InvalidWorkflow(
                "The workflow holds values that are uploaded only when a run is submitted.",
                problems=held,
                hint="Submit it, or set the name of a file the server has.",
            )
        return graph

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the graph as an API-format JSON file and return its path.

        An existing file is replaced when it is itself an API-format workflow; anything else (the
        editor's own file, a picture) only with `overwrite=True`. Nothing half-written is left behind.
        """
        from .files import write

        return write(path, self.to_api(), overwrite=overwrite)

    # -- nodes -------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """A handle on every node, in the order of the file."""
        return [Node(self, node_id) for node_id in self.graph]

    def node(self, node_id: str) -> Node:
        """The handle on a node by its id alone."""
        return Node(self, node_id)

    def __getitem__(self, ref: str | int | Node) -> Node:
        return Node(self, address.find(self, ref))

    def __contains__(self, ref: object) -> bool:
        try:
            address.find(self, ref)
        except ComfyError:
            return False
        return True

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.graph) if self._api is not None else len(outline.editor_graph(self.editor))

    def __bool__(self) -> bool:
        return True

    def _ipython_key_completions_(self) -> list[str]:
        if self._api is None:
            return []
        named = address.by_name(self)
        singles = [name for kind in named.values() for name, ids in kind.items() if len(ids) == 1]
        return list(dict.fromkeys([*singles, *self.graph]))

    def add(self, class_type: str, /, **inputs: Any) -> Node:
        """Add a node of a class and return its handle; inputs left out take their defaults.

        With a catalog at hand the class and the inputs must exist in it.
        """
        return editing.add(self, class_type, inputs)

    def remove(self, ref: str | int | Node) -> None:
        """Take a node out, together with the links that read it."""
        editing.remove(self, address.find(self, ref))

    def retitle(self, node_id: str, title: str) -> None:
        """Give a node another title."""
        meta = self.graph[node_id].setdefault("_meta", {})
        meta["title"] = str(title)

    def outputs(self) -> list[Node]:
        """The output nodes: those whose class says so, or, without definitions, those nobody reads."""
        read = {source for _, _, source, _ in links(self.graph)}
        found = []
        for node in self.nodes:
            info: NodeInfo | None = node.info
            if info.output_node if info is not None else node.id not in read:
                found.append(node)
        return found

    def output_slots(self, node_id: str) -> list[tuple[str | None, str | None]]:
        """What is known of a node's outputs, as (name, type)."""
        return editing.output_slots(self, node_id)

    # -- inputs ------------------------------------------------------------------------------

    def input_names(self, node_id: str) -> list[str]:
        """The inputs a node has, or may have by its definition."""
        return address.input_names(self, node_id)

    def check_input(self, node_id: str, name: str) -> None:
        """Raise `UnknownInput` with the closest names unless the node may have this input."""
        address.check_input(self, node_id, name)

    def assign(self, node_id: str, name: str, value: Any) -> None:
        """Set one input of a node by its id. Links are `NodeOutput`, or `[id of a node here, index]`."""
        editing.assign(self, node_id, name, value)

    def unset(self, node_id: str, name: str) -> None:
        """Leave an input out, so that the server uses its default."""
        address.check_input(self, node_id, name)
        self.graph[node_id]["inputs"].pop(name, None)

    def split(self, where: str) -> tuple[str, str]:
        """The node id and input name an address `NODE.INPUT` means."""
        return address.split(self, where)

    def get(self, where: str) -> Any:
        """The value of `NODE.INPUT`; a link reads as a `NodeOutput`."""
        node_id, name = self.split(where)
        return Node(self, node_id)[name]

    def set(self, where: str, value: Any) -> None:
        """Set `NODE.INPUT` to any value."""
        node_id, name = self.split(where)
        self.assign(node_id, name, value)

    def set_text(self, where: str, text: str) -> Any:
        """Set `NODE.INPUT` from text, read by the input's declared type; returns the value."""
        from .values import parse_value

        node_id, name = self.split(where)
        info = self.node(node_id).info
        current = unwrap(self.graph[node_id]["inputs"].get(name))
        spec = info.inputs.get(name) if info is not None else None
        value = parse_value(text, spec, current, name=f"{self.node(node_id).title}.{name}")
        self.assign(node_id, name, value)
        return value

    def update(self, values: Mapping[str, Any]) -> Workflow:
        """Set several `NODE.INPUT`s; when one address is wrong, none is set. Returns the workflow."""
        places = [(self.split(where), value) for where, value in values.items()]
        for (node_id, name), value in places:
            self.assign(node_id, name, value)
        return self

    def inputs(self, *, links: bool = False) -> InputTable:
        """Every input that can be set: its node, type, value, range or choices, and help."""
        from .view.table import input_table

        return input_table(self, links=links)

    def set_seed(self, seed: int | str) -> int:
        """Set every seed input that is not linked; "random" draws one. Returns the seed used."""
        return seeds.set_seed(self, seed)

    @property
    def seed(self) -> int | None:
        """The seed, when all seed inputs that are not linked agree on one."""
        found = {self.graph[node_id]["inputs"][name] for node_id, name in seeds.seed_inputs(self)}
        return found.pop() if len(found) == 1 else None

    def pending_uploads(self) -> Iterator[tuple[str, str, Any]]:
        """The inputs whose values JSON cannot hold, as (node id, input name, value)."""
        for node_id, node in self.graph.items():
            for name, value in node["inputs"].items():
                if not is_json(value):
                    yield node_id, name, unwrap(value)

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
            node_id, name = where if isinstance(where, tuple) else other.split(where)
            other.assign(node_id, name, value)
        return other

    def diff(self, other: Any) -> Difference:
        """What changes from this workflow to the other: nodes, classes, titles, inputs."""
        from .view.difference import difference

        return difference(
            self, other if isinstance(other, Workflow) else Workflow.load(other, nodes=self._catalog)
        )

    def validate(
        self, nodes: NodeCatalog | Mapping[str, Any] | None = None, *, targets: Iterable[Any] | None = None
    ) -> Problems:
        """What a server would refuse, and what the conversion could not know; nothing is sent.

        `targets` limits the check to the nodes those outputs need, as a partial run does.
        """
        from .validate import validate
        from .view.table import Problems

        if nodes is not None:
            self.resolve(nodes)
        graph = self.graph
        if self._catalog is None:
            raise ComfyError(
                "Checking a workflow takes the node definitions.", hint="wf.validate(client.nodes)"
            )
        wanted = [address.find(self, ref) for ref in targets] if targets is not None else None
        found = validate(graph, self._catalog, targets=wanted, editor=self.editor)
        seen = {(problem.node_id, problem.kind) for problem in found}
        return Problems([p for p in self._problems if (p.node_id, p.kind) not in seen] + found)

    def __repr__(self) -> str:
        return outline.outline(self)

    def to_svg(self) -> str:
        """A picture of the graph as one self-contained SVG document."""
        from .view.drawing import svg

        return svg(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .view.drawing import html

        return {"text/plain": repr(self), "text/html": html(self)}
