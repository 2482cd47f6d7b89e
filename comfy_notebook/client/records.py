"""Jobs, queue, files and server as both dialects describe them: frozen dataclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem
from ..protocol.messages import ExecutionError
from ..protocol.status import JobStatus

_LATEST = 1e15  # milliseconds; some 30,000 years from now


@dataclass(frozen=True)
class JobRecord:
    """The server's record of one job. Times are seconds since the epoch, where the server gives them.

    `outputs` maps node ids to what the node put out, as the server lists it; `workflow` is the graph
    in the API's format; `display` maps the nodes that another one made by expanding to that one. In
    listings these are left out and `outputs_count` and `preview_output` stand in; `lists_outputs` is False
    where the server told the status alone. `raw_status` is the server's
    own word; `position` counts from 1 while the job waits.
    """

    id: str
    status: JobStatus
    raw_status: str = ""
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    error: ExecutionError | None = field(default=None, repr=False)
    workflow: Mapping[str, Any] | None = field(default=None, repr=False)
    extra_data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    preview_output: Mapping[str, Any] | None = field(default=None, repr=False)
    outputs_count: int | None = None
    position: int | None = None
    message: str = ""
    lists_outputs: bool = True
    display: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def seconds(self) -> float | None:
        """How long the job ran on the server, in seconds."""
        if self.started is None or self.ended is None:
            return None
        return max(self.ended - self.started, 0.0)


@dataclass(frozen=True)
class UploadLimits:
    """The largest file a server takes, None where it names no limit; `edge` and `pixels` of a picture."""

    bytes: int | None = None
    edge: int | None = None
    pixels: int | None = None


@dataclass(frozen=True)
class JobPage:
    """One page of the jobs list; iterating gives its records, and `total` counts those on all pages."""

    jobs: list[JobRecord]
    total: int
    offset: int
    limit: int
    has_more: bool

    def __iter__(self) -> Iterator[JobRecord]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


@dataclass(frozen=True)
class QueuedJob:
    """A job that runs (position 0) or waits (position from 1, the next to run first)."""

    id: str
    position: int
    workflow: Mapping[str, Any] | None = field(default=None, repr=False)
    title: str = ""


@dataclass(frozen=True)
class QueueInfo:
    """The server's queue, in the order things will run."""

    running: list[QueuedJob] = field(default_factory=list)
    pending: list[QueuedJob] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.running) + len(self.pending)

    def find(self, job_id: str) -> QueuedJob | None:
        """The queue's entry for a job, or None."""
        return next((job for job in [*self.running, *self.pending] if job.id == job_id), None)


@dataclass(frozen=True)
class Submission:
    """The server's answer to a submission: the job's id, and problems it found but ran without."""

    job_id: str
    number: float | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class FileRef:
    """A file on the server: what `upload` returns and an input that takes files is set to.

    `str(ref)` and `ref.value` are what goes into a workflow: "name", "subfolder/name", or
    "name [temp]" when the file is not among the inputs.
    """

    name: str
    subfolder: str = ""
    type: str = "input"

    @property
    def value(self) -> str:
        """The text an input such as LoadImage's takes."""
        path = f"{self.subfolder}/{self.name}" if self.subfolder else self.name
        return path if self.type == "input" else f"{path} [{self.type}]"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class ServerInfo:
    """What `info()` returns: the server's address, dialect and version, the account's status, the queue."""

    url: str
    dialect: str
    version: str | None = None
    user: str | None = None
    running: int | None = None
    pending: int | None = None
    devices: tuple[str, ...] = ()
    reason: str = ""
    pid: int | None = None


def seconds_of(value: Any) -> float | None:
    """A point in time as seconds since the epoch.

    Servers give seconds or milliseconds under the same name (`create_time`), so magnitude decides.
    ISO text is read too.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        # JSON as Python reads it has NaN, Infinity and integers of any length.
        if not -_LATEST < value < _LATEST:
            return None
        return value / 1000 if value > 1e11 else float(value)
    if isinstance(value, str):
        from datetime import datetime

        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    return None


def title_of(graph: Any, editor: Any = None) -> str:
    """A short title for a graph in a list: its number of nodes and the first classes."""
    if not isinstance(graph, Mapping):
        return ""
    classes = [str(node.get("class_type", "?")) for node in graph.values() if isinstance(node, Mapping)]
    nodes = "1 node" if len(classes) == 1 else f"{len(classes)} nodes"
    return f"{nodes}: {', '.join(classes[:3])}{'…' if len(classes) > 3 else ''}"
