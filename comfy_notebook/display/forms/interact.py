"""`comfy.interact(wf, steps=(5, 50), cfg=(1.0, 15.0))`: a form that runs at every change.

Each change submits the workflow again and cancels the run before it. Controls are given as for `interact` of
ipywidgets: `(low, high[, step])`, a list of choices, True or False, a text, a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError
from ...text import printable
from .._compat import kernel_loop
from ..frontend import detect
from ..live.background import run_on
from .form import Form, Submit
from .knobs import Choice, Knob, number
from .layout import Field, find_input

if TYPE_CHECKING:
    from ...clients import Client


def interact(
    workflow: Any, inputs: Mapping[str, Any], *, client: Callable[[], Client], submit: Submit
) -> Form:
    """A form that runs at every change; see `comfy.interact`, and `form` for `client` and `submit`."""
    from ...workflow.workflow import Workflow

    wf = workflow.copy() if isinstance(workflow, Workflow) else Workflow.load(workflow)
    if not inputs:
        raise ComfyError("interact needs at least one input.", hint="For example steps=(5, 50).")
    if wf.catalog is None:
        wf.resolve(client().nodes)
    ranges = {find_input(wf, name): value for name, value in inputs.items()}
    return Interaction(wf, ranges, submit=submit)


class Interaction(Form):
    """A form that runs at every change; a newer run replaces an older one."""

    def __init__(self, workflow: Any, ranges: Mapping[str, Any], *, submit: Submit) -> None:
        super().__init__(workflow, list(ranges), submit=submit)
        self._ranges = dict(ranges)
        self._wanted = 0
        for control in self.view.knobs.values():
            for part in (control.control, getattr(control, "slider", control.control)):
                if hasattr(part, "continuous_update"):
                    part.continuous_update = False
            control.changed(self._changed)

    def _control(self, item: Field) -> Knob:
        given = self._ranges.get(item.address)
        return ranged(given, item) or super()._control(item)

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        if detect().live and self.result is None:
            self._changed()

    def _changed(self) -> None:
        if (loop := kernel_loop()) is not None:
            run_on(loop, self.rerun())

    async def rerun(self) -> None:
        """Run with the present values, unless another change comes first."""
        self._wanted += 1
        mine = self._wanted
        await asyncio.sleep(0.15)
        if mine != self._wanted:
            return
        await asyncio.get_running_loop().run_in_executor(None, self.cancel)
        await self.play()


def ranged(given: Any, item: Field) -> Knob | None:
    """The control for an abbreviation; None for one that gives no range."""
    import ipywidgets as w

    if isinstance(given, tuple) and len(given) in (2, 3) and all(_is_number(part) for part in given):
        low, high = given[:2]
        if high <= low:
            raise ComfyError(
                f"{item.address}: ({low}, {high}) is not a range; the smaller number comes first."
            )
        whole = item.spec.type == "INT" if item.spec else all(isinstance(part, int) for part in given)
        step = given[2] if len(given) == 3 else (1 if whole else _step(item, high - low))
        value = item.value if _is_number(item.value) else low
        return number(min(max(value, low), high), low, high, step, whole=whole)
    if isinstance(given, (list, range)):
        choices = list(given)
        if not choices:
            raise ComfyError(f"{item.address}: there is nothing to choose from.")
        return Choice(choices, item.value if item.value in choices else choices[0])
    if isinstance(given, bool):
        return Knob(w.Checkbox(value=given, indent=False))
    if isinstance(given, str) and item.spec is not None and item.spec.type == "STRING":
        return Knob(w.Textarea(value=given, rows=3, layout=w.Layout(width="100%")))
    if given is None or _is_number(given):
        return None
    raise ComfyError(
        f"{item.address}: {printable(repr(given), 80)} does not say what to choose from.",
        hint="Give (low, high), a list, True, or a text.",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _step(item: Field, span: float) -> float:
    declared = item.spec.step if item.spec is not None else None
    return float(declared) if declared else span / 100
