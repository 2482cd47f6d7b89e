"""What is known of a job, reduced from its events: `state = state.after(event, at)`.

Pure and immutable: no sockets, no widgets, no clock (the caller says when). The display draws a
`JobState`; the job's record, not this, decides how the job ended (see `job`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.frames import PreviewImage, TextFrame
from ..protocol.messages import (
    Event,
    Executed,
    Executing,
    ExecutionCached,
    ExecutionError,
    ExecutionInterrupted,
    ExecutionStart,
    ExecutionSuccess,
    Notification,
    Progress,
    ProgressState,
    Status,
)
from ..protocol.status import JobStatus


@dataclass(frozen=True)
class JobState:
    """A snapshot of one job.

    `titles` maps the workflow's node ids to what a person calls them, and its length is the number
    of nodes. `steps` holds `(value, max)` of each node that counts. Times are the caller's clock,
    in seconds. `previews` holds the newest frame of each node, newest node last.
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
    submitted_at: float | None = None
    started_at: float | None = None
    node_started_at: float | None = None
    ended_at: float | None = None

    @property
    def node_title(self) -> str:
        """The current node as a person calls it, or an empty text."""
        return self.title(self.node)

    def title(self, node_id: str | None) -> str:
        """A node's title; a node inside a subgraph ("12:5") unknown by itself goes by its parent's."""
        if node_id is None:
            return ""
        parts = node_id.split(":")
        for n in range(len(parts), 0, -1):
            if ":".join(parts[:n]) in self.titles:
                return self.titles[":".join(parts[:n])]
        return node_id

    @property
    def preview(self) -> PreviewImage | None:
        """The newest preview frame of any node."""
        return list(self.previews.values())[-1] if self.previews else None

    @property
    def step(self) -> tuple[float, float] | None:
        """`(value, max)` of the current node, when it has more than one step."""
        value = self.steps.get(self.node) if self.node is not None else None
        return value if value is not None and value[1] > 1 else None

    @property
    def fraction(self) -> float:
        """Overall progress, 0–1: nodes done of those not cached; the current node counts by its steps."""
        if self.status is JobStatus.completed:
            return 1.0
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
        """Steps a second of the current node, once two have been seen."""
        if self.step is None or self.node_started_at is None or self.step[0] < 2:
            return None
        spent = now - self.node_started_at
        return self.step[0] / spent if spent > 0 else None

    def remaining(self, now: float) -> float | None:
        """An estimate of the seconds left, from the overall fraction; None before it means anything."""
        if self.status is not JobStatus.in_progress or self.fraction < 0.05:
            return None
        return self.elapsed(now) * (1 - self.fraction) / self.fraction

    def after(self, event: Event, at: float) -> JobState:
        """The state once this event has happened; events of other jobs change nothing."""
        prompt_id = getattr(event, "prompt_id", None)
        if prompt_id is not None and self.job_id is not None and prompt_id != self.job_id:
            return self
        if isinstance(event, Status):
            return replace(self, queue_remaining=event.queue_remaining)
        if self.status.is_final:
            # Frames may arrive late or twice; what has ended stays ended, but an output is still an output.
            return self._output(event) if isinstance(event, Executed) else self
        return self._running(event, at)

    def _running(self, event: Event, at: float) -> JobState:
        if isinstance(event, Notification):
            return replace(self, notification=event.value)
        if isinstance(event, ExecutionStart):
            return self.started(at)
        if isinstance(event, ExecutionCached):
            return replace(self.started(at), cached=self.cached | set(event.nodes))
        if isinstance(event, Executing):
            return self._executing(event.display_node or event.node, at)
        if isinstance(event, Progress):
            node = event.node if event.node is not None else self.node
            return self._stepped(node, event.value, event.max, at)
        if isinstance(event, ProgressState):
            return self._progress_state(event, at)
        if isinstance(event, Executed):
            return self._output(event)
        if isinstance(event, PreviewImage):
            others = {k: v for k, v in self.previews.items() if k != event.node_id}
            return replace(
                self, previews={**others, event.node_id: event}, preview_count=self.preview_count + 1
            )
        if isinstance(event, TextFrame):
            return replace(self, texts={**self.texts, event.node_id: event.text})
        if isinstance(event, ExecutionSuccess):
            return self.ended(JobStatus.completed, at)
        if isinstance(event, ExecutionError):
            return replace(self.ended(JobStatus.failed, at), error=event, node=event.node_id)
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

    def _executing(self, node: str | None, at: float) -> JobState:
        if node is None:
            return self
        state = self.started(at)
        if node == state.node:
            return state
        done = state.done | {state.node} if state.node is not None else state.done
        return replace(state, node=node, done=done - {node}, node_started_at=at)

    def _stepped(self, node: str | None, value: float, maximum: float, at: float) -> JobState:
        if node is None or maximum <= 0:
            return self
        state = self if node == self.node else self._executing(node, at)
        return replace(state, steps={**state.steps, node: (value, maximum)})

    def _progress_state(self, event: ProgressState, at: float) -> JobState:
        state = self.started(at)
        finished = {key for key, node in event.nodes.items() if node.state == "finished"}
        running = [key for key, node in event.nodes.items() if node.state == "running"]
        steps = {**state.steps, **{key: (node.value, node.max) for key, node in event.nodes.items()}}
        state = replace(state, steps=steps, done=state.done | finished)
        if running and (state.node is None or state.node in finished):
            state = replace(state, node=running[-1], node_started_at=at)
        return state

    def _output(self, event: Executed) -> JobState:
        if event.node is None:
            return self
        outputs = dict(self.outputs)
        if event.output:
            outputs[event.node] = event.output
        return replace(self, outputs=outputs, done=self.done | {event.node})
