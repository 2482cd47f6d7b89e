"""`%comfy jobs`: the history by pages, with thumbnails and "Load workflow"."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError
from ...text import escape, printable
from .. import wording
from .._compat import close_all
from ..results import thumbs
from .panel import Panel

if TYPE_CHECKING:
    from ...client.records import JobPage, JobRecord
    from ...clients import Client
    from ...workflow.workflow import Workflow

PAGE = 8
_STATUSES = ("any", "completed", "failed", "cancelled", "in_progress", "pending")


class JobsPanel(Panel):
    """A server's jobs, newest first. `workflow` is the last one loaded, `job` its job."""

    title = "Jobs"

    def __init__(self, client: Client, *, status: str | None = None, limit: int = PAGE) -> None:
        super().__init__()
        self._client = client
        self._status, self._limit, self._offset = status, limit, 0
        self._thumbs: dict[str, str] = {}
        self.workflow: Workflow | None = None
        self.job: Any = None

    def text(self) -> str:
        return jobs_text(self._page())

    def build(self) -> list[Any]:
        import ipywidgets as w

        self._w = w
        choice = w.Dropdown(options=_STATUSES, value=self._status or "any", layout=w.Layout(width="130px"))
        choice.tooltip = "which jobs"
        choice.observe(self._chosen, names="value")
        self._newer = w.Button(icon="chevron-left", tooltip="Newer", layout=w.Layout(width="40px"))
        self._older = w.Button(icon="chevron-right", tooltip="Older", layout=w.Layout(width="40px"))
        refresh = w.Button(icon="refresh", tooltip="Ask again", layout=w.Layout(width="40px"))
        self._newer.on_click(lambda _: self.turn(-1))
        self._older.on_click(lambda _: self.turn(1))
        refresh.on_click(lambda _: self.refresh())
        self._where = w.HTML()
        self._list = w.VBox([])
        bar = [choice, self._newer, self._where, self._older, refresh]
        return [w.HBox(bar, layout=w.Layout(flex_flow="row wrap")), self._list]

    def turn(self, pages: int) -> None:
        """Go to older (+1) or newer (-1) jobs."""
        self._offset = max(self._offset + pages * self._limit, 0)
        self.refresh()

    def refresh(self) -> None:
        """Ask the server now."""
        self.work(self._page, self.draw)

    def shown(self) -> None:
        self.refresh()

    def draw(self, page: JobPage) -> None:
        """Show this page; thumbnails follow as they arrive."""
        last = page.offset + len(page.jobs)
        words = f"{page.offset + 1}–{last} of {page.total}" if page.jobs else "no jobs"
        self._where.value = f'<div class="cnb cnb-meta cnb-where">{escape(words)}</div>'
        self._newer.disabled, self._older.disabled = page.offset == 0, not page.has_more
        for row in self._list.children:
            close_all(row)
        rows = [self._row(record) for record in page.jobs]
        self._list.children = rows
        for record, row in zip(page.jobs, rows, strict=True):
            if record.id in self._thumbs:
                row.children[0].value = self._thumbs[record.id]
            elif record.status.value == "completed":
                self.work(partial(self._thumbnail, record.id), partial(self._put, record.id, row))

    def load(self, job_id: str) -> None:
        """Fetch the workflow of a job into `.workflow`."""
        self.work(partial(self._fetch, job_id), self._loaded)

    def _page(self) -> JobPage:
        status = None if self._status in (None, "any") else self._status
        return self._client.jobs(status=status, limit=self._limit, offset=self._offset)

    def _thumbnail(self, job_id: str) -> str:
        try:
            outputs = self._client.job(job_id).result(timeout=30).shown
        except ComfyError:
            return ""
        first = [output for output in outputs if output.kind == "image"] or outputs
        return f'<div class="cnb cnb-thumb">{thumbs.tile(first[0], 128)}</div>' if first else ""

    def _put(self, job_id: str, row: Any, html: str) -> None:
        self._thumbs[job_id] = html
        if row.comm is not None and html:
            row.children[0].value = html

    def _fetch(self, job_id: str) -> tuple[Any, Any]:
        job = self._client.job(job_id)
        if job.workflow is None:
            raise ComfyError(f"The server kept no workflow of job {printable(job_id)}.")
        return job, job.workflow

    def _loaded(self, found: tuple[Any, Any]) -> None:
        self.job, self.workflow = found
        self.say(
            f"The workflow of job {self.job.id} is in this panel's .workflow; comfy.form(panel.workflow)."
        )

    def _chosen(self, change: Any) -> None:
        self._status, self._offset = change["new"], 0
        self.refresh()

    def _row(self, record: JobRecord) -> Any:
        w = self._w
        picture = w.HTML(layout=w.Layout(width="64px", flex="0 0 auto", margin="0 8px 0 0"))
        words = w.HTML(_row_html(record), layout=w.Layout(flex="1 1 0", min_width="0", overflow="hidden"))
        button = w.Button(description="Load workflow", tooltip="Put this job's workflow into .workflow")
        button.layout = w.Layout(width="120px", flex="0 0 auto")
        button.on_click(lambda _: self.load(record.id))
        return w.HBox([picture, words, button], layout=w.Layout(align_items="center", min_height="68px"))


def jobs_panel(client: Client, *, status: str | None = None, limit: int = PAGE) -> JobsPanel:
    """The history of a server's jobs, `limit` a page; `status` shows only those."""
    return JobsPanel(client, status=status, limit=limit)


def jobs_text(page: JobPage) -> str:
    """The page as lines of text."""
    lines = [f"{page.total} job{'s' if page.total != 1 else ''}"]
    for record in page.jobs:
        outputs = _outputs(record.outputs_count)
        spent = wording.seconds(record.seconds)
        words = (record.status.value, when(record.created), spent, outputs)
        lines.append("  " + "  ".join([printable(record.id), *[word for word in words if word]]))
    return "\n".join(lines)


def _outputs(count: int | None) -> str:
    return "" if not count else f"{count} output{'s' if count != 1 else ''}"


def when(at: float | None) -> str:
    """A time in the local time zone; today's without the date."""
    if at is None:
        return ""
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M")


def _row_html(record: JobRecord) -> str:
    spent = wording.seconds(record.seconds)
    count = _outputs(record.outputs_count)
    error = record.error.exception_message if record.error is not None else record.message
    meta = " · ".join(part for part in (when(record.created), spent, count) if part)
    return (
        f'<div class="cnb cnb-job cnb-{escape(record.status.value)}"><span class="cnb-dot"></span>'
        f"<span>{escape(record.status.value.replace('_', ' '))}</span>"
        f'<span class="cnb-meta">{escape(meta)}</span></div>'
        f'<div class="cnb"><code class="cnb-id">{escape(record.id)}</code></div>'
        + (f'<div class="cnb cnb-lost">{escape(error, 160)}</div>' if error else "")
    )
