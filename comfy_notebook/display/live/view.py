"""A job drawn with widgets: text and bars in an HTML widget, the newest preview frames in Image widgets.

A paint sets only what changed; each widget sends at most one message. Frames reach the front end as the bytes
that were received. The view gets a `JobState`, outputs and a function that cancels; one thread paints it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...jobs.state import JobState
from ...protocol.frames import PreviewImage
from ...protocol.status import JobStatus
from ...text import escape
from .. import wording
from .._compat import answer_while_blocked, close_all, is_open
from ..results import thumbs
from ..static import style
from . import preview

if TYPE_CHECKING:
    from ...jobs.result import Output

log = logging.getLogger(__name__)
MOST_PREVIEWS = 4
_TOOLTIP = "Cancel this job. If nothing happens while the cell runs, interrupt the kernel (■)."


class LiveView:
    """Widgets for one job: display `widget`, `paint` states into it, `close` it."""

    def __init__(
        self,
        *,
        cancel: Callable[[], object],
        previews: bool = True,
        footer: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        import ipywidgets as w

        self._w = w
        self._cancel = cancel
        self._previews = previews
        self._footer = footer
        self._clock = clock
        self._last: JobState | None = None
        self._downloaded = (0, 0)
        self._drawn_at = 0.0
        self._images: dict[str | None, Any] = {}
        self._frames: dict[str | None, PreviewImage] = {}
        self._words = w.HTML(layout=w.Layout(flex="1 1 auto", min_width="0", margin="0"))
        self.button = w.Button(
            description="Cancel",
            icon="stop",
            tooltip=_TOOLTIP,
            layout=w.Layout(width="92px", flex="0 0 auto", margin="2px 0 0 12px"),
        )
        self.button.on_click(self._clicked)
        answer_while_blocked(self.button)
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        head = w.HBox([self._words, self.button], layout=w.Layout(flex_flow="row nowrap", max_width="720px"))
        head.add_class("cnb-lead")
        self._stage = w.HBox([], layout=w.Layout(**wrap))
        self._tiles = w.HTML(layout=w.Layout(margin="0"))
        sheet = w.HTML(style("live.css"), layout=w.Layout(display="none"))
        self.widget = w.VBox([sheet, head, self._stage, self._tiles], layout=w.Layout(max_width="100%"))
        self.widget.add_class("cnb-view")

    @property
    def alive(self) -> bool:
        """False once the widgets are closed."""
        return is_open(self.widget)

    def paint(self, state: JobState, outputs: Sequence[Output] = ()) -> None:
        """Draw a state. The same state is drawn again only once a second, for its clock."""
        now = self._clock()
        downloaded = sum(output.fetched for output in outputs), len(outputs)
        same = state is self._last and downloaded == self._downloaded
        if not self.alive or (same and now - self._drawn_at < 1.0):
            return
        self._last, self._drawn_at = state, now
        self._words.value = words_html(state, now, self._footer)
        if self._previews:
            self._paint_frames(state)
        if downloaded != self._downloaded:
            self._downloaded = downloaded
            self._tiles.value = thumbs.strip(outputs)

    def close(self) -> None:
        """Close every widget of the view; may be called twice."""
        for image in self._images.values():
            # An executor that saves widget state (nbclient in live mode) would save the frame.
            image.value = b""
        self._images.clear()
        close_all(self.widget)

    def _paint_frames(self, state: JobState) -> None:
        newest = list(state.previews.items())[-MOST_PREVIEWS:]
        for node_id, frame in newest:
            if self._frames.get(node_id) is frame or not preview.whole(frame):
                continue
            self._frames[node_id] = frame
            if node_id not in self._images:
                self._add_image(node_id, frame, state)
            else:
                image = self._images[node_id]
                with image.hold_sync():
                    image.format = preview.format_of(frame)
                    image.value = frame.image

    def _add_image(self, node_id: str | None, frame: PreviewImage, state: JobState) -> None:
        w = self._w
        width = min(max((preview.size(frame) or (320, 320))[0], 256), 512)
        image = w.Image(
            value=frame.image,
            format=preview.format_of(frame),
            layout=w.Layout(width=f"{width}px", max_width="100%", height="auto", margin="6px 0 0 0"),
        )
        image.add_class("cnb-preview")
        label = w.HTML(f'<div class="cnb cnb-caption">{escape(state.title(node_id))}</div>')
        self._images[node_id] = image
        boxes = list(self._stage.children)
        box = w.VBox([image, label], layout=w.Layout(margin="0 10px 0 0", max_width="100%"))
        if len(boxes) >= MOST_PREVIEWS:
            oldest = next(key for key in self._images if key != node_id)
            del self._images[oldest]
            self._frames.pop(oldest, None)
            close_all(boxes.pop(0))
        self._stage.children = [*boxes, box]

    def _clicked(self, _button: Any) -> None:
        # Runs in the shell that received the click; only this callback changes the button.
        self.button.disabled = True
        self.button.description = "Cancelling"
        try:
            self._cancel()
        except Exception as error:
            log.warning("cancelling failed: %s", error)
            self.button.disabled = False
            self.button.description = "Cancel"
            self.button.tooltip = f"Could not cancel: {error}"


def words_html(state: JobState, now: float, footer: str = "") -> str:
    """The text and bars of a state as HTML, with the server's texts escaped."""
    percent = round(state.fraction * 100)
    running = state.status is JobStatus.in_progress
    title = wording.headline(state)
    step = wording.step(state)
    parts = [part for part in (wording.nodes(state), wording.timing(state, now)) if part]
    html = [
        f'<div class="cnb cnb-run cnb-{escape(state.status.value)}" role="group" aria-label="ComfyUI job">',
        f'<div class="cnb-row"><span class="cnb-dot"></span><span class="cnb-title">{escape(title)}</span>',
        f'<span class="cnb-step">{escape(step)}</span>' if step else "",
        f'<span class="cnb-percent">{percent} %</span></div>' if running or percent else "</div>",
        bar(percent, "overall progress", busy=running and not step),
    ]
    if step and state.step:
        html.append(bar(round(100 * min(state.step[0] / state.step[1], 1)), "steps of this node", thin=True))
    html.append(f'<div class="cnb-meta cnb-line">{escape(" · ".join(parts), 300)}</div>')
    for node_id, text in list(state.texts.items())[-3:]:
        html.append(f'<div class="cnb-caption">{escape(state.title(node_id))}</div>')
        html.append(f"<pre>{escape(text, 2000, lines=True)}</pre>")
    if footer:
        html.append(f'<div class="cnb-note cnb-line">{escape(footer)}</div>')
    return "".join(html) + "</div>"


def bar(percent: int, label: str, *, thin: bool = False, busy: bool = False) -> str:
    """A progress bar with a name for screen readers; `busy` animates it while there are no steps."""
    classes = "cnb-bar" + (" cnb-thin" if thin else "") + (" cnb-busy" if busy else "")
    return (
        f'<div class="{classes}" role="progressbar" aria-label="{label}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
    )
