"""A form for a workflow: controls for its inputs, buttons that run it, its results.

Callbacks submit and return; a task on the kernel's loop follows the run, so the notebook stays usable. Below
the widget, a slot holds the newest result as a static bundle, which is what a saved notebook keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError
from ...text import printable
from .._compat import kernel_loop
from ..frontend import detect
from ..live.background import run_on
from ..live.slots import widget_data
from . import presets as preset_files
from .files import FileKnob, as_image, user_variable
from .history import Entry
from .knobs import Knob, Seed, knob
from .layout import Field, Group, arrange
from .place import Place
from .view import FormView

if TYPE_CHECKING:
    from ...clients import Client
    from ...jobs.job import Job
    from ...jobs.result import Result
    from ...workflow.workflow import Workflow

Submit = Callable[["Workflow"], "Job"]
MOST_AT_ONCE = 100


def form(
    workflow: Any,
    inputs: Sequence[str] | None = None,
    *,
    client: Callable[[], Client],
    submit: Submit,
    presets: str | Path | None = None,
) -> Form:
    """A form for a workflow; see `comfy.form`.

    `client` gives the connected client, and is called only when node definitions or an upload are
    needed; `submit` sends a workflow.
    """
    from ...workflow.workflow import Workflow

    wf = workflow.copy() if isinstance(workflow, Workflow) else Workflow.load(workflow)
    if wf.catalog is None:
        wf.resolve(client().nodes)
    made = Form(wf, inputs, submit=submit, upload_mask=_mask_uploader(client))
    if presets is not None and Path(presets).exists():
        made.load_presets(presets)
    return made


class Form:
    """Controls for a copy of a workflow. Display it, or use `.workflow`, `.result`, `.history`, `.run()`."""

    def __init__(
        self,
        workflow: Workflow,
        inputs: Sequence[str] | None = None,
        *,
        submit: Submit,
        upload_mask: Callable[[Any, Any], str] | None = None,
    ) -> None:
        self._base = workflow
        self._submit = submit
        self._upload_mask = upload_mask
        self._layout = arrange(workflow, inputs)
        self._seeds = _seed_addresses(workflow)
        self._jobs: list[Job] = []
        self._view: FormView | None = None
        self._place = Place(self._label)
        self._knobs: dict[str, Knob] = {}
        self.presets: preset_files.Presets = {}
        self.result: Result | None = None
        """The newest result; None before the first."""

    # -- for code ------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """The value of every control, by `NODE.INPUT`. Raises `ComfyError` for one that is not valid."""
        if self._view is None:
            return {item.address: item.value for group in self._groups for item in group.fields}
        found = {}
        for address, control in self._knobs.items():
            try:
                found[address] = control.value
            except ValueError as error:
                raise ComfyError(f"{self._label(address)}: {error}.") from None
        return found

    @property
    def workflow(self) -> Workflow:
        """A copy of the workflow with the form's values in it."""
        return self._filled(self.values)

    def _filled(self, values: Mapping[str, Any]) -> Workflow:
        ready = self._base.copy()
        for address, value in values.items():
            node_id, name = _split(address)
            if self._base.node(node_id).inputs.get(name) != value:
                ready.assign(node_id, name, value)
        return ready

    @property
    def history(self) -> list[Result]:
        """Every result so far, oldest first."""
        return [entry.result for entry in self.view.history.entries] if self._view is not None else []

    @property
    def view(self) -> FormView:
        """The widgets; created on first use."""
        if self._view is None:
            self._view = self._build()
        return self._view

    @property
    def widget(self) -> Any:
        """The widget that holds the form, to put into another layout."""
        return self.view.widget

    def set(self, values: Mapping[str, Any]) -> None:
        """Set values, by `NODE.INPUT`. Raises `ComfyError` for an input that is not on the form."""
        self.view  # noqa: B018  (creates the controls)
        for address, value in values.items():
            where = address if address in self._knobs else ".".join(self._base.split(address))
            if where not in self._knobs:
                raise ComfyError(
                    f"{address!r} is not on this form.", hint=f"It has {', '.join(self._knobs)}."
                )
            try:
                self._knobs[where].put(value)
            except ValueError as error:
                raise ComfyError(f"{self._label(where)}: {error}.") from None

    def run(self) -> Job:
        """Submit the workflow with the form's values and return the job; its result becomes `.result`."""
        self._before_run()
        values = self.values
        job = self._submit(self._filled(values))
        if (loop := kernel_loop()) is not None:
            self._jobs.append(job)
            run_on(loop, self._quietly(job, values))
        return job

    async def _quietly(self, job: Job, values: dict[str, Any]) -> None:
        await self._follow(job, values)

    # -- presets -------------------------------------------------------------------------------

    def keep(self, name: str) -> None:
        """Keep the values under a name; they are saved in the notebook, with the form's result."""
        if not name.strip():
            raise ComfyError("A preset needs a name.")
        self.presets[printable(name.strip(), 60)] = preset_files.keepable(self.values)
        self._refresh()

    def use(self, name: str) -> None:
        """Set the values of a preset; other inputs stay as they are."""
        if name not in self.presets:
            raise ComfyError(f"There is no preset {name!r}.", hint=f"There are {', '.join(self.presets)}.")
        knobs = self.view.knobs
        self.set({key: value for key, value in self.presets[name].items() if key in knobs})

    def save_presets(self, path: str | Path) -> Path:
        """Write the presets to a JSON file."""
        return preset_files.save(path, self.presets)

    def load_presets(self, path: str | Path) -> None:
        """Read presets from a JSON file, or from a saved notebook with a form in it."""
        self.presets.update(preset_files.load(path))
        self._refresh()

    # -- display -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        lines = [f"Form({sum(len(group.fields) for group in self._groups)} inputs)"]
        lines += [
            f"  {printable(group.title, 40)}.{printable(item.name, 40)} = {printable(item.value, 60)}"
            for group in self._groups
            for item in group.fields
        ]
        lines += [f"  ! {printable(problem, 400)}" for problem in self._layout.problems]
        return "\n".join(lines)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not detect().live:
            display({"text/plain": repr(self)}, raw=True)
            return
        display(widget_data(self.view.main, repr(self)), raw=True)
        values = {item.address: item.value for group in self._groups for item in group.fields}
        self._place.open(values, self._metadata())
        # Below the picture: a row for each result must not push it down.
        display(widget_data(self.view.history.widget, ""), raw=True)

    # -- running -------------------------------------------------------------------------------

    async def play(self, count: int = 1) -> list[Result]:
        """Submit `count` runs and follow them, as the Run and Queue buttons do."""
        following = []
        self.view.busy(True)
        try:
            for number in range(min(count, MOST_AT_ONCE)):
                self._before_run()
                values = self._counted(number)
                ready = self._filled(values)
                job = await asyncio.get_running_loop().run_in_executor(None, self._send, ready)
                self._jobs.append(job)
                following.append(asyncio.ensure_future(self._follow(job, values)))
        except ComfyError as error:
            self.view.say(error)
        results = [result for result in await asyncio.gather(*following) if result is not None]
        self.view.busy(bool(self._jobs))
        return results

    def _counted(self, number: int) -> dict[str, Any]:
        """The values of one of several runs, each with another seed."""
        values = self.values
        for address in self._seeds:
            control = self._knobs.get(address)
            if isinstance(control, Seed) and control.lock.value:
                values[address] = control.counted(number)
        return values

    def cancel(self) -> None:
        """Cancel every run of this form that has not ended."""
        for job in list(self._jobs):
            try:
                job.cancel()
            except ComfyError as error:
                self.view.say(error)

    def _send(self, ready: Workflow) -> Job:
        for address, control in self._knobs.items():
            mask = control.mask if isinstance(control, FileKnob) else None
            if mask is not None and self._upload_mask is not None:
                node_id, name = _split(address)
                ready.assign(node_id, name, self._upload_mask(mask, control.value))
        return self._submit(ready)

    async def _follow(self, job: Job, values: dict[str, Any]) -> Result | None:
        try:
            result = await self._place.follow(job, values, self.view)
        finally:
            self._jobs.remove(job)
        if result is None:
            return None
        self.result = result
        seeds = {key: values[key] for key in self._seeds if isinstance(values.get(key), int)}
        self.view.history.add(Entry(result, preset_files.keepable(values), seeds))
        return result

    def _metadata(self) -> dict[str, Any]:
        return {"comfy_notebook": {preset_files.KEY: self.presets}} if self.presets else {}

    # -- building ------------------------------------------------------------------------------

    @property
    def _groups(self) -> list[Group]:
        return [*self._layout.shown, *self._layout.folded]

    def _build(self) -> FormView:
        for group in self._groups:
            for item in group.fields:
                self._knobs[item.address] = self._control(item)
        return FormView(self, self._layout, self._knobs)

    def _control(self, item: Field) -> Knob:
        if item.spec is not None and item.spec.upload:
            return FileKnob(item.spec, item.value, user_variable)
        try:
            return knob(item.spec, item.value, seed=item.address in self._seeds)
        except Exception:  # a plain control for a definition that contradicts itself
            return knob(None, item.value)

    def _before_run(self) -> None:
        for control in self._knobs.values():
            control.before_run()

    def restore(self, values: Mapping[str, Any]) -> None:
        """Set the values of an earlier run, and lock its seeds."""
        self.set({key: value for key, value in values.items() if key in self._knobs})
        for key in values:
            control = self._knobs.get(key)
            if isinstance(control, Seed):
                control.lock.value = True

    def _refresh(self) -> None:
        if self._view is not None:
            self._view.list_presets(list(self.presets))
        self._place.keep(self._metadata())

    def _label(self, address: str) -> str:
        node_id, name = _split(address)
        return f"{self._base.node(node_id).title}.{name}"


def _split(address: str) -> tuple[str, str]:
    # The address of a field is always `id.name`, and ids contain no dot.
    node_id, _, name = address.partition(".")
    return node_id, name


def _seed_addresses(workflow: Workflow) -> list[str]:
    return [f"{node_id}.{name}" for node_id, name in workflow.seed_inputs()]


def _mask_uploader(client: Callable[[], Client]) -> Callable[[Any, Any], str]:
    def upload(mask: Any, original: Any) -> str:
        """Upload the mask and return the name of the masked picture, for LoadImage."""
        connected = client()
        if not isinstance(original, str):
            original = connected.upload(as_image(original))
        return str(connected.upload_mask(mask, original=original).name)

    return upload
