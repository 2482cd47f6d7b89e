"""What differs between servers, as one small interface; everything else of the client is common to all.

A further server (Comfy API v2: polling and server-sent events) is one more module with a class like
`cloud.Cloud`, and a line in `KINDS`: it says where things are asked for, turns answers into the
records of `records`, and gives an `EventSource` of its own, or none, in which case jobs are polled.
Job, result, display and magics see records and typed events only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import ComfyError, ConnectionFailed
from ..protocol.messages import Event
from .http import Access, Http, Response
from .records import FileRef, JobPage, JobRecord, QueueInfo, Submission, UploadLimits


@dataclass
class Request:
    """One submission, before a dialect puts it into its server's words."""

    graph: dict[str, Any]
    client_id: str
    extra_data: dict[str, Any] = field(default_factory=dict)
    targets: list[str] | None = None
    prompt_id: str | None = None
    preview_method: str | None = None
    front: bool = False


class EventSource(Protocol):
    """Live events of jobs: a hint of what happens, never the proof of how a job ended."""

    last_error: str
    """Why it last broke off, with nothing secret in it; empty while it never did."""

    @property
    def alive(self) -> bool:
        """Whether events can be expected to arrive now."""
        ...

    @property
    def generation(self) -> int:
        """How many times it has connected; a job that lived through a change may have missed events."""
        ...

    @property
    def flags(self) -> Mapping[str, Any]:
        """The server's feature flags, as far as it has sent them."""
        ...

    async def ready(self, timeout: float) -> bool:
        """Connected and registered with the server; False when that cannot be had in time."""
        ...

    def watch(self, job_id: str) -> None:
        """Events of this job matter from now on."""
        ...

    def unwatch(self, job_id: str) -> None:
        """They no longer do."""
        ...

    def distrust(self) -> None:
        """A poll has shown that events were missed: connect afresh."""
        ...

    async def close(self) -> None: ...


class Dialect(Protocol):
    """One server's manners. Methods that ask take the `Http` to ask with."""

    name: str
    takes_prompt_id: bool
    """Whether a submission may bring its own job id."""
    has_accounts: bool
    """Whether a key is asked for, and tells whose jobs are whose."""
    names_by_content: bool
    """Whether an upload is stored under a name made from its bytes, whatever it was called."""
    forgets_cancelled: bool
    """Whether a job deleted while it waited leaves no record behind."""

    def events(
        self,
        access: Access,
        client_id: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None],
    ) -> EventSource | None:
        """Where live events come from; `resync` is called when some may have been missed."""
        ...

    async def submit(self, http: Http, request: Request) -> Submission: ...

    async def record(self, http: Http, job_id: str, *, ended: bool = False) -> JobRecord | None:
        """The job's record, or None when the server has none of that id (now).

        `ended` says that the job is believed to have ended, for servers where that is asked elsewhere.
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
        """The server's own copy of these bytes, if it can tell without being sent them."""
        ...

    async def user(self, http: Http) -> str | None: ...

    def upload_limits(self, flags: Mapping[str, Any]) -> UploadLimits:
        """The largest file it takes; `flags` are the features it has told of."""
        ...

    def stored(self, answer: Mapping[str, Any], sent: FileRef) -> FileRef:
        """Where an upload ended up, from the server's answer."""
        ...


def kinds() -> dict[str, Callable[[], Dialect]]:
    """The dialects by name."""
    from .cloud import Cloud
    from .comfyui import ComfyUI

    return {"cloud": Cloud, "comfyui": ComfyUI}


async def probe(http: Http) -> Dialect:
    """The dialect of the server at a URL, found by asking what only one of them answers.

    The Cloud has `/api/user`, which asks for a key; ComfyUI does not, and has `/api/history`.
    Raises `ConnectionFailed` when neither answers.
    """
    from .cloud import Cloud
    from .comfyui import ComfyUI

    def is_json(response: Response) -> bool:
        return response.json() is not None

    every = tuple(range(300, 600))
    user = await http.request("GET", "/api/user", accept=every, doing="the question what it is")
    if user.status in (200, 401, 403) and is_json(user) and "status" in (user.json() or {}):
        return Cloud()
    if user.status == 401 and isinstance(body := user.json(), Mapping) and "code" in body:
        return Cloud()
    stats = await http.request("GET", "/api/system_stats", accept=every, doing="the question what it is")
    if stats.status == 200 and isinstance(found := stats.json(), Mapping) and "system" in found:
        return ComfyUI()
    if stats.status in (401, 403, 407) or user.status in (401, 403, 407):
        from .failures import error_of

        raise error_of(stats if stats.status >= 400 else user, doing="a first question", url=http.access.url)
    if stats.status in (301, 302, 303, 307, 308):
        raise ConnectionFailed(
            f"{http.access.url} redirects elsewhere, which a ComfyUI server does not.",
            hint="A sign-in page may stand before it: pass headers=, cookies= or auth= to connect.",
        )
    raise ConnectionFailed(
        f"{http.access.url} answers, but not as a ComfyUI or Comfy Cloud server does "
        f"(HTTP {stats.status} for /api/system_stats).",
        hint="Check the port and the base path.",
    )


def require_job_id(answer: Any, url: str) -> str:
    """The `prompt_id` of an accepted submission."""
    job_id = answer.get("prompt_id") if isinstance(answer, Mapping) else None
    if not isinstance(job_id, str) or not job_id:
        raise ComfyError(f"{url} accepted the workflow but named no job.")
    return job_id
