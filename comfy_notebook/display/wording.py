"""A `JobState` in words, for the live view, the terminal and the list of jobs."""

from __future__ import annotations

from ..jobs.state import JobState
from ..protocol.status import JobStatus
from ..text import printable


def seconds(value: float | None) -> str:
    """A duration: "0.8 s", "42 s", "3:05", "1:02:03"; an empty text for None."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(value: float | None) -> str:
    """Steps a second, or seconds a step when that is the larger number."""
    if not value:
        return ""
    return f"{value:.1f} it/s" if value >= 1 else f"{1 / value:.1f} s/it"


def headline(state: JobState) -> str:
    """What the job is doing, in a few words."""
    if state.status is JobStatus.pending:
        if state.queue_position is not None and state.queue_position > 0:
            return f"Queued, number {state.queue_position}"
        return "Queued"
    if state.status is JobStatus.in_progress:
        return printable(state.node_title, 60) or printable(state.notification, 60) or "Starting"
    if state.status is JobStatus.failed:
        return f"Failed at {printable(state.node_title, 60)}" if state.node_title else "Failed"
    words = {JobStatus.completed: "Finishing", JobStatus.cancelled: "Cancelled", JobStatus.lost: "Lost"}
    return words.get(state.status, "")


def step(state: JobState) -> str:
    """The current node's step, "12/20"."""
    return f"{state.step[0]:g}/{state.step[1]:g}" if state.step else ""


def nodes(state: JobState) -> str:
    """The nodes done of those that run, and the cached ones: "4 of 7 nodes, 2 cached"."""
    total = len(state.titles)
    if not total:
        return ""
    cached = len(state.cached & state.titles.keys())
    done = len((state.done & state.titles.keys()) - state.cached)
    if state.status is JobStatus.completed:
        done = total - cached
    text = f"{done} of {total - cached} node{'s' if total - cached != 1 else ''}"
    return f"{text}, {cached} cached" if cached else text


def timing(state: JobState, now: float) -> str:
    """Elapsed time, time left and rate, as far as they are known: "2.1 s · about 1.2 s left · 9.5 it/s"."""
    parts = [seconds(state.elapsed(now))]
    left = state.remaining(now)
    if left is not None and left >= 0.5:
        parts.append(f"about {seconds(left)} left")
    if state.step and (found := rate(state.rate(now))):
        parts.append(found)
    return " · ".join(parts)
