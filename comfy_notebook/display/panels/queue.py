"""`%comfy queue`: running and waiting jobs, a button to cancel each, one to clear those that wait.

It asks the server every two seconds while "Live" is on, and turns it off after ten minutes.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError
from ...text import escape, printable
from .._compat import close_all, kernel_loop
from ..live.background import run_on
from .panel import Panel

if TYPE_CHECKING:
    from ...client.records import QueuedJob, QueueInfo
    from ...clients import Client

EVERY = 2.0
AT_MOST = 600.0
_MOST_ROWS = 30


class QueuePanel(Panel):
    """The queue of a client's server."""

    title = "Queue"

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._rows: dict[str, Any] = {}

    def text(self) -> str:
        return queue_text(self._client.queue())

    def build(self) -> list[Any]:
        import ipywidgets as w

        self._w = w
        self._head = w.HTML(layout=w.Layout(flex="1 1 150px"))
        self._live = w.ToggleButton(value=True, description="Live", tooltip="Ask the server every 2 seconds")
        refresh = w.Button(description="Refresh", icon="refresh")
        clear = w.Button(description="Clear waiting", icon="trash", tooltip="Delete every job that waits")
        for button, width in ((self._live, "70px"), (refresh, "100px"), (clear, "130px")):
            button.layout = w.Layout(width=width, flex="0 0 auto")
        refresh.on_click(lambda _: self.refresh())
        clear.on_click(lambda _: self.work(self._client.clear_queue, lambda _: self.refresh()))
        self._live.observe(lambda change: self.shown() if change["new"] else None, names="value")
        self._list = w.VBox([])
        head = w.HBox(
            [self._head, w.HBox([self._live, refresh, clear])], layout=w.Layout(flex_flow="row wrap")
        )
        return [head, self._list]

    def refresh(self) -> None:
        """Ask the server now."""
        self.work(self._client.queue, self.draw)

    def draw(self, queue: QueueInfo) -> None:
        """Show this queue; existing rows are kept."""
        self._head.value = f'<div class="cnb cnb-title">{escape(_counts(queue))}</div>'
        jobs = [*queue.running, *queue.pending][:_MOST_ROWS]
        rows = {job.id: self._rows.get(job.id) or self._row(job.id) for job in jobs}
        for gone in self._rows.keys() - rows.keys():
            close_all(self._rows[gone])
        for job in jobs:
            rows[job.id].children[0].value = _row_html(job, running=job in queue.running)
        self._rows = rows
        self._list.children = list(rows.values())
        more = len(queue.running) + len(queue.pending) - len(jobs)
        self.say(f"and {more} more" if more else "")

    def _row(self, job_id: str) -> Any:
        w = self._w
        button = w.Button(icon="times", tooltip="Cancel this job")
        button.layout = w.Layout(width="36px", flex="0 0 auto")
        button.on_click(partial(self._cancel, job_id))
        return w.HBox([w.HTML(layout=w.Layout(flex="1 1 auto", min_width="0")), button])

    def _cancel(self, job_id: str, button: Any) -> None:
        button.disabled = True
        self.work(lambda: self._client.cancel(job_id), lambda _: self.refresh())

    def shown(self) -> None:
        self.refresh()
        loop = kernel_loop()
        if loop is not None:
            run_on(loop, self._follow())

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + AT_MOST
        while self.open and self._live.value and loop.time() < until:
            await asyncio.sleep(EVERY)
            if not self.open or not self._live.value:
                return
            try:
                self.draw(await loop.run_in_executor(None, self._client.queue))
            except ComfyError as error:
                self.say(error, bad=True)
        if self.open:
            self._live.value = False


def queue_panel(client: Client) -> QueuePanel:
    """The live panel of a server's queue."""
    return QueuePanel(client)


def queue_text(queue: QueueInfo) -> str:
    """The queue as lines of text."""
    lines = [_counts(queue)]
    lines += [f"  running  {printable(job.id)}  {printable(job.title, 60)}".rstrip() for job in queue.running]
    lines += [
        f"  {job.position:>7}  {printable(job.id)}  {printable(job.title, 60)}".rstrip()
        for job in queue.pending
    ]
    return "\n".join(lines)


def _counts(queue: QueueInfo) -> str:
    running, pending = len(queue.running), len(queue.pending)
    return f"{running} running, {pending} waiting" if running + pending else "Nothing runs, nothing waits."


def _row_html(job: QueuedJob, *, running: bool) -> str:
    state = "in_progress" if running else "pending"
    words = "running" if running else f"number {job.position}"
    return (
        f'<div class="cnb cnb-job cnb-{state}"><span class="cnb-dot"></span>'
        f'<span class="cnb-label">{escape(job.title or "untitled")}</span>'
        f'<code class="cnb-id">{escape(job.id)}</code><span class="cnb-meta">{words}</span></div>'
    )
