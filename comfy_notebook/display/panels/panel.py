"""The base of every panel: a widget with a line for messages, or text where there are no widgets.

Callbacks never wait for the server: `work` runs a call in a thread and draws its answer on the kernel's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ...errors import ComfyError
from ...text import PARAGRAPH, escape
from .._compat import close_all, is_open, kernel_loop
from ..frontend import detect
from ..live.background import run_on
from ..live.slots import widget_data
from ..static import style


class Panel:
    """Base: subclasses give `text` (what a page without widgets shows) and `build` (the widgets)."""

    title = "Panel"

    def __init__(self) -> None:
        self._widget: Any = None
        self._message: Any = None

    def text(self) -> str:
        """The panel as plain text, asked from the server now."""
        raise NotImplementedError

    def build(self) -> list[Any]:
        """The widgets of the panel, top to bottom."""
        raise NotImplementedError

    @property
    def widget(self) -> Any:
        """The widget that holds the panel; created on first use."""
        if self._widget is None:
            import ipywidgets as w

            sheet = w.HTML(style("live.css", "panel.css"), layout=w.Layout(display="none"))
            self._message = w.HTML()
            self._widget = w.VBox([sheet, *self.build(), self._message], layout=w.Layout(max_width="860px"))
            self._widget.add_class("cnb-panel")
        return self._widget

    @property
    def open(self) -> bool:
        """False once the widgets are closed."""
        return self._widget is not None and is_open(self._widget)

    def close(self) -> None:
        """Remove the panel from the page."""
        if self._widget is not None:
            close_all(self._widget)

    def say(self, text: object, *, bad: bool = False) -> None:
        """A line under the panel."""
        if self._message is not None:
            kind = "cnb-lost" if bad else "cnb-note"
            body = f'<div class="cnb {kind}">{escape(text, PARAGRAPH, lines=True)}</div>'
            self._message.value = body if str(text) else ""

    def work(self, call: Callable[[], Any], then: Callable[[Any], None] = lambda _: None) -> None:
        """Run a plain call off the main thread, then `then` with its answer on the kernel's loop."""
        loop = kernel_loop()
        if loop is None:
            self._settle(call, then)
        else:
            run_on(loop, self._work(call, then))

    async def _work(self, call: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            answer = await asyncio.get_running_loop().run_in_executor(None, call)
        except ComfyError as error:
            self.say(error, bad=True)
        else:
            then(answer)

    def _settle(self, call: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            then(call())
        except ComfyError as error:
            self.say(error, bad=True)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not detect().live:
            display({"text/plain": self.text()}, raw=True)
            return
        display(widget_data(self.widget, f"{self.title} (run the cell again to see it)"), raw=True)
        self.shown()

    def shown(self) -> None:
        """Called when the panel has been displayed."""
