"""The widgets of a form: groups of labelled controls, buttons, live views, history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import ComfyError
from ...text import PARAGRAPH, escape, printable
from .._compat import kernel_loop
from ..live.background import run_on
from ..live.view import LiveView, job_view_of
from ..static import style
from . import brush
from .files import FileKnob
from .history import History
from .knobs import Knob
from .layout import Group, Layout

if TYPE_CHECKING:
    from ...jobs.job import Job

_LABEL_PX = "120px"


class Actions(Protocol):
    """What the widgets of a form can ask for."""

    presets: Any

    def restore(self, values: Mapping[str, Any]) -> None: ...

    def cancel(self) -> None: ...

    async def play(self, count: int = 1) -> Any: ...

    def keep(self, name: str) -> None: ...

    def use(self, name: str) -> None: ...


class FormView:
    """The widgets of a form. It calls the form's actions and submits nothing itself."""

    def __init__(self, form: Actions, layout: Layout, knobs: dict[str, Knob]) -> None:
        import ipywidgets as w

        self._w, self._form, self.knobs = w, form, knobs
        self.history = History(form.restore)
        self._message = w.HTML()
        self._live = w.VBox([])
        self._views: list[LiveView] = []
        shown = [self._group(group) for group in layout.shown]
        folded = [self._group(group) for group in layout.folded]
        parts = [w.HTML(style("live.css", "form.css"), layout=w.Layout(display="none")), *shown]
        if folded:
            more = w.Accordion([w.VBox(folded)], selected_index=None)
            more.set_title(0, f"More inputs of {len(folded)} node{'s' if len(folded) != 1 else ''}")
            parts.append(more)
        if layout.problems:
            rows = "".join(f"<li>{escape(problem, 400)}</li>" for problem in layout.problems)
            parts.append(w.HTML(f'<ul class="cnb cnb-problems">{rows}</ul>'))
        parts += [self._buttons(), self._preset_row(), self._message, self._live]
        self.main = w.VBox(parts, layout=w.Layout(max_width="820px"))
        self.main.add_class("cnb-form")
        self.history.widget.add_class("cnb-form")
        self.widget = w.VBox([self.main, self.history.widget])

    def start(self, job: Job) -> LiveView:
        """Show a job that has been submitted."""
        view = job_view_of(job)
        self._views.append(view)
        self._live.children = [shown.widget for shown in self._views]
        self._message.value = ""
        return view

    def stop(self, view: LiveView) -> None:
        """Remove a job's view."""
        self._views = [shown for shown in self._views if shown is not view]
        self._live.children = [shown.widget for shown in self._views]
        view.close()

    def busy(self, running: bool) -> None:
        """Enable or disable Cancel."""
        self.cancel.disabled = not running

    def say(self, error: ComfyError | str) -> None:
        """One paragraph under the buttons; none for an empty text."""
        card = f'<div class="cnb cnb-card cnb-failed">{escape(error, PARAGRAPH, lines=True)}</div>'
        self._message.value = card if str(error) else ""

    def list_presets(self, names: list[str]) -> None:
        """Offer these presets."""
        self.preset.options = names

    def _group(self, group: Group) -> Any:
        w = self._w
        title = w.HTML(f'<div class="cnb cnb-group" title="node {escape(group.node_id)}">'
                       f"{escape(group.title)}</div>")  # fmt: skip
        rows = []
        for item in group.fields:
            control = self.knobs[item.address]
            tip = escape(item.spec.tooltip, 400) if item.spec is not None else ""
            label = w.HTML(
                f'<div class="cnb cnb-name" title="{tip}">{escape(item.name.replace("_", " "), 40)}</div>',
                layout=w.Layout(width=_LABEL_PX, flex="0 0 auto"),
            )
            _name(control, f"{group.title} {item.name.replace('_', ' ')}")
            control.widget.layout.flex = "1 1 220px"
            if not control.widget.layout.width:
                control.widget.layout.max_width = "520px"
            rows.append(w.HBox([label, control.widget], layout=w.Layout(flex_flow="row wrap")))
            if isinstance(control, FileKnob) and control.kind == "image":
                brush.attach(control)
        return w.VBox([title, *rows], layout=w.Layout(margin="0 0 6px 0"))

    def _buttons(self) -> Any:
        w = self._w
        self.run = w.Button(description="Run", icon="play", button_style="primary", tooltip="Run once")
        self.cancel = w.Button(description="Cancel", icon="stop", tooltip="Cancel what runs", disabled=True)
        self.count = w.BoundedIntText(value=4, min=1, max=100, layout=w.Layout(width="64px"))
        self.count.tooltip = "how many runs Queue submits"
        self.queue = w.Button(
            description="Queue ×",
            icon="list",
            tooltip="Submit this many runs at once; a locked seed counts up",
        )
        for button in (self.run, self.cancel, self.queue):
            button.layout.width = "104px"
        self.run.on_click(lambda _: self._play(1))
        self.queue.on_click(lambda _: self._play(int(self.count.value)))
        self.cancel.on_click(lambda _: self._form.cancel())
        row = [self.run, self.cancel, w.HBox([self.queue, self.count])]
        return w.HBox(row, layout=w.Layout(margin="8px 0 4px 0", flex_flow="row wrap"))

    def _play(self, count: int) -> None:
        loop = kernel_loop()
        if loop is None:
            self.say("There is no running event loop here; call form.run() instead.")
            return
        run_on(loop, self._quietly(count))

    async def _quietly(self, count: int) -> None:
        await self._form.play(count)

    def _preset_row(self) -> Any:
        w = self._w
        names = list(self._form.presets)
        self.preset = w.Combobox(placeholder="preset", options=names, layout=w.Layout(width="200px"))
        self.preset.description = "preset"
        self.preset.add_class("cnb-named")
        keep = w.Button(description="Keep", tooltip="Keep these values under this name, in the notebook")
        use = w.Button(description="Use", tooltip="Put the values of this preset back")
        for button, act in ((keep, self._form.keep), (use, self._form.use)):
            button.layout.width = "72px"
            button.on_click(lambda _, act=act: self._try(act))
        return w.HBox([self.preset, use, keep], layout=w.Layout(margin="0 0 4px 0", flex_flow="row wrap"))

    def _try(self, act: Any) -> None:
        try:
            act(self.preset.value)
        except ComfyError as error:
            self.say(error)
        else:
            self._message.value = ""


def _name(control: Knob, name: str) -> None:
    """Name each part of a control for screen readers."""
    for part in {control.control, getattr(control, "slider", control.control)}:
        if hasattr(part, "indent"):  # a checkbox is inside its label, which cannot be hidden
            part.tooltip = printable(name)
            continue
        part.description = printable(name)
        part.add_class("cnb-named")
