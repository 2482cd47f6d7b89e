"""What ComfyUI refuses, in ComfyUI's words: the body of a 400, and `node_errors`.

A graph is walked from its output nodes. An output is good when nothing it depends on is wrong; a
graph with one good output runs, and reports the others. Values are coerced in place, as ComfyUI does
("64" ▶ 64): the coerced graph is what runs and what the record shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .nodes.base import Files, Node
from .refusals import Problem, missing_node_type, problem
from .walk import Walk

_REPORTED = 1000  # wrong nodes an answer tells of
_LISTED_OUTPUTS = 100  # bad outputs that every one of them is told of


@dataclass(frozen=True)
class Verdict:
    """What became of a prompt: outputs to execute, or `error` when there is nothing to run."""

    outputs: tuple[str, ...] = ()
    node_errors: Mapping[str, Any] = field(default_factory=dict)
    error: Problem | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The answer to a refused prompt."""
        return {"error": self.error, "node_errors": dict(self.node_errors)}


def validate_prompt(
    prompt: dict[str, Any],
    nodes: Mapping[str, type[Node]],
    files: Files,
    *,
    targets: list[str] | None = None,
) -> Verdict:
    """Check a graph against the nodes there are, coercing its values in place."""
    outputs = []
    wanted = None if targets is None else frozenset(targets)
    for node_id, entry in prompt.items():
        class_type = entry.get("class_type") if isinstance(entry, dict) else None
        if class_type is None:
            return Verdict(error=missing_node_type(node_id, entry, None))
        if not isinstance(class_type, str) or class_type not in nodes:
            return Verdict(error=missing_node_type(node_id, entry, str(class_type)))
        if nodes[class_type].output_node and (wanted is None or node_id in wanted):
            outputs.append(node_id)
    if not outputs:
        return Verdict(error=problem("prompt_no_outputs", "Prompt has no outputs"))

    walk = Walk(prompt, nodes, _Listing(files))
    good: list[str] = []
    report = _Report(prompt, walk.checked)
    for output in outputs:
        if walk.check(output):
            good.append(output)
        else:
            report.add(output)
    if good:
        return Verdict(outputs=tuple(good), node_errors=report.nodes)
    return Verdict(
        error=problem("prompt_outputs_failed_validation", "Prompt outputs failed validation"),
        node_errors=report.nodes,
    )


class _Report:
    """`node_errors`: lists, as ComfyUI does, each bad output with every invalid node found so far.

    That grows with the square of the graph, so it ends at so many outputs, and at so many nodes.
    """

    def __init__(self, prompt: Mapping[str, Any], checked: dict[str, tuple[bool, list[Problem]]]) -> None:
        self.nodes: dict[str, Any] = {}
        self._prompt = prompt
        self._checked = checked
        self._seen = 0
        self._outputs = 0

    def add(self, output: str) -> None:
        fresh = list(islice(reversed(self._checked.items()), len(self._checked) - self._seen))[::-1]
        self._seen = len(self._checked)
        for node_id, (valid, problems) in fresh:
            if not valid and problems and len(self.nodes) < _REPORTED:
                self.nodes[node_id] = {
                    "errors": problems,
                    "dependent_outputs": [],
                    "class_type": self._prompt[node_id]["class_type"],
                }
        self._outputs += 1
        if self._outputs <= _LISTED_OUTPUTS:
            for entry in self.nodes.values():
                entry["dependent_outputs"].append(output)
        else:
            for node_id in [node_id for node_id, _ in fresh if node_id in self.nodes]:
                self.nodes[node_id]["dependent_outputs"].append(output)


class _Listing:
    """The files there are, listed once for the whole graph."""

    def __init__(self, files: Files) -> None:
        self.path = files.path
        self._files = files
        self._names: dict[str, list[str]] = {}

    def names(self, folder: str) -> list[str]:
        if folder not in self._names:
            self._names[folder] = self._files.names(folder)
        return self._names[folder]
