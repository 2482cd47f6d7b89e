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
from ..options import Options, options_of
from ..results import thumbs
from ..results.expected import expected_sizes, has_pictures, shown_size
from ..static import style
from . import preview

if TYPE_CHECKING:
    from ...jobs.job import Job
    from ...jobs.result import Output

log = logging.getLogger(__name__)
_TOOLTIP = "Cancel this job. If nothing happens while the cell runs, interrupt the kernel (■)."


class LiveView:
    """Widgets for one job: `stage` holds its picture, `words` the text, bars and button below it.

    `stage` has the size that the picture will have (`size`), so that nothing moves when a frame or the
    picture arrives. Display both, or `widget`, which holds both; `paint` states into them; `close` them.
    """

    def __init__(
        self,
        *,
        cancel: Callable[[], object],
        previews: bool = True,
        size: tuple[int, int] | None = None,
        embed_px: int = Options.embed_px,
        footer: str = "",
        still: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        import ipywidgets as w

        self._w = w
        self._cancel = cancel
        self._previews = previews
        self._size = size
        self._embed_px = embed_px
        self._footer = footer
        self._clock = clock
        self._last: JobState | None = None
        self._downloaded = (0, 0)
        self._drawn_at = 0.0
        self._frame: PreviewImage | None = None
        self._image: Any = None
        self._words = w.HTML(layout=w.Layout(flex="1 1 auto", min_width="0", margin="0"))
        self.button = w.Button(
            description="Cancel",
            icon="stop",
            tooltip=_TOOLTIP,
            layout=w.Layout(width="92px", flex="0 0 auto", margin="2px 0 0 12px"),
        )
        self.button.on_click(self._clicked)
        answer_while_blocked(self.button)
        head = w.HBox([self._words, self.button], layout=w.Layout(flex_flow="row nowrap", max_width="720px"))
        head.add_class("cnb-lead")
        self._tiles = w.HTML(layout=w.Layout(margin="0"))
        sheet = w.HTML(style("live.css"), layout=w.Layout(display="none"))
        self._place = w.HTML(_place(size), layout=w.Layout(margin="0"))
        self.stage = w.Box([self._place], layout=w.Layout(margin="0", max_width="100%"))
        self.stage.add_class("cnb-stage")
        if still is not None and size is not None:
            self._set_image(still, "png")
        self.words = w.VBox([sheet, head, self._tiles], layout=w.Layout(max_width="100%", margin="0"))
        self.words.add_class("cnb-view")
        self.widget = w.VBox([self.stage, self.words], layout=w.Layout(max_width="100%"))

    @property
    def alive(self) -> bool:
        """False once the widgets are closed."""
        return is_open(self.words)

    def paint(self, state: JobState, outputs: Sequence[Output] = ()) -> None:
        """Draw a state. The same state is drawn again only once a second, for its clock."""
        now = self._clock()
        downloaded = sum(output.fetched for output in outputs), len(outputs)
        same = state is self._last and downloaded == self._downloaded
        if not self.alive or (same and now - self._drawn_at < 1.0):
            return
        self._last, self._drawn_at = state, now
        self._words.value = words_html(state, now, self._footer)
        frame = state.preview
        if self._previews and frame is not None and frame is not self._frame and preview.whole(frame):
            self._frame = frame
            self._show(frame)
        if downloaded != self._downloaded:
            self._downloaded = downloaded
            others = [output for output in outputs if output.kind != "image" or self._size is None]
            self._tiles.value = thumbs.strip(others if len(outputs) == 1 else outputs)

    def close(self) -> None:
        """Close every widget of the view; may be called twice."""
        if self._image is not None:
            # An executor that saves widget state (nbclient in live mode) would save the frame.
            self._image.value = b""
        close_all(self.widget)

    def _show(self, frame: PreviewImage) -> None:
        if self._size is None:
            self._size = preview.enlarged(preview.size(frame) or (1, 1), self._embed_px)
            self._place.value = _place(self._size)
        self._set_image(frame.image, preview.format_of(frame))

    def _set_image(self, data: bytes, format: str) -> None:
        if self._image is None:
            width = self._size[0] if self._size is not None else self._embed_px
            layout = self._w.Layout(width=f"{width}px", max_width="100%", margin="0")
            self._image = self._w.Image(value=data, format=format, layout=layout)
            self._image.add_class("cnb-preview")
            self.stage.children = [self._place, self._image]
            return
        with self._image.hold_sync():
            self._image.format = format
            self._image.value = data

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


def job_view_of(job: Job, *, previews: bool = True, still: bytes | None = None) -> LiveView:
    """A live view of a job, with room for the picture that its graph will make.

    `still` is a PNG to show until the first preview arrives.
    """
    options = options_of(job)
    size = shown_size(expected_sizes(job.graph), options)
    if size is None and has_pictures(job.graph):
        size = (options.embed_px, options.embed_px)
    return LiveView(
        cancel=job.cancel,
        previews=previews and options.previews,
        size=size,
        embed_px=options.embed_px,
        footer=f"Job {job.id}",
        still=still,
    )


def _place(size: tuple[int, int] | None) -> str:
    """An empty box of the picture's size, which shrinks on a narrow page as the picture does."""
    if size is None:
        return ""
    width, height = size
    box = f"width:{width}px;max-width:100%;aspect-ratio:{width}/{height}"
    return f'<div class="cnb-place" role="img" aria-label="preview" style="{box}"></div>'


def words_html(state: JobState, now: float, footer: str = "") -> str:
    """The text and bars of a state as HTML, with the server's texts escaped."""
    percent = round(state.fraction * 100)
    running = state.status is JobStatus.in_progress
    title = wording.headline(state)
    step = wording.step(state)
    parts = [part for part in (wording.nodes(state), wording.timing(state, now)) if part]
    html = [
        f'<div class="cnb cnb-words cnb-run cnb-{state.status.value}" role="group" aria-label="ComfyUI job">',
        f'<div class="cnb-row"><span class="cnb-dot"></span><span class="cnb-title">{escape(title)}</span>',
        f'<span class="cnb-step">{escape(step)}</span>' if step else "",
        f'<span class="cnb-percent">{percent} %</span></div>',
        bar(percent, "overall progress", busy=running and not step),
    ]
    part = round(100 * min(state.step[0] / state.step[1], 1)) if state.step else 0
    html.append(bar(part, "steps of this node", thin=True))
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
