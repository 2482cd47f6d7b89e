"""Checks a graph for what a server would refuse, before anything is sent.

Kinds are ComfyUI's own where it has one (execution.py, validate_prompt and validate_inputs): each
class must exist; of the nodes that an output needs, each required input must be there, each link fit,
each value be convertible, in range and among the choices. What the server would accept but is
probably a mistake (an output left out, a misspelt optional input) is a warning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import Problem
from ..protocol.graph import node_class, node_title
from ..text import closest
from .catalog import NodeCatalog, NodeInfo
from .editor.saved import pack_of
from .model import Graph, cycle, upstream
from .specs import COMBO, DYNAMIC_COMBO, InputSpec
from .values import is_json, is_link, same, summary, unwrap

#: Classes whose files the server checks itself, so that names may be right that are not listed.
_OWN_CHECK = frozenset({"LoadLatent", "LoadImageOutput", "LoadAudio", "LoadVideo", "Load3D"})
_ANNOTATED = re.compile(r" \[(?:input|output|temp)\]$")
_SOCKETS = frozenset(
    {
        *("MODEL", "CLIP", "VAE", "CONDITIONING", "LATENT", "IMAGE", "MASK", "CONTROL_NET", "CLIP_VISION"),
        *("NOISE", "SAMPLER", "SIGMAS", "GUIDER", "AUDIO", "VIDEO"),
    }
)


def validate(
    api: Graph,
    catalog: NodeCatalog,
    *,
    targets: Sequence[str] | None = None,
    editor: Mapping[str, Any] | None = None,
) -> list[Problem]:
    """Every problem of a graph in the API's format, in the order of its nodes.

    `targets` are the output nodes of a partial run (default: all output nodes); `editor` is the
    editor's document, which may name the pack a missing class comes from. Python objects that are
    uploaded at submission are accepted wherever the definition takes an upload.
    """
    return list(_Check(api, catalog, editor).problems(targets))


def joined(
    converting: Sequence[Problem], checking: Sequence[Problem], graph: Graph, original: Graph
) -> list[Problem]:
    """The problems of a conversion and those of a check, each thing said once, by the conversion if it did.

    What the conversion said of an input does not count once the input has been set, or its node removed
    from the graph that was converted (`original`).
    """
    about_class = ("missing_node_type", "missing_subgraph", "replaced_node_type")
    missing = {p.node_id: p for p in converting if p.kind in about_class}
    open_inputs = {_place(problem) for problem in converting if problem.input_name}
    kept: list[Problem] = []
    suggestions: dict[str | None, str | None] = {}
    for problem in checking:
        if problem.kind in about_class and problem.node_id in missing:
            suggestions[problem.node_id] = problem.suggestion
        elif problem.kind != "required_input_missing" or _place(problem) not in open_inputs:
            kept.append(problem)
    first = []
    refused = {_place(problem) for problem in kept if problem.kind == "value_not_in_list"}
    for problem in converting:
        if problem.kind == "unknown_option" and _place(problem) in refused:
            continue
        if problem.node_id in original and _settled(problem, graph, original):
            continue
        if missing.get(problem.node_id) is problem:
            if problem.node_id not in suggestions:
                continue  # its node is not in the graph any more, or its class is known by now
            problem = replace(problem, suggestion=problem.suggestion or suggestions[problem.node_id])
        first.append(problem)
    return [*first, *kept]


def _settled(problem: Problem, graph: Graph, original: Graph) -> bool:
    """Whether an edit has removed the node or set the input that a problem of the conversion is about."""
    node_id, name = problem.node_id or "", problem.input_name
    if node_id not in graph:
        return True
    was, now = (side[node_id].get("inputs", {}) for side in (original, graph))
    return name in now and (name not in was or not same(was[name], now[name]))


def _place(problem: Problem) -> tuple[str | None, str | None]:
    return problem.node_id, problem.input_name


class _Check:
    def __init__(self, api: Graph, catalog: NodeCatalog, editor: Mapping[str, Any] | None) -> None:
        self.api = api
        self.catalog = catalog
        self.editor = editor

    def problems(self, targets: Sequence[str] | None) -> Iterator[Problem]:
        outputs = [node_id for node_id in self.api if (info := self.info(node_id)) and info.output_node]
        for node_id in targets or ():
            if node_id not in outputs:
                yield self.problem(
                    node_id, None, "prompt_no_outputs", "is not an output node, so it cannot be a target."
                )
        unknown = [node_id for node_id in self.api if self.info(node_id) is None]
        if not outputs and not unknown and not targets:
            what = "has no output node, so nothing would run." if self.api else "is empty."
            try_this = "adding a node that keeps something, such as SaveImage" if self.api else None
            yield Problem(f"The workflow {what}", kind="prompt_no_outputs", suggestion=try_this)
        # A class that is missing may be an output node: what it needs counts as well.
        starts = [*outputs, *unknown] if targets is None else list(targets)
        needed = upstream(self.api, starts) if starts else set(self.api)
        loop = cycle({node_id: node for node_id, node in self.api.items() if node_id in needed})
        if loop:
            path = " → ".join([*loop[:8], *(["…"] if len(loop) > 8 else []), loop[0]])
            yield self.problem(loop[0], None, "dependency_cycle", f"is part of a loop: {path}.")
        for node_id in self.api:
            info = self.info(node_id)
            if info is None:
                yield self.missing_class(node_id)
            elif node_id in needed:
                yield from self.node(node_id, info)

    def info(self, node_id: str) -> NodeInfo | None:
        class_type = self.api[node_id].get("class_type")
        return self.catalog.get(class_type) if isinstance(class_type, str) else None

    def problem(
        self,
        node_id: str,
        name: str | None,
        kind: str,
        message: str,
        suggestion: str | None = None,
        severity: str = "error",
        **details: Any,
    ) -> Problem:
        node = self.api.get(node_id, {})
        return Problem(
            message,
            node_id=node_id,
            node_title=node_title(node),
            class_type=node_class(node),
            input_name=name,
            kind=kind,
            suggestion=suggestion,
            severity=severity,
            details=details,
        )

    def missing_class(self, node_id: str) -> Problem:
        class_type = self.api[node_id].get("class_type")
        if not isinstance(class_type, str) or not class_type:
            return self.problem(node_id, None, "missing_node_type", "has no class_type.")
        if successor := self.catalog.successor(class_type):
            message = f"the server replaces its class {class_type!r} by {successor!r}."
            return self.problem(node_id, None, "replaced_node_type", message, severity="warning")
        pack = pack_of(self.editor, node_id, class_type)
        if pack:
            message = f"the server has no class {class_type!r}; it belongs to the custom node pack {pack!r}."
            return self.problem(
                node_id, None, "missing_node_type", message, f"installing {pack!r}", pack=pack
            )
        near = self.catalog.closest(class_type)
        message = f"the server has no class {class_type!r}."
        return self.problem(node_id, None, "missing_node_type", message, repr(near) if near else None)

    def node(self, node_id: str, info: NodeInfo) -> Iterator[Problem]:
        given = self.api[node_id].get("inputs", {})
        literals = {name: unwrap(value) for name, value in given.items()} if info.dynamic else given
        specs = info.inputs_with(literals)
        strange = [name for name in given if name not in specs]
        for name, spec in specs.items():
            if name in given:
                yield from self.input(node_id, spec, given[name])
            elif spec.required and not _parent_missing(name, specs, given) and not _moved(name, specs, given):
                yield self.missing_input(node_id, spec, strange)
        optional = [name for name, spec in specs.items() if not spec.required and name not in given]
        for name in strange:
            root = info.inputs.get(name.partition(".")[0])
            if root is not None and root.dynamic and "." in name:
                if not _option_unknown(name, specs, given):
                    yield self.strange_member(node_id, name, info, literals)
                continue
            near = closest(name, optional, n=1)
            if near and not is_link(given[name]):
                message = f"is not an input of {info.class_type}; the server ignores it."
                yield self.problem(node_id, name, "unknown_input", message, repr(near[0]), "warning")

    def missing_input(self, node_id: str, spec: InputSpec, strange: Sequence[str]) -> Problem:
        misspelt = closest(spec.name, strange, n=1)
        suggestion = None
        if misspelt:
            suggestion = f"renaming {misspelt[0]!r}, which the class does not have, to {spec.name!r}"
        elif spec.is_widget and spec.default is not None:
            suggestion = summary(spec.default)
        what = "is missing." if spec.is_widget else f"needs a link of type {spec.link_type}."
        return self.problem(node_id, spec.name, "required_input_missing", what, suggestion)

    def strange_member(self, node_id: str, name: str, info: NodeInfo, literals: Mapping[str, Any]) -> Problem:
        """A name below a dynamic input that it does not bring: the server fails on it while running."""
        known = [spec for spec in info.members(name.partition(".")[0], literals) if spec.name not in literals]
        near = closest(name, [spec.name for spec in known], n=1)
        message = info.why_not(name, literals)
        return self.problem(node_id, name, "unknown_input", message, repr(near[0]) if near else None)

    def input(self, node_id: str, spec: InputSpec, stored: Any) -> Iterator[Problem]:
        if isinstance(stored, list):
            found = self.link(node_id, spec, stored)
        else:
            value = unwrap(stored)
            found = self.value(node_id, spec, value) if is_json(value) else self.held(node_id, spec, value)
        if found is not None:
            yield found

    def held(self, node_id: str, spec: InputSpec, value: Any) -> Problem | None:
        # A file the server has already (`FileRef`) goes into a text by its name.
        is_name = spec.type == "STRING" and isinstance(getattr(value, "value", None), str)
        if spec.upload or is_name or (spec.type == "COMBO" and spec.choices is None):
            return None
        message = f"holds {summary(value)}, but takes {_takes(spec)}."
        suggestion = "linking a LoadImage node that holds it" if spec.type in ("IMAGE", "MASK") else None
        return self.problem(node_id, spec.name, "invalid_input_type", message, suggestion)

    def link(self, node_id: str, spec: InputSpec, stored: list[Any]) -> Problem | None:
        name = spec.name
        if not is_link(stored):
            message = f"{summary(stored)} is not a link: a link is [node id, output number]."
            return self.problem(
                node_id, name, "bad_linked_input", message, "wrapping a list as {'__value__': […]}"
            )
        source, slot = stored
        if source not in self.api:
            near = [
                other
                for other in self.api
                if other != node_id
                and (info := self.info(other))
                and any(spec.accepts(out.type) for out in info.outputs)
            ]
            message = f"is linked to node {source!r}, which is not in the workflow."
            suggestion = f"an output of node {near[0]}" if len(near) == 1 else None
            return self.problem(node_id, name, "bad_linked_input", message, suggestion)
        info = self.info(source)
        if info is None:
            return None
        if not 0 <= slot < len(info.outputs):
            have = len(info.outputs)
            message = f"is linked to output {slot} of {info.class_type} ({source}), which has {have}, from 0."
            return self.problem(node_id, name, "bad_linked_input", message, self.fitting(spec, source, info))
        given = info.outputs[slot].type
        if spec.accepts(given):
            return None
        message = f"takes {spec.link_type}, but is linked to {given} of {info.class_type} ({source})."
        return self.problem(
            node_id, name, "return_type_mismatch", message, self.fitting(spec, source, info), received=given
        )

    @staticmethod
    def fitting(spec: InputSpec, source: str, info: NodeInfo) -> str | None:
        fits = [out for out in info.outputs if spec.accepts(out.type)]
        return f"[{source!r}, {fits[0].index}], its {fits[0].name}" if fits else None

    def value(self, node_id: str, spec: InputSpec, value: Any) -> Problem | None:
        name, kind = spec.name, spec.type
        if kind in ("INT", "FLOAT"):
            return self.number(node_id, spec, value)
        if kind in (COMBO, DYNAMIC_COMBO):
            return self.choice(node_id, spec, value)
        if kind in _SOCKETS and not spec.is_widget:
            message = f"takes a link of type {kind}, not {summary(value)}."
            return self.problem(node_id, name, "invalid_input_type", message, severity="warning")
        return None

    def number(self, node_id: str, spec: InputSpec, value: Any) -> Problem | None:
        name = spec.name
        try:
            number = int(value) if spec.type == "INT" else float(value)
            if isinstance(number, float) and math.isnan(number):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            message = f"{summary(value)} is not {'a whole' if spec.type == 'INT' else 'a'} number."
            return self.problem(node_id, name, "invalid_input_type", message, summary(spec.default))
        if isinstance(value, float) and number != value:
            message = f"{value!r} is not a whole number: the server would cut it to {number}."
            return self.problem(node_id, name, "invalid_input_type", message, f"{round(value)}")
        if spec.min is not None and number < spec.min:
            message = f"{summary(value)} is below the minimum."
            return self.problem(node_id, name, "value_smaller_than_min", message, str(spec.min), min=spec.min)
        if spec.max is not None and number > spec.max:
            message = f"{summary(value)} is above the maximum."
            return self.problem(node_id, name, "value_bigger_than_max", message, str(spec.max), max=spec.max)
        return None

    def choice(self, node_id: str, spec: InputSpec, value: Any) -> Problem | None:
        """A value that is not among the choices; a warning where the server has a check of its own."""
        choices = spec.choices
        if choices is None or spec.remote:
            return None
        chosen = value if spec.multiselect and isinstance(value, list) else [value]
        wrong = [item for item in chosen if item not in choices]
        if not wrong:
            return None
        if spec.upload:
            return self.file(node_id, spec, wrong[0])
        if not choices:
            message = f"{summary(wrong[0])} cannot be checked: the server lists no choices here."
            return self.problem(node_id, spec.name, "value_not_in_list", message, severity="warning")
        message = f"{summary(wrong[0])} is not among its {len(choices)} choice{'s' * (len(choices) > 1)}."
        own_check = self.api[node_id].get("class_type") in _OWN_CHECK or _ANNOTATED.search(str(wrong[0]))
        severity = "warning" if own_check else "error"
        nearest = _nearest(wrong[0], choices)
        return self.problem(node_id, spec.name, "value_not_in_list", message, nearest, severity)

    def file(self, node_id: str, spec: InputSpec, value: Any) -> Problem | None:
        """A file that the server does not list; its list leaves out subfolders and other folders."""
        if not isinstance(value, str) or "/" in value or "\\" in value or _ANNOTATED.search(value):
            return None
        near = closest(value, [str(choice) for choice in spec.choices or ()], n=1)
        message = f"the server lists no file {value!r} in its input folder."
        suggestion = repr(near[0]) if near else f"Path({value!r}) to upload a file of yours"
        return self.problem(node_id, spec.name, "value_not_in_list", message, suggestion, "warning")


def _nearest(value: Any, choices: Sequence[Any]) -> str:
    """The choice most like the value: the same file in another folder first, then by spelling."""
    text = str(value)
    file = text.replace("\\", "/").rpartition("/")[2].lower()
    for choice in choices:
        if str(choice).replace("\\", "/").rpartition("/")[2].lower() == file:
            return repr(choice)
    near = closest(text, [str(choice) for choice in choices], n=1)
    if near:
        return next(repr(choice) for choice in choices if str(choice) == near[0])
    listing = " or ".join(repr(choice) for choice in choices[:3])
    return listing if len(choices) <= 3 else f"one of {', '.join(repr(choice) for choice in choices[:3])}, …"


def _takes(spec: InputSpec) -> str:
    words = {"INT": "a whole number", "FLOAT": "a number", "STRING": "text", "COMBO": "one of its choices"}
    return words.get(spec.type, f"a link of type {spec.type}" if not spec.is_widget else spec.type)


def _option_unknown(name: str, specs: Mapping[str, InputSpec], given: Mapping[str, Any]) -> bool:
    """Whether what an input belongs to is linked or has an unknown option: then its inputs are not known."""
    parents = [name[:at] for at, char in enumerate(name) if char == "."]
    return any(
        parent in specs and specs[parent].dynamic and given.get(parent) not in (specs[parent].choices or ())
        for parent in parents
        if parent in given
    )


def _moved(name: str, specs: Mapping[str, InputSpec], given: Mapping[str, Any]) -> bool:
    """Whether a nested input that is missing is given under its old name, which the class still takes.

    ComfyUI 0.33 runs `SaveVideo` graphs with `codec` in place of `format.codec` (observed).
    """
    _, dot, leaf = name.rpartition(".")
    return bool(dot) and leaf in specs and leaf in given


def _parent_missing(name: str, specs: Mapping[str, InputSpec], given: Mapping[str, Any]) -> bool:
    """Whether an input belongs to a dynamic combo that is not given: then that one is the problem."""
    parent = name.rpartition(".")[0]
    return parent in specs and parent not in given
