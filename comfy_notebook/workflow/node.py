"""Handles on the parts of a workflow: a node, and one output of a node.

A handle holds no state of its own: it reads and writes the workflow it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, UnknownInput, UnknownNode
from ..text import did_you_mean
from .wire import clean, is_link, show, unwrap

if TYPE_CHECKING:
    from .catalog import NodeInfo
    from .workflow import Workflow


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
        """The node this is an output of. Raises `UnknownNode` for a link to nowhere."""
        return self._workflow[self.node_id]

    @property
    def name(self) -> str:
        """What the output is called, or its number when no definition says."""
        return self._describe()[0] or str(self.slot)

    @property
    def type(self) -> str | None:
        """The type of data it gives, such as MODEL, when a definition says."""
        return self._describe()[1]

    def _describe(self) -> tuple[str | None, str | None]:
        known = self._workflow.output_slots(self.node_id)
        return known[self.slot] if 0 <= self.slot < len(known) else (None, None)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NodeOutput):
            return (self.node_id, self.slot) == (other.node_id, other.slot)
        return [self.node_id, self.slot] == other

    def __hash__(self) -> int:
        return hash((self.node_id, self.slot))

    def __repr__(self) -> str:
        node = self._workflow.graph.get(self.node_id)
        where = self._workflow.node(self.node_id).label if node else f"{self.node_id} (missing)"
        return f"<output {self.name} of {where}>"


class Node:
    """One node: its inputs are its attributes and its items.

    `node.seed` and `node["seed"]` are the same input; only item access reaches an input whose name
    clashes with the node's own: `id, class_type, title, label, inputs, info, workflow, output,
    outputs, remove`. A linked input reads as a `NodeOutput`.
    """

    __slots__ = ("_id", "_workflow")
    _own = frozenset(
        ("id", "class_type", "title", "label", "inputs", "info", "workflow", "output", "outputs", "remove")
    )

    def __init__(self, workflow: Workflow, node_id: str) -> None:
        object.__setattr__(self, "_workflow", workflow)
        object.__setattr__(self, "_id", node_id)

    def _data(self) -> dict[str, Any]:
        data = self._workflow.graph.get(self._id)
        if data is None:
            raise UnknownNode(f"Node {self._id} is no longer in the workflow.")
        return data

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
        meta = self._data().get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        if isinstance(title, str) and title:
            return title
        return (self.info.display_name if self.info else None) or self.class_type

    @property
    def label(self) -> str:
        """Title, class and id in a few words, as messages name a node."""
        title, class_type, number = clean(self.title), clean(self.class_type), clean(self._id)
        return f"{title} ({number})" if title == class_type else f"{title} ({class_type} {number})"

    @property
    def info(self) -> NodeInfo | None:
        """The definition of the node's class, when a catalog is at hand and has it."""
        catalog = self._workflow.catalog
        return catalog.get(self.class_type) if catalog is not None else None

    @property
    def inputs(self) -> dict[str, Any]:
        """Every input the file gives, by name: values, and `NodeOutput` for links. A copy."""
        return {name: self._read(value) for name, value in self._data().get("inputs", {}).items()}

    @property
    def outputs(self) -> list[NodeOutput]:
        """The node's outputs, as far as its definition or the links that read it tell."""
        known = len(self._workflow.output_slots(self._id))
        return [NodeOutput(self._workflow, self._id, slot) for slot in range(known)]

    def output(self, which: int | str = 0) -> NodeOutput:
        """One output by number (from 0) or by name. Raises `UnknownInput` when there is none such."""
        known = self._workflow.output_slots(self._id)
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
        """Take the node out of the workflow; see `Workflow.remove`."""
        self._workflow.remove(self)

    def _read(self, value: Any) -> Any:
        if is_link(value):
            return NodeOutput(self._workflow, str(value[0]), value[1])
        return unwrap(value)

    def __getitem__(self, name: str) -> Any:
        data = self._data().get("inputs", {})
        if name in data:
            return self._read(data[name])
        self._workflow.check_input(self._id, name)
        info = self.info
        return info.inputs[name].default if info is not None else None

    def __setitem__(self, name: str, value: Any) -> None:
        self._workflow.assign(self._id, name, value)

    def __delitem__(self, name: str) -> None:
        self._workflow.unset(self._id, name)

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
            raise _NoSuchAttribute(error.what, hint=error.hint) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "title":
            self._workflow.retitle(self._id, value)
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
        names = self._workflow.input_names(self._id) if self._id in self._workflow.graph else []
        return sorted({*self._own, *(name for name in names if name.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return self._workflow.input_names(self._id)

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
                parts.append(f"{clean(name)} ← {clean(value.node_id)}.{clean(value.name)}")
            else:
                parts.append(f"{clean(name)} = {show(value)}")
        return "\n  ".join([self.label, *parts])
