"""The results of a form, newest first: thumbnails, their settings, "Use this seed"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...text import escape, printable
from .. import wording
from .._compat import close_all
from ..results import thumbs

if TYPE_CHECKING:
    from ...jobs.result import Result

_MOST = 12


@dataclass
class Entry:
    """One run: its result, the values of the form, and the seeds among them."""

    result: Result
    values: dict[str, Any]
    seeds: dict[str, int]


class History:
    """Rows of a form's results; `restore` is called with the values to set again."""

    def __init__(self, restore: Callable[[Mapping[str, Any]], None]) -> None:
        import ipywidgets as w

        self._w = w
        self._restore = restore
        self.entries: list[Entry] = []
        self.widget = w.HBox([], layout=w.Layout(flex_flow="row wrap"))

    def add(self, entry: Entry) -> None:
        """Add a result at the top. Only the newest dozen are shown; `entries` keeps all."""
        before = self.entries[-1].values if self.entries else {}
        self.entries.append(entry)
        rows = [self._row(entry, before), *self.widget.children]
        for gone in rows[_MOST:]:
            close_all(gone)
        self.widget.children = rows[:_MOST]

    def _row(self, entry: Entry, before: Mapping[str, Any]) -> Any:
        w = self._w
        words = settings_text(entry, before)
        seconds = wording.seconds(getattr(entry.result, "seconds", None))
        told = escape(" · ".join(filter(None, [words, seconds])), 400).replace(" · ", "<br>", 1)
        note = f'<div class="cnb cnb-meta">{told}</div>'
        pictures = w.HTML(thumbs.strip(entry.result.shown, side=96), layout=w.Layout(max_width="212px"))
        buttons = [w.HTML(note)]
        if entry.seeds:
            buttons.append(self._button("Use this seed", "Put this seed back and lock it", entry.seeds))
        buttons.append(self._button("Use all settings", "Put every value of this run back", entry.values))
        words = w.VBox(buttons, layout=w.Layout(width="164px", margin="6px 0 0 8px"))
        return w.HBox([pictures, words], layout=w.Layout(margin="0 12px 8px 0"))

    def _button(self, text: str, tooltip: str, values: Mapping[str, Any]) -> Any:
        button = self._w.Button(description=text, tooltip=tooltip, layout=self._w.Layout(width="140px"))
        button.on_click(lambda _: self._restore(values))
        return button


def settings_text(entry: Entry, before: Mapping[str, Any]) -> str:
    """The seeds, and the other values that differ from the run before."""
    seeds = [f"seed {seed}" for seed in dict.fromkeys(entry.seeds.values())]
    changed = [
        f"{address.rpartition('.')[2]} {printable(value, 40)}"
        for address, value in entry.values.items()
        if before and address not in entry.seeds and before.get(address) != value
    ]
    return " · ".join(seeds + changed[:6])
