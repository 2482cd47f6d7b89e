"""What is known of a job, reduced from its events: `state = state.after(event, at)`.

Pure and immutable: no sockets, no widgets, no clock (the caller gives the time). Displays draw a
`JobState`; how the job ended is decided by its record (see `follow.record`), not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.frames import PreviewImage, TextFrame
from ..protocol.graph import visible_node
from ..protocol.messages import (
    Event,
    Executed,
    Executing,
    ExecutionCached,
    ExecutionError,
    ExecutionInterrupted,
    ExecutionStart,
    ExecutionSuccess,
    NodeProgress,
    Notification,
    Progress,
    ProgressState,
    Status,
)
from ..protocol.status import JobStatus
from .progress import Work

BLOCKED = "ExecutionBlocked"
"""The `exception_type` of a node that an `ExecutionBlocker` with a message kept from running."""


@dataclass(frozen=True)
class JobState:
    """A snapshot of one job.

    `titles` maps the ids of the workflow's nodes to their titles. Nodes that a node makes by expanding
    while it runs count as that node, everywhere but in `outputs`; `expanded` holds the nodes that did.
    `steps` holds `(value, max)` of each node that counts steps. `blocked` holds the errors of nodes that
    did not run because of an `ExecutionBlocker`; the job continues after them. Times are the caller's
    clock, in seconds. `previews` holds the newest frame of each node, newest node last.
    """

    job_id: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    status: JobStatus = JobStatus.pending
    queue_position: int | None = None
    queue_remaining: int | None = None
    notification: str = ""
    cached: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    node: str | None = None
    steps: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    previews: Mapping[str | None, PreviewImage] = field(default_factory=dict)
    preview_count: int = 0
    texts: Mapping[str | None, str] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: ExecutionError | None = None
    blocked: tuple[ExecutionError, ...] = ()
    expanded: frozenset[str] = frozenset()
    peak: float = 0.0
    work: Work = field(default_factory=Work)
    submitted_at: float | None = None
    started_at: float | None = None
    node_started_at: float | None = None
    ended_at: float | None = None

    @property
    def node_title(self) -> str:
        """The title of the current node, or an empty text."""
        return self.title(self.node)

    def title(self, node_id: str | None) -> str:
        """A node's title; a node inside another one has that one's title."""
        if node_id is None:
            return ""
        visible = visible_node(node_id, self.titles)
        return self.titles.get(visible, node_id)

    @property
    def preview(self) -> PreviewImage | None:
        """The newest preview frame of any node."""
        return list(self.previews.values())[-1] if self.previews else None

    @property
    def step(self) -> tuple[float, float] | None:
        """`(value, max)` of the current node, when it has more than one step.

        None for a node that has expanded: each of its inner nodes would count from 0 again.
        """
        value = self.steps.get(self.node) if self.node is not None else None
        if self.node in self.expanded:
            return None
        return value if value is not None and value[1] > 1 else None

    @property
    def fraction(self) -> float:
        """Overall progress, 0–1: the work done of the nodes that are not cached (see `progress`).

        It never decreases, though a node may start again.
        """
        if self.status is JobStatus.completed:
            return 1.0
        return max(self.peak, self._counted)

    @property
    def _counted(self) -> float:
        if self.work.classes:
            return self.work.fraction(self.done, self.cached, self.step)
        todo = len(self.titles.keys() - self.cached)
        if not todo:
            return 0.0
        done = float(len((self.done & self.titles.keys()) - self.cached))
        if self.node is not None and self.node not in self.done and (step := self.step):
            done += min(max(step[0] / step[1], 0.0), 1.0)
        return min(done / todo, 1.0)

    @property
    def seconds(self) -> float | None:
        """How long the job ran, once it has ended."""
        begin, end = self.started_at, self.ended_at
        return end - begin if begin is not None and end is not None else None

    def elapsed(self, now: float) -> float:
        """Seconds since the job began to run (since it was submitted, while it waits)."""
        begin = self.started_at if self.started_at is not None else self.submitted_at
        end = self.ended_at if self.ended_at is not None else now
        return 0.0 if begin is None else max(end - begin, 0.0)

    def rate(self, now: float) -> float | None:
        """Recent steps a second of the current node, without the first; None until it can be told."""
        return self.work.rate(now) if self.step is not None else None

    def remaining(self, now: float) -> float | None:
        """An estimate of the seconds left; None while too little is known for one (see `progress`)."""
        if self.status is not JobStatus.in_progress or not self.work.classes:
            return None
        return self.work.remaining(self.done, self.cached, self.step, now)

    def after(self, event: Event, at: float) -> JobState:
        """The state once this event has happened; events of other jobs change nothing."""
        prompt_id = getattr(event, "prompt_id", None)
        if prompt_id is not None and self.job_id is not None and prompt_id != self.job_id:
            return self
        if isinstance(event, Status):
            return replace(self, queue_remaining=event.queue_remaining)
        if self.status.is_final:
            # Events may arrive late or twice. They do not restart a job, but their outputs count.
            return self._output(event) if isinstance(event, Executed) else self
        state = self._running(event, at)
        work = state.work.after(state.node, state.step, at)
        moved = work is not state.work or state.steps is not self.steps
        if not moved and state.done is self.done and state.cached is self.cached:
            return state
        state = replace(state, work=work)
        reached = state.fraction
        return replace(state, peak=reached) if reached > state.peak else state

    def _running(self, event: Event, at: float) -> JobState:
        if isinstance(event, Notification):
            return replace(self, notification=event.value)
        if isinstance(event, ExecutionStart):
            return self.started(at)
        if isinstance(event, ExecutionCached):
            return replace(self.started(at), cached=self.cached | set(event.nodes))
        if isinstance(event, Executing):
            if event.node is None:
                return self
            return self._executing(self._visible(event.node, event.display_node), at)
        if isinstance(event, Progress):
            return self._stepped(event, at)
        if isinstance(event, ProgressState):
            return self._progress_state(event, at)
        if isinstance(event, Executed):
            return self._output(event)
        if isinstance(event, PreviewImage):
            display = (event.metadata or {}).get("display_node_id")
            display = display if isinstance(display, str) else None
            node = None if event.node_id is None else self._visible(event.node_id, display)
            others = {k: v for k, v in self.previews.items() if k != node}
            return replace(self, previews={**others, node: event}, preview_count=self.preview_count + 1)
        if isinstance(event, TextFrame):
            node = None if event.node_id is None else self._visible(event.node_id)
            return replace(self, texts={**self.texts, node: event.text})
        if isinstance(event, ExecutionSuccess):
            return self.ended(JobStatus.completed, at)
        if isinstance(event, ExecutionError):
            return self._failed(event, at)
        if isinstance(event, ExecutionInterrupted):
            return self.ended(JobStatus.cancelled, at)
        return self

    def ended(self, status: JobStatus, at: float) -> JobState:
        """The state with a final status, as an event or the server's record has it."""
        node = None if status is JobStatus.completed else self.node
        return replace(self, status=status, ended_at=at, queue_position=None, node=node)

    def started(self, at: float) -> JobState:
        """The state of a job that runs, since `at` unless that is known already."""
        if self.status is JobStatus.in_progress and self.started_at is not None:
            return self
        return replace(self, status=JobStatus.in_progress, started_at=at, queue_position=None)

    def _visible(self, node_id: str, display: str | None = None) -> str:
        return visible_node(node_id, self.titles, display)

    def _failed(self, event: ExecutionError, at: float) -> JobState:
        if event.exception_type.rpartition(".")[2] == BLOCKED:
            # The server skips the node and goes on (the `blocked` recording of ComfyUI 0.33).
            return self if event in self.blocked else replace(self, blocked=(*self.blocked, event))
        node = None if event.node_id is None else self._visible(event.node_id)
        return replace(self.ended(JobStatus.failed, at), error=event, node=node)

    def _executing(self, node: str, at: float) -> JobState:
        state = self.started(at)
        if node == state.node:
            return state
        done = state.done | {state.node} if state.node is not None else state.done
        return replace(state, node=node, done=done - {node}, node_started_at=at)

    def _stepped(self, event: Progress, at: float) -> JobState:
        reported = event.node if event.node is not None else self.node
        if reported is None or event.max <= 0:
            return self
        node = self._visible(reported)
        state = self if node == self.node else self._executing(node, at)
        expanded = state.expanded if node == reported else state.expanded | {node}
        return replace(state, steps={**state.steps, node: (event.value, event.max)}, expanded=expanded)

    def _progress_state(self, event: ProgressState, at: float) -> JobState:
        state = self.started(at)
        nodes: dict[str, list[NodeProgress]] = {}
        expanded = set(state.expanded)
        running = None
        for key, node in event.nodes.items():
            visible = self._visible(key, node.display_node_id)
            nodes.setdefault(visible, []).append(node)
            if visible != key:
                expanded.add(visible)
            if node.state == "running":
                running = visible
        finished = {key for key, parts in nodes.items() if all(part.state == "finished" for part in parts)}
        steps = {**state.steps, **{key: (parts[-1].value, parts[-1].max) for key, parts in nodes.items()}}
        state = replace(state, steps=steps, done=state.done | finished, expanded=frozenset(expanded))
        if running is not None and (state.node is None or state.node in finished):
            state = replace(state, node=running, node_started_at=at)
        return state

    def _output(self, event: Executed) -> JobState:
        if event.node is None:
            return self
        outputs = dict(self.outputs)
        if event.output:
            outputs[event.node] = event.output
        # An inner node of an expanded one says nothing about whether that one is done.
        done = self.done | {event.node} if event.node in self.titles or not self.titles else self.done
        return replace(self, outputs=outputs, done=done)
