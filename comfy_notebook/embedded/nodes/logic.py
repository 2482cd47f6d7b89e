"""Nodes that choose: a list of one's own, and one of two branches."""

from __future__ import annotations

from typing import Any

from .base import Context, Files, Input, Node, Output
from .dynamic import MatchType

_MODULE = "comfy_extras.nodes_logic"
_BRANCH = MatchType(template_id="switch", lazy=True)


class CustomCombo(Node):
    """A choice among options that the workflow brings (`option1`, `option2`, …): its text and its index."""

    display_name = "Custom Combo"
    category = "utilities"
    python_module = _MODULE
    experimental = True
    takes_any = True
    inputs = {"choice": Input("COMBO", choices=(), v3=True)}
    outputs = (Output("STRING"), Output("INT", "INDEX"))

    def run(self, ctx: Context, *, choice: str, index: int = 0, **options: str) -> tuple[Any, ...]:
        """The index is the editor's: nothing is looked up here."""
        return choice, index

    def validate(self, files: Files, *, choice: str = "", **literals: Any) -> str | None:
        """Any text may be chosen: the server does not know the options."""
        return None


class ComfySwitchNode(Node):
    """The value of one of two branches; the other is not run."""

    display_name = "If/Else Switch"
    category = "utilities/logic"
    python_module = _MODULE
    experimental = True
    inputs = {"switch": Input("BOOLEAN"), "on_false": _BRANCH, "on_true": _BRANCH}
    outputs = (Output("*", "output", template_id="switch"),)

    def run(
        self, ctx: Context, *, switch: bool, on_true: Any = None, on_false: Any = None
    ) -> tuple[Any, ...]:
        return (on_true if switch else on_false,)

    def needed(self, **inputs: Any) -> list[str]:
        """The branch that is taken."""
        name = "on_true" if inputs.get("switch") else "on_false"
        return [name] if inputs.get(name) is None else []


NODES: list[type[Node]] = [CustomCombo, ComfySwitchNode]
