"""What differs between servers, as one interface: `Dialect`, with `Request` and `EventSource`.

A dialect is one module with a class that implements `Dialect` and an entry in `probe.kinds`. It knows the
routes, turns answers into the records of `records`, and makes an `EventSource`, or none; without one, jobs
are polled. Jobs, results, display and magics see records and typed events only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..protocol.messages import Event
from .exchange import Access
from .http import Http
from .records import FileRef, JobPage, JobRecord, QueueInfo, Submission, UploadLimits


@dataclass
class Request:
    """One submission, before a dialect turns it into its server's request.

    `number` places it in the queue (lower runs earlier), `front` before all that waits; servers without
    priorities ignore both.
    """

    graph: dict[str, Any]
    client_id: str
    extra_data: dict[str, Any] = field(default_factory=dict)
    targets: list[str] | None = None
    prompt_id: str | None = None
    preview_method: str | None = None
    front: bool = False
    number: float | None = None


class EventSource(Protocol):
    """Live events of jobs: hints of what happens. How a job ended is decided by its record alone."""

    last_error: str
    """Why it last disconnected, without secrets; empty while it never did."""

    @property
    def alive(self) -> bool:
        """Whether events can be expected to arrive now."""
        ...

    @property
    def generation(self) -> int:
        """How many times it has connected. A job during which this changed may have missed events."""
        ...

    @property
    def flags(self) -> Mapping[str, Any]:
        """The feature flags that the server has sent."""
        ...

    async def ready(self, timeout: float) -> bool:
        """Connect and wait until the server has registered this client; False when it has not in time."""
        ...

    def watch(self, job_id: str) -> None:
        """Stay connected while this job is followed."""
        ...

    def unwatch(self, job_id: str) -> None:
        """This job is followed no longer."""
        ...

    def distrust(self) -> None:
        """A poll has shown that events were missed: reconnect."""
        ...

    async def close(self) -> None: ...


class Dialect(Protocol):
    """How one kind of server is talked to. Methods that send requests take the `Http` to send them with."""

    name: str
    takes_prompt_id: bool
    """Whether a submission may choose its own job id."""
    has_accounts: bool
    """Whether the server needs an API key, which identifies an account."""
    names_by_content: bool
    """Whether an upload is stored under a name made from its content."""
    forgets_cancelled: bool
    """Whether a job deleted while it waited leaves no record."""

    def events(
        self,
        access: Access,
        client_id: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None],
    ) -> EventSource | None:
        """The source of live events; it calls `resync` when some may have been missed."""
        ...

    async def submit(self, http: Http, request: Request) -> Submission: ...

    async def record(self, http: Http, job_id: str, *, ended: bool = False) -> JobRecord | None:
        """The job's record, or None when the server has none of that id.

        `ended` says that the job has probably ended, for servers that keep ended jobs elsewhere.
        """
        ...

    async def queue(self, http: Http) -> QueueInfo: ...

    async def jobs(
        self, http: Http, *, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage: ...

    async def cancel(self, http: Http, job_id: str) -> bool:
        """End exactly this job, pending or running; False when it had already ended."""
        ...

    async def interrupt(self, http: Http) -> None: ...

    async def clear(self, http: Http) -> None: ...

    async def delete_history(self, http: Http, job_ids: list[str]) -> None: ...

    async def known_file(self, http: Http, data: bytes, name: str) -> FileRef | None:
        """The server's own copy of this content, if it can be found without an upload."""
        ...

    async def user(self, http: Http) -> str | None: ...

    def upload_limits(self, flags: Mapping[str, Any]) -> UploadLimits:
        """The largest file the server takes, given its feature flags."""
        ...

    def stored(self, answer: Mapping[str, Any], sent: FileRef) -> FileRef:
        """The uploaded file, from the server's answer."""
        ...
