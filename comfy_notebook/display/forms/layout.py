"""Which inputs a form shows first: the most used ones; the others are folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError, Problem

if TYPE_CHECKING:
    from ...workflow.specs import InputSpec
    from ...workflow.workflow import Node, Workflow

# The most used inputs, by their names in ComfyUI's nodes.
_FIRST = ("text", "prompt", "positive", "negative", "image", "video", "audio", "seed", "noise_seed", "steps",
          "cfg", "guidance", "denoise", "strength", "width", "height", "batch_size", "ckpt_name", "unet_name",
          "lora_name", "sampler_name", "scheduler", "scale_by", "value")  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One input on the form: its place, declaration and value."""

    node_id: str
    name: str
    spec: InputSpec | None
    value: Any

    @property
    def address(self) -> str:
        """`NODE.INPUT`, by id: what presets and `Workflow.set` use."""
        return f"{self.node_id}.{self.name}"


@dataclass
class Group:
    """The inputs of one node, under its title."""

    node_id: str
    title: str
    fields: list[Field] = field(default_factory=list)


@dataclass
class Layout:
    """`shown` groups, those `folded` away, and what could not be shown, as `problems`."""

    shown: list[Group]
    folded: list[Group]
    problems: list[Problem]


def arrange(workflow: Workflow, inputs: Sequence[str] | None = None) -> Layout:
    """Every input of the workflow that has a value, grouped by node.

    With `inputs` (addresses `NODE.INPUT`, or names of nodes), only those, in that order, none folded.
    """
    problems = list(_missing(workflow))
    if inputs is not None:
        return Layout(_asked(workflow, inputs), [], problems)
    groups = [group for node in workflow.nodes if (group := _group(node)).fields]
    ranked = sorted(groups, key=_rank)
    shown = [group for group in ranked if _rank(group) < len(_FIRST)]
    folded = [group for group in ranked if _rank(group) >= len(_FIRST)]
    return Layout(shown, folded, problems) if shown else Layout(folded, [], problems)


def _group(node: Node) -> Group:
    specs = node.specs
    given = node.inputs
    names = [name for name in specs if name in given] + [name for name in given if name not in specs]
    group = Group(node.id, node.title)
    for name in names:
        spec = specs.get(name)
        if _settable(spec, given[name]):
            group.fields.append(Field(node.id, name, spec, given[name]))
    return group


def _settable(spec: InputSpec | None, value: Any) -> bool:
    from ...workflow.workflow import NodeOutput

    if isinstance(value, (NodeOutput, dict, tuple)):
        return False
    if spec is not None:
        return spec.is_widget
    return isinstance(value, (bool, int, float, str))


def _rank(group: Group) -> int:
    names = [item.name for item in group.fields]
    return min((_FIRST.index(name) for name in names if name in _FIRST), default=len(_FIRST))


def _asked(workflow: Workflow, inputs: Sequence[str]) -> list[Group]:
    groups: dict[str, Group] = {}
    for where in inputs:
        node_id, names = _resolve(workflow, where)
        node = workflow.node(node_id)
        group = groups.setdefault(node_id, Group(node_id, node.title))
        have = {item.name: item for item in _group(node).fields}
        for name in names if names is not None else list(have):
            found = have.get(name) or Field(node_id, name, node.specs.get(name), node[name])
            if found not in group.fields:
                group.fields.append(found)
    return list(groups.values())


def _resolve(workflow: Workflow, where: str) -> tuple[str, list[str] | None]:
    if where in workflow:
        return workflow[where].id, None
    node_id, name = workflow.split(where)
    return node_id, [name]


def _missing(workflow: Workflow) -> list[Problem]:
    catalog = workflow.catalog
    found: list[Problem] = [problem for problem in workflow.problems if isinstance(problem, Problem)]
    if catalog is None:
        return found
    for node in workflow.nodes:
        if node.class_type not in catalog:
            message = f"the server has no node class {node.class_type!r}; its inputs are shown as they are."
            found.append(Problem(message, node_id=node.id, node_title=node.title, kind="missing_node_type"))
    return found


def find_input(workflow: Workflow, name: str) -> str:
    """The address of an input given as `NODE.INPUT`, `NODE__INPUT`, or by a name only one node has.

    Where several nodes have it, the only one that is not linked; else an error that names them.
    """
    for where in (name, name.replace("__", ".")):
        if "." in where:
            node_id, found = workflow.split(where)
            return f"{node_id}.{found}"
    places = [item.address for node in workflow.nodes for item in _group(node).fields if item.name == name]
    if len(places) == 1:
        return places[0]
    if not places:
        workflow.split(f"{name}.{name}")
    raise ComfyError(
        f"{len(places)} nodes have an input {name!r}.", hint=f"Say which: {', '.join(places[:6])}."
    )
