"""ComfyUI's own dialect, as recorded from 0.3.64 and read in newer servers.

A job's record is put together from the queue and the history, asked in this order: a job that
ends in between is then found in the history, whereas the other order can miss it in both. A job
deleted while it waited is in neither, and no message says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ..errors import ServerError
from ..protocol.messages import Event
from ..protocol.status import JobStatus
from . import prompt
from .cloud import page_of, socket_url
from .dialect import EventSource, Request
from .http import Access, Http
from .records import FileRef, JobPage, JobRecord, QueueInfo, Submission, UploadLimits, seconds_of


class ComfyUI:
    """A ComfyUI server of one's own."""

    name = "comfyui"
    takes_prompt_id = True
    has_accounts = False
    names_by_content = False
    forgets_cancelled = True

    def events(
        self,
        access: Access,
        client_id: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None],
    ) -> EventSource | None:
        from .socket import Socket

        return Socket(access, socket_url(access.url, {"clientId": client_id}), deliver, resync)

    async def submit(self, http: Http, request: Request) -> Submission:
        extra: dict[str, Any] = {}
        if request.prompt_id is not None:
            extra["prompt_id"] = request.prompt_id
        if request.front:
            extra["front"] = True
        if request.preview_method is not None:
            request.extra_data["preview_method"] = request.preview_method
        return await prompt.send(http, request, extra)

    async def record(self, http: Http, job_id: str, *, ended: bool = False) -> JobRecord | None:
        if ended and (record := await self._history(http, job_id)) is not None:
            return record
        queued = (await self.queue(http)).find(job_id)
        return prompt.queued_record(queued) if queued is not None else await self._history(http, job_id)

    async def _history(self, http: Http, job_id: str) -> JobRecord | None:
        path = f"/api/history/{quote(job_id, safe='')}"
        body = (await http.get(path, doing="the job's history")).json()
        entry = body.get(job_id) if isinstance(body, Mapping) else None
        return history_record(job_id, entry) if isinstance(entry, Mapping) else None

    async def queue(self, http: Http) -> QueueInfo:
        return prompt.queue_of((await http.get("/api/queue", doing="the queue")).json())

    async def jobs(
        self, http: Http, *, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage:
        params = {
            "status": status,
            "limit": limit,
            "offset": offset,
            "sort_by": {"created": "created_at", "seconds": "execution_duration"}.get(
                sort or "created", sort
            ),
            "sort_order": "desc" if descending else "asc",
        }
        answer = await http.request("GET", "/api/jobs", params=params, accept=(404,), doing="the jobs list")
        if answer.status == 200:
            return page_of(answer.json(), offset, limit)
        return await self._jobs_by_hand(http, status, limit, offset, sort, descending)

    async def _jobs_by_hand(
        self, http: Http, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage:
        """The same page for a server older than `/api/jobs`, from its queue and history."""
        queue = await self.queue(http)
        found = {job.id: prompt.queued_record(job) for job in reversed([*queue.running, *queue.pending])}
        body = (await http.get("/api/history", doing="the history")).json()
        entries = list(body.items()) if isinstance(body, Mapping) else []
        for job_id, entry in reversed(entries):
            if isinstance(entry, Mapping):
                found[job_id] = history_record(job_id, entry)
        wanted = {word.strip() for word in status.split(",")} if status else None
        records = [r for r in found.values() if wanted is None or r.status.value in wanted]
        if sort == "seconds":
            records.sort(key=lambda r: r.seconds or 0.0, reverse=True)
        if not descending:
            records.reverse()
        page = records[offset : offset + limit]
        return JobPage(page, len(records), offset, limit, has_more=offset + limit < len(records))

    async def cancel(self, http: Http, job_id: str) -> bool:
        """Delete it from the queue if it waits; interrupt it by name if it is the one that runs.

        A server too old to read the name interrupts whatever runs: so ours must be what runs, and
        the queue is asked right before. The name makes newer servers leave any other job alone.
        """
        await http.post("/api/queue", {"delete": [job_id]}, again=True, doing="the cancellation")
        queued = (await self.queue(http)).find(job_id)
        if queued is not None and queued.position == 0:
            await http.post("/api/interrupt", {"prompt_id": job_id}, again=True, doing="the interrupt")
            return True
        if queued is not None:
            return False
        return await self._history(http, job_id) is None

    async def interrupt(self, http: Http) -> None:
        await http.post("/api/interrupt", {}, again=True, doing="the interrupt")

    async def clear(self, http: Http) -> None:
        await http.post("/api/queue", {"clear": True}, again=True, doing="clearing the queue")

    async def delete_history(self, http: Http, job_ids: list[str]) -> None:
        await http.post("/api/history", {"delete": job_ids}, again=True, doing="the deletion")

    async def known_file(self, http: Http, data: bytes, name: str) -> FileRef | None:
        return None

    async def user(self, http: Http) -> str | None:
        return None

    def upload_limits(self, flags: Mapping[str, Any]) -> UploadLimits:
        told = flags.get("max_upload_size")
        return UploadLimits(told if isinstance(told, int) else None)

    def stored(self, answer: Mapping[str, Any], sent: FileRef) -> FileRef:
        name = answer.get("name")
        if not isinstance(name, str):
            raise ServerError("The server took the upload but did not say under which name.")
        return FileRef(name, str(answer.get("subfolder") or ""), str(answer.get("type") or sent.type))


def history_record(job_id: str, entry: Mapping[str, Any]) -> JobRecord:
    """One entry of `/api/history`, whose status is told by its messages."""
    status = entry.get("status")
    status = status if isinstance(status, Mapping) else {}
    messages: dict[str, Mapping[str, Any]] = {}
    told = status.get("messages")
    for message in told if isinstance(told, list) else ():
        if isinstance(message, list) and len(message) == 2 and isinstance(message[1], Mapping):
            messages[str(message[0])] = message[1]
    word = str(status.get("status_str") or "")
    if "execution_interrupted" in messages:
        found = JobStatus.cancelled
    elif word == "success" or (not word and status.get("completed", True)):
        found = JobStatus.completed
    else:
        found = JobStatus.failed
    ends = ("execution_success", "execution_error", "execution_interrupted")
    saved = entry.get("prompt")
    saved = saved if isinstance(saved, list) else []
    return JobRecord(
        id=job_id,
        status=found,
        raw_status=word,
        created=seconds_of(messages.get("execution_start", {}).get("timestamp")),
        started=seconds_of(messages.get("execution_start", {}).get("timestamp")),
        ended=next((seconds_of(messages[end].get("timestamp")) for end in ends if end in messages), None),
        outputs=prompt.node_outputs(entry.get("outputs")),
        error=prompt.execution_error(messages.get("execution_error")),
        workflow=saved[2] if len(saved) > 2 and isinstance(saved[2], Mapping) else None,
        extra_data=prompt.extra_of(saved[3] if len(saved) > 3 else None),
    )
