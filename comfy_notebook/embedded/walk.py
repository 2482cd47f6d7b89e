"""The walk over what one output needs: each node's inputs against their declarations, once a graph.

Values are coerced in place, as ComfyUI does. The walk keeps its own stack, so a chain of ten
thousand nodes does not recurse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .nodes.base import Files, Input, Node
from .nodes.dynamic import live_inputs
from .refusals import LONG_LIST, Problem, dependency_cycle, problem


def is_link(value: Any) -> bool:
    """Whether an input's value points at another node's output: `[node id, slot]`."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )


def types_match(received: str, wanted: str) -> bool:
    """Whether an output of one type may feed an input of another; both may be unions, `*` is any."""
    if received == wanted:
        return True
    given = {part.strip() for part in received.split(",")}
    taken = {part.strip() for part in wanted.split(",")}
    return "*" in given or "*" in taken or bool(given & taken)


class _Unreadable(Exception):
    """The graph itself is broken at this node; carries what Python said inside ComfyUI."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass
class _Frame:
    node_id: str
    reader: tuple[str, Input, list[Any]] | None
    inputs: dict[str, Any] = field(default_factory=dict)
    live: Mapping[str, Input] = field(default_factory=dict)
    pending: Iterator[tuple[str, Input]] = field(default_factory=lambda: iter(()))
    errors: list[Problem] = field(default_factory=list)
    valid: bool = True
    opened: bool = False
    received: dict[str, str] = field(default_factory=dict)


class Walk:
    """Depth-first over the nodes an output needs; a node checked once is not checked again."""

    def __init__(self, prompt: dict[str, Any], nodes: Mapping[str, type[Node]], files: Files) -> None:
        self.prompt = prompt
        self.nodes = nodes
        self.files = files
        self.checked: dict[str, tuple[bool, list[Problem]]] = {}
        self._judged: dict[type[Node], frozenset[str]] = {}
        self._configs: dict[int, list[Any] | None] = {}

    def check(self, output: str) -> bool:
        """Whether an output and all it needs are right."""
        stack = [_Frame(output, None)]
        on_path = {output}
        while stack:
            frame = stack[-1]
            try:
                child = self._advance(frame)
            except _Unreadable as error:
                self.checked[frame.node_id] = (False, [self._unreadable(frame, error)])
                child = None
            if child is None:
                stack.pop()
                on_path.discard(frame.node_id)
                if stack and not self.checked[frame.node_id][0]:
                    stack[-1].valid = False
            elif child.node_id in on_path:
                path = [f.node_id for f in stack]
                self.checked.update((node_id, (False, [])) for node_id in path)
                path = [*path[path.index(child.node_id) :], child.node_id]
                self.checked[child.node_id] = (False, [dependency_cycle(path, self.prompt)])
                break
            else:
                stack.append(child)
                on_path.add(child.node_id)
        return self.checked[output][0]

    def _advance(self, frame: _Frame) -> _Frame | None:
        """Check inputs until one leads to an unchecked node (returned), or the node is done (None)."""
        entry = self.prompt[frame.node_id]
        node = self.nodes[entry["class_type"]]
        if not frame.opened:
            inputs = entry.get("inputs")
            if not isinstance(inputs, dict):
                raise _Unreadable("KeyError", "'inputs'")
            frame.inputs, frame.opened = inputs, True
            frame.live = live_inputs(node, inputs)
            frame.pending = iter(frame.live.items())
        for name, spec in frame.pending:
            value = frame.inputs.get(name)
            if name not in frame.inputs:
                if not spec.optional:
                    shown = name if name in node.inputs else name.rpartition(".")[2]
                    frame.errors.append(
                        problem("required_input_missing", "Required input is missing", shown, input_name=name)
                    )
            elif isinstance(value, list):
                child = self._link(frame, name, spec, value)
                if child is not None:
                    return child
            else:
                self._literal(frame, node, name, spec, value)
        self._custom(frame, node)
        self.checked[frame.node_id] = (frame.valid and not frame.errors, frame.errors)
        return None

    def _link(self, frame: _Frame, name: str, spec: Input, value: list[Any]) -> _Frame | None:
        if len(value) != 2:
            frame.errors.append(self._bad_link(name, spec, value))
            return None
        source, slot = value
        if not isinstance(source, str) or source not in self.prompt:
            raise _Unreadable("KeyError" if isinstance(source, str) else "TypeError", repr(source))
        outputs = self.nodes[self.prompt[source]["class_type"]].outputs
        if not isinstance(slot, int) or isinstance(slot, bool):
            raise _Unreadable(
                "TypeError", f"tuple indices must be integers or slices, not {type(slot).__name__}"
            )
        # ComfyUI lets Python count a negative slot from the end; so does everything that reads it here.
        if not -len(outputs) <= slot < len(outputs):
            raise _Unreadable("IndexError", "tuple index out of range")
        received = frame.received[name] = outputs[slot].type
        if not types_match(received, self._kind(spec)):
            old_combo = spec.choices is not None and not spec.v3
            shown = _named(spec.listed(self.files)) if old_combo else self._kind(spec)
            frame.errors.append(
                problem(
                    "return_type_mismatch",
                    "Return type mismatch between linked nodes",
                    f"{name}, received_type({received}) mismatch input_type({shown})",
                    input_name=name,
                    input_config=self._config(spec),
                    received_type=received,
                    linked_node=value,
                )
            )
            return None
        if source in self.checked:
            if not self.checked[source][0]:
                frame.valid = False
            return None
        return _Frame(source, (name, spec, value))

    def _bad_link(self, name: str, spec: Input, value: Any) -> Problem:
        return problem(
            "bad_linked_input",
            "Bad linked input, must be a length-2 list of [node_id, slot_index]",
            name,
            input_name=name,
            input_config=self._config(spec),
            received_value=value,
        )

    def _literal(self, frame: _Frame, node: type[Node], name: str, spec: Input, value: Any) -> None:
        if isinstance(value, dict) and "__value__" in value:
            value = frame.inputs[name] = value["__value__"]
            if is_link(value):
                # Unwrapped, it would be taken for a link that has not been checked and may be a cycle.
                frame.errors.append(self._bad_link(name, spec, value))
                return
        kind = self._kind(spec)
        convert = _CONVERSIONS.get(kind)
        if convert is not None:
            try:
                converted = convert(value)
            except (TypeError, ValueError, OverflowError) as error:
                frame.errors.append(
                    problem(
                        "invalid_input_type",
                        f"Failed to convert an input value to a {kind} value",
                        f"{name}, {value}, {error}",
                        input_name=name,
                        input_config=self._config(spec),
                        received_value=value,
                        exception_message=str(error),
                    )
                )
                return
            value = frame.inputs[name] = converted
        if name not in self._checks_itself(node):
            self._range(frame, name, spec, value) or self._choice(frame, name, spec, value)

    def _range(self, frame: _Frame, name: str, spec: Input, value: Any) -> bool:
        low, high = spec.options.get("min"), spec.options.get("max")
        if not isinstance(value, (int, float)):
            return False
        if low is not None and value < low:
            kind, message = "value_smaller_than_min", f"Value {value} smaller than min of {low}"
        elif high is not None and value > high:
            kind, message = "value_bigger_than_max", f"Value {value} bigger than max of {high}"
        elif isinstance(value, float) and not math.isfinite(value):
            # These pass ComfyUI's comparisons when there is no bound, but no node can use them.
            kind, message = "invalid_input_type", "Value is not a finite number"
        else:
            return False
        if isinstance(value, float) and not math.isfinite(value):
            value = str(value)  # JSON has no word for it
        frame.errors.append(
            problem(
                kind, message, name, input_name=name, input_config=self._config(spec), received_value=value
            )
        )
        return True

    def _choice(self, frame: _Frame, name: str, spec: Input, value: Any) -> bool:
        if spec.choices is None:
            return False
        choices = spec.listed(self.files)
        if value in choices:
            return False
        frame.errors.append(
            problem(
                "value_not_in_list",
                "Value not in list",
                f"{name}: '{value}' not in {_named(choices)}",
                input_name=name,
                input_config=self._config(spec),
                received_value=value,
            )
        )
        return True

    def _custom(self, frame: _Frame, node: type[Node]) -> None:
        """The node's own check, when what it judges is there: mistakes in other inputs do not hide it."""
        named = self._checks_itself(node)
        if node.validate is Node.validate:
            return
        literals = {
            name: frame.inputs[name]
            for name in frame.live
            if name in frame.inputs and not isinstance(frame.inputs[name], list)
        }
        if named - literals.keys() or (frame.errors and not named):
            return
        reason = node().validate(self.files, **literals)
        if reason is not None:
            for name in [name for name in literals if name in named] or sorted(literals):
                frame.errors.append(
                    problem(
                        "custom_validation_failed",
                        "Custom validation failed for node",
                        f"{name} - {reason}",
                        input_name=name,
                    )
                )

    def _checks_itself(self, node: type[Node]) -> frozenset[str]:
        """The inputs a node's own `validate` names, which ComfyUI then leaves to it."""
        if node not in self._judged:
            self._judged[node] = node.judges()
        return self._judged[node]

    def _kind(self, spec: Input) -> str:
        return "COMBO" if spec.choices is not None else spec.type

    def _config(self, spec: Input) -> list[Any] | None:
        """The input's declaration; None when it has a long list of choices."""
        if id(spec) not in self._configs:
            long = len(spec.listed(self.files)) > LONG_LIST
            self._configs[id(spec)] = None if long else spec.describe(self.files)
        return self._configs[id(spec)]

    def _unreadable(self, frame: _Frame, error: _Unreadable) -> Problem:
        shown = {"exception_message": error.message, "exception_type": error.kind, "traceback": []}
        if frame.reader is None:
            return problem(
                "exception_during_validation", "Exception when validating node", error.message, **shown
            )
        name, spec, link = frame.reader
        return problem(
            "exception_during_inner_validation",
            "Exception when validating inner node",
            error.message,
            input_name=name,
            input_config=self._config(spec),
            **shown,
            linked_node=link,
        )


def _named(choices: list[Any]) -> str:
    return f"(list of length {len(choices)})" if len(choices) > LONG_LIST else str(choices)


def _to_bool(value: Any) -> bool:
    return bool(value)


def _to_str(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


_CONVERSIONS: Mapping[str, Any] = {"INT": int, "FLOAT": float, "STRING": _to_str, "BOOLEAN": _to_bool}
