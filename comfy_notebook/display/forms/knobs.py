"""One control for each input: ipywidgets made from what `object_info` declares.

A `Knob` holds one input's widget and uses the workflow's values: `value` reads, `put` writes, `changed` calls
back. `knob` chooses the control by the declaration, or by the present value of an undeclared input. Numbers
that a browser cannot hold exactly (seeds have 64 bits) are kept as text.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...text import printable

if TYPE_CHECKING:
    from ...workflow.specs import InputSpec

_LONG_LIST = 40
_EXACT = 2**53
_LOG_STEP = 0.005


class Knob:
    """Base: a widget whose `value` is the input's value."""

    def __init__(self, control: Any, widget: Any | None = None) -> None:
        self.control = control
        self.widget = widget if widget is not None else control

    @property
    def value(self) -> Any:
        """The value for the workflow."""
        return self.control.value

    def put(self, value: Any) -> None:
        """Show a value. Raises ValueError when the control cannot hold it."""
        try:
            self.control.value = value
        except Exception as error:  # the error of traitlets names a trait, not the input
            raise ValueError(f"{printable(value)} does not fit here") from error

    def changed(self, call: Callable[[], None]) -> None:
        """Call back after every change."""
        self.control.observe(lambda _: call(), names="value")

    def before_run(self) -> None:
        """Prepare for a run: a seed that is not locked is drawn again."""


class Choice(Knob):
    """A list of values with a label for each; a long list is searched by typing."""

    def __init__(self, choices: list[Any], value: Any) -> None:
        import ipywidgets as w

        self._by_label = {_label(choice): choice for choice in choices}
        self._labels = {choice: label for label, choice in self._by_label.items() if _hashable(choice)}
        missing = value not in choices
        if missing and value is not None:
            self._by_label.setdefault(f"{_label(value)} (not on this server)", value)
        labels = list(self._by_label)
        chosen = next((label for label, choice in self._by_label.items() if choice == value), None)
        if len(labels) > _LONG_LIST:
            control = w.Combobox(
                options=labels, value=chosen or "", placeholder="type to search", ensure_option=True
            )
        else:
            control = w.Dropdown(options=labels, value=chosen or next(iter(labels), None))
        super().__init__(control)

    @property
    def value(self) -> Any:
        return self._by_label.get(self.control.value, self.control.value)

    def put(self, value: Any) -> None:
        label = next((label for label, choice in self._by_label.items() if choice == value), None)
        if label is None:
            raise ValueError(f"{printable(value)} is not one of the choices")
        self.control.value = label


class Many(Knob):
    """A choice of several values, as a list."""

    def __init__(self, choices: list[Any], value: Any) -> None:
        import ipywidgets as w

        chosen = [choice for choice in choices if isinstance(value, list) and choice in value]
        super().__init__(w.SelectMultiple(options=[(_label(c), c) for c in choices], value=chosen))

    @property
    def value(self) -> Any:
        return list(self.control.value)


class Seed(Knob):
    """A 64-bit integer as text, with a dice and a lock; unlocked, each run draws another."""

    def __init__(self, value: Any, highest: int) -> None:
        import ipywidgets as w

        self._highest = min(highest, 2**64 - 1)
        text = w.Text(value=str(value if isinstance(value, int) else 0))
        text.layout = w.Layout(width="auto", flex="1 1 100px", min_width="0")
        self.dice = w.Button(icon="random", tooltip="Draw another seed", layout=w.Layout(width="40px"))
        self.lock = w.ToggleButton(
            value=True,
            icon="lock",
            tooltip="Locked: every run uses this seed. Unlocked: every run draws another.",
            layout=w.Layout(width="40px"),
        )
        self.lock.observe(self._show_lock, names="value")
        self.dice.on_click(lambda _: self.draw())
        super().__init__(text, w.HBox([text, self.dice, self.lock]))

    @property
    def value(self) -> int:
        try:
            number = int(self.control.value.strip() or "0")
        except ValueError:
            raise ValueError(f"{printable(self.control.value)!r} is not a whole number") from None
        if not 0 <= number <= self._highest:
            raise ValueError(f"a seed lies between 0 and {self._highest}")
        return number

    def put(self, value: Any) -> None:
        self.control.value = str(int(value))

    def draw(self) -> None:
        """Draw a random seed that a browser can hold exactly."""
        self.control.value = str(random.SystemRandom().randint(0, min(self._highest, 2**50 - 1)))

    def counted(self, number: int) -> int:
        """The seed `number` runs later; after the largest comes the smallest."""
        return (self.value + number) % (self._highest + 1)

    def before_run(self) -> None:
        if not self.lock.value:
            self.draw()

    def _show_lock(self, change: Any) -> None:
        self.lock.icon = "lock" if change["new"] else "unlock"


class Slider(Knob):
    """A number in a range: a slider beside an exact box, each following the other."""

    def __init__(self, value: float, low: float, high: float, step: float, whole: bool) -> None:
        import ipywidgets as w

        self._low, self._high, self._step, self._whole = low, high, step, whole
        kind = w.BoundedIntText if whole else w.BoundedFloatText
        box = kind(value=value, min=low, max=high, step=step, layout=w.Layout(width="90px", flex="0 0 auto"))
        self.slider = self._made(value)
        self.slider.layout = w.Layout(width="auto", flex="1 1 100px", min_width="0")
        self._follows = False
        self.slider.observe(self._slid, names="value")
        box.observe(self._typed, names="value")
        super().__init__(box, w.HBox([self.slider, box]))

    def _made(self, value: float) -> Any:
        import ipywidgets as w

        kind = w.IntSlider if self._whole else w.FloatSlider
        return kind(value=value, min=self._low, max=self._high, step=self._step, readout=False)

    def _moved(self, at: float) -> bool:
        # The browser rounds the slider to its steps and reports this as a move.
        return bool(abs(at - self.control.value) >= self._step * 0.51)

    def _on_slider(self, value: float) -> float:
        return value

    def _slid(self, change: Any) -> None:
        if self._follows or not self._moved(change["new"]):
            return
        raw = self._low + round((change["new"] - self._low) / self._step) * self._step
        value = min(max(raw, self._low), self._high)
        self._follows = True
        try:
            self.control.value = round(value) if self._whole else round(value, 6)
        finally:
            self._follows = False

    def _typed(self, change: Any) -> None:
        if self._follows:
            return
        self._follows = True
        try:
            self.slider.value = self._on_slider(change["new"])
        finally:
            self._follows = False


class Logarithmic(Slider):
    """A number over a wide range: its slider is logarithmic."""

    def _made(self, value: float) -> Any:
        import ipywidgets as w

        self._least = max(self._low, self._step, 1 if self._whole else 1e-6)
        return w.FloatLogSlider(
            value=self._on_slider(value), base=10, min=math.log10(self._least), max=math.log10(self._high),
            step=_LOG_STEP, readout=False,
        )  # fmt: skip

    def _moved(self, at: float) -> bool:
        return abs(math.log10(at) - math.log10(max(self.control.value, self._least))) >= _LOG_STEP * 0.51

    def _on_slider(self, value: float) -> float:
        return min(max(value, self._least), self._high)


class Colour(Knob):
    """A colour: "#rrggbb", or the same 24 bits as a number where the input is an INT."""

    def __init__(self, value: Any, whole: bool) -> None:
        import ipywidgets as w

        self._whole = whole
        super().__init__(w.ColorPicker(value=self._text(value), concise=False))

    @staticmethod
    def _text(value: Any) -> str:
        return f"#{value & 0xFFFFFF:06x}" if isinstance(value, int) else str(value or "#000000")

    @property
    def value(self) -> Any:
        return int(self.control.value.lstrip("#"), 16) if self._whole else self.control.value

    def put(self, value: Any) -> None:
        self.control.value = self._text(value)


def knob(spec: InputSpec | None, value: Any, *, seed: bool = False) -> Knob:
    """The control for an input by its declaration, with `value` (the default when it is None)."""
    import ipywidgets as w

    if spec is None:
        return _undeclared(value, seed)
    if value is None:
        value = spec.default
    kind = spec.widget_type
    if kind == "COLOR" or (spec.type == "INT" and spec.options.get("display") == "color"):
        return Colour(value, whole=spec.type == "INT")
    if spec.choices is not None:
        choices = list(spec.choices)
        return Many(choices, value) if spec.multiselect else Choice(choices, value)
    if seed or (spec.type == "INT" and spec.control_after_generate):
        return Seed(value, int(spec.max) if spec.max is not None else 2**64 - 1)
    if spec.type in ("INT", "FLOAT") and isinstance(value, (int, float)):
        return number(value, spec.min, spec.max, spec.step, whole=spec.type == "INT")
    if spec.type == "BOOLEAN":
        return Knob(w.Checkbox(value=bool(value), indent=False))
    text = "" if value is None else str(value)
    if spec.multiline:
        rows = min(max(3, text.count("\n") + len(text) // 60 + 1), 10)
        return Knob(w.Textarea(value=text, rows=rows, layout=w.Layout(width="100%")))
    return Knob(w.Text(value=text))


def number(value: float, low: Any, high: Any, step: Any, *, whole: bool) -> Knob:
    """A slider, logarithmic for a wide range; a box where the range is open or too wide."""
    import ipywidgets as w

    step = step or (1 if whole else 0.01)
    if whole:
        value, step = round(value), max(round(step), 1)
    if low is None or high is None or high <= low or high - low >= 2**31:
        if whole and (abs(value) >= _EXACT or (high or 0) >= _EXACT):
            return Seed(value, int(high)) if (low or 0) >= 0 and high else Knob(w.IntText(value=value))
        return Knob(w.IntText(value=value) if whole else w.FloatText(value=value, step=step))
    value = min(max(value, low), high)
    if (high - low) / step > 1000 and high >= 100 * max(low, step) and low >= 0:
        return Logarithmic(value, low, high, step, whole)
    if whole:
        low, high = int(low), int(high)
    return Slider(value, low, high, step, whole)


def _undeclared(value: Any, seed: bool) -> Knob:
    import ipywidgets as w

    if isinstance(value, bool):
        return Knob(w.Checkbox(value=value, indent=False))
    if isinstance(value, int):
        return Seed(value, 2**64 - 1) if seed and value >= 0 else Knob(w.IntText(value=value))
    if isinstance(value, float):
        return Knob(w.FloatText(value=value))
    text = "" if value is None else str(value)
    if len(text) > 60 or "\n" in text:
        return Knob(w.Textarea(value=text, rows=4, layout=w.Layout(width="100%")))
    return Knob(w.Text(value=text))


def _label(choice: Any) -> str:
    return printable(choice, 200)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
