"""Several jobs in one compact list: a row for each, one bar for all, a button that cancels the rest."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...jobs.interrupt import cancel_all, cancel_on_interrupt
from ...protocol.status import JobStatus
from ...text import escape, printable
from .. import wording
from .._compat import answer_while_blocked, close_all, interrupts_held
from ..frontend import detect
from ..options import options_of
from ..results import thumbs
from ..results.bundle import Bundle
from ..static import style
from . import view as live
from .slots import widget_data

if TYPE_CHECKING:
    from ...jobs.job import Job

_MOST_ROWS = 24


def watch_many(
    jobs: Sequence[Job], *, labels: Sequence[str] = (), quiet: bool = False, timeout: float | None = None
) -> None:
    """Draw the jobs until all have ended. Results and errors are left to the caller.

    An interrupt cancels every job that has not ended and is raised again. `timeout` is in seconds, for all
    jobs together; after it this returns while the jobs continue.
    """
    view = _view(jobs, [printable(label) for label in labels], quiet)
    until = None if timeout is None else time.monotonic() + timeout
    interval = options_of(jobs[0]).interval if jobs else 0.1
    try:
        with cancel_on_interrupt(jobs):
            with interrupts_held():
                view.open()
            while not all(job.status.is_final for job in jobs):
                with interrupts_held():
                    view.paint()
                if until is not None and time.monotonic() >= until:
                    return
                time.sleep(min(interval, 0.1))
    except KeyboardInterrupt:
        view.interrupted = True
        raise
    finally:
        with interrupts_held():
            view.finish()


def summary(jobs: Sequence[Job], *, interrupted: bool = False) -> str:
    """How many jobs have which status: "12 jobs: 9 completed, 2 in progress, 1 failed"."""
    counts = Counter(_status(job, interrupted) for job in jobs)
    words = [f"{counts[status]} {status.value.replace('_', ' ')}" for status in JobStatus if counts[status]]
    return f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}: {', '.join(words) or 'none'}"


def _status(job: Job, interrupted: bool) -> JobStatus:
    """The job's status. An interrupt has cancelled what had not ended, though the server may still say so."""
    return JobStatus.cancelled if interrupted and not (job.status.is_final or job.detached) else job.status


def ended_bundle(jobs: Sequence[Job], labels: Sequence[str], *, interrupted: bool = False) -> Bundle:
    """What the list leaves on the page: the rows with their pictures, and a line of text for each."""
    text = [summary(jobs, interrupted=interrupted)]
    text += [f"  {_label(labels, n)}: {_status(jobs[n], interrupted).value}" for n in _chosen(jobs)]
    html = rows_html(jobs, labels, time.monotonic(), ended=True, interrupted=interrupted)
    return {"text/plain": "\n".join(text), "text/html": style("live.css") + html}


def _label(labels: Sequence[str], number: int) -> str:
    return labels[number] if number < len(labels) else f"Job {number + 1}"


def rows_html(
    jobs: Sequence[Job], labels: Sequence[str], now: float, *, ended: bool = False, interrupted: bool = False
) -> str:
    """The list as HTML: a row for every running and failed job, and for as many others as fit.

    Pictures are larger once it has `ended`.
    """
    done = sum(job.status.is_final for job in jobs)
    overall = sum(1.0 if job.status.is_final else job.state.fraction for job in jobs) / max(len(jobs), 1)
    state = "completed" if done == len(jobs) else "in_progress"
    html = [
        f'<div class="cnb cnb-run cnb-{state}" role="group" aria-label="ComfyUI jobs">',
        f'<div class="cnb-row"><span class="cnb-dot"></span><span class="cnb-title">{done} of {len(jobs)}',
        f' jobs</span><span class="cnb-percent">{round(overall * 100)} %</span></div>',
        live.bar(round(overall * 100), "all jobs"),
    ]
    shown = _chosen(jobs)
    for number in shown:
        html.append(
            _row(jobs[number], _label(labels, number), now, ended, _status(jobs[number], interrupted))
        )
    if len(shown) < len(jobs):
        html.append(f'<div class="cnb-note">and {len(jobs) - len(shown)} more</div>')
    return "".join(html) + "</div>"


def _chosen(jobs: Sequence[Job]) -> list[int]:
    if len(jobs) <= _MOST_ROWS:
        return list(range(len(jobs)))
    rank = {JobStatus.in_progress: 0, JobStatus.failed: 1, JobStatus.lost: 1, JobStatus.pending: 2}
    order = sorted(range(len(jobs)), key=lambda n: (rank.get(jobs[n].status, 3), n))
    return sorted(order[:_MOST_ROWS])


def _row(job: Job, label: str, now: float, ended: bool, status: JobStatus) -> str:
    state = job.state
    percent = 100 if status is JobStatus.completed else round(state.fraction * 100)
    words = wording.headline(state) if not status.is_final else status.value
    if status is JobStatus.in_progress and wording.step(state):
        words += f" {wording.step(state)}"
    images = [output for output in job.outputs if output.kind == "image" and thumbs.at_hand(output)]
    size, side = ("cnb-mini cnb-large", 96) if ended else ("cnb-mini", 40)
    picture = f'<span class="{size}"></span>'
    if images:
        picture = f'<img alt="{escape(label)}" class="{size}" src="{_mini(images[0], side)}">'
    return (
        f'<div class="cnb-job cnb-{escape(status.value)}"><span class="cnb-dot"></span>'
        f'<span class="cnb-label">{escape(label)}</span>{picture}'
        f'<span class="cnb-bar cnb-thin"><i style="width:{percent}%"></i></span>'
        f'<span class="cnb-meta">{escape(words)} · {escape(wording.seconds(state.elapsed(now)))}</span></div>'
    )


def _mini(output: Any, side: int) -> str:
    # Kept on the output, because the list is redrawn ten times a second.
    kept: dict[int, str] = getattr(output, "_mini", {})
    if side not in kept:
        try:
            kept[side] = thumbs.data_uri(thumbs.shown(output), side)
        except Exception:  # not decodable: a row without a picture
            kept[side] = ""
        output._mini = kept
    return kept[side]


def _view(jobs: Sequence[Job], labels: Sequence[str], quiet: bool) -> Any:
    frontend = detect()
    if quiet or not jobs or (not frontend.live and not frontend.text):
        return _Nothing()
    return _Widgets(jobs, labels) if frontend.live else _Text(jobs)


class _Nothing:
    interrupted = False

    def open(self) -> None:
        pass

    def paint(self) -> None:
        pass

    def finish(self) -> None:
        pass


class _Text:
    interrupted = False

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._last = ""

    def open(self) -> None:
        pass

    def paint(self) -> None:
        if (line := summary(self._jobs, interrupted=self.interrupted)) != self._last:
            self._last = line
            end = "\r" if sys.stderr.isatty() else "\n"
            sys.stderr.write(line + end)
            sys.stderr.flush()

    def finish(self) -> None:
        self.paint()
        if sys.stderr.isatty():
            sys.stderr.write("\n")


class _Widgets:
    interrupted = False

    def __init__(
        self, jobs: Sequence[Job], labels: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs, self._labels, self._clock = jobs, labels, clock
        self._box: Any = None

    def open(self) -> None:
        import ipywidgets as w
        from IPython.display import display

        rows = rows_html(self._jobs, self._labels, self._clock())
        self._list = w.HTML(rows, layout=w.Layout(flex="1 1 auto", min_width="0"))
        self._button = w.Button(
            description="Cancel all", icon="stop", tooltip="Cancel every job of this list"
        )
        self._button.layout = w.Layout(width="110px", flex="0 0 auto", margin="2px 0 0 12px")
        self._button.on_click(lambda _: cancel_all(self._jobs))
        answer_while_blocked(self._button)
        sheet = w.HTML(style("live.css"), layout=w.Layout(display="none"))
        self._box = w.HBox([sheet, self._list, self._button], layout=w.Layout(max_width="760px"))
        self._box.add_class("cnb-lead")
        self._slot = display(widget_data(self._box, summary(self._jobs)), raw=True, display_id=True)

    def paint(self) -> None:
        self._list.value = rows_html(self._jobs, self._labels, self._clock())

    def finish(self) -> None:
        if self._box is None:
            return
        try:
            bundle = ended_bundle(self._jobs, self._labels, interrupted=self.interrupted)
            self._slot.update(bundle, raw=True)
        finally:
            close_all(self._box)
