"""ComfyUI's own dialect, as recorded from 0.3.64 and 0.33.

A job's record is `GET /api/jobs/{id}`. Servers older than that route have the queue and the history, which
are requested in this order: a job that ends in between is then found in the history, whereas the other
order can miss it in both. A job deleted while it waited is in neither, and no message reports it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from ..errors import ServerError
from ..protocol.messages import Event
from ..protocol.status import JobStatus
from .answers import history_record, queued_record
from .common import CommonRoutes, send
from .dialect import EventSource, Request
from .exchange import Access
from .http import Http
from .records import FileRef, JobPage, JobRecord, Submission, UploadLimits


class ComfyUI(CommonRoutes):
    """A ComfyUI server."""

    name = "comfyui"
    takes_prompt_id = True
    has_accounts = False
    names_by_content = False
    forgets_cancelled = True
    sort_words: ClassVar = {"created": "created_at", "seconds": "execution_duration"}

    def events(
        self,
        access: Access,
        client_id: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None],
    ) -> EventSource | None:
        from .socket import Socket, socket_url

        return Socket(access, socket_url(access.url, {"clientId": client_id}), deliver, resync)

    async def submit(self, http: Http, request: Request) -> Submission:
        extra: dict[str, Any] = {}
        if request.prompt_id is not None:
            extra["prompt_id"] = request.prompt_id
        if request.front:
            extra["front"] = True
        if request.number is not None:
            extra["number"] = request.number
        if request.preview_method is not None:
            request.extra_data["preview_method"] = request.preview_method
        return await send(http, request, extra)

    async def record(self, http: Http, job_id: str, *, ended: bool = False) -> JobRecord | None:
        has_route, record = await self.record_by_route(http, job_id)
        if has_route:
            if record is not None and record.status is JobStatus.pending:
                queued = (await self.queue(http)).find(job_id)
                if queued is not None and queued.position:
                    return replace(record, position=queued.position)
            return record
        if ended and (record := await self._history(http, job_id)) is not None:
            return record
        queued = (await self.queue(http)).find(job_id)
        return queued_record(queued) if queued is not None else await self._history(http, job_id)

    async def _history(self, http: Http, job_id: str) -> JobRecord | None:
        path = f"/api/history/{quote(job_id, safe='')}"
        answer = await http.get(path, doing="the job's history")
        body = answer.object("the job's history")
        entry = body.get(job_id)
        if entry is None and body:
            raise answer.not_the_answer("the job's history")
        return history_record(job_id, entry) if isinstance(entry, Mapping) else None

    async def jobs(
        self, http: Http, *, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage:
        page = await self.listed_jobs(
            http, status=status, limit=limit, offset=offset, sort=sort, descending=descending
        )
        if page is not None:
            return page
        return await self._jobs_of_history(http, status, limit, offset, sort, descending)

    async def _jobs_of_history(
        self, http: Http, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage:
        """The same page from the queue and the history, for servers without `/api/jobs`."""
        queue = await self.queue(http)
        found = {job.id: queued_record(job) for job in reversed([*queue.running, *queue.pending])}
        history = (await http.get("/api/history", doing="the history")).object("the history")
        for job_id, entry in reversed(list(history.items())):
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
        """Cancel the job in one request; on old servers delete it from the queue or interrupt it by name.

        Old servers ignore the name and interrupt whatever runs, so the queue is requested right before;
        newer servers leave any other job alone.
        """
        done = await self.cancel_by_route(http, job_id)
        if done is not None:
            return done
        await self.dequeue(http, job_id)
        queued = (await self.queue(http)).find(job_id)
        if queued is not None and queued.position == 0:
            await self.interrupt_job(http, job_id)
            return True
        if queued is not None:
            return False
        return await self._history(http, job_id) is None

    async def known_file(self, http: Http, data: bytes, name: str) -> FileRef | None:
        return None

    async def user(self, http: Http) -> str | None:
        return None

    def upload_limits(self, flags: Mapping[str, Any]) -> UploadLimits:
        # A float when the server was started with --max-upload-size.
        limit = flags.get("max_upload_size")
        if isinstance(limit, (int, float)) and math.isfinite(limit) and limit > 1:
            return UploadLimits(int(limit))
        return UploadLimits()

    def stored(self, answer: Mapping[str, Any], sent: FileRef) -> FileRef:
        name = answer.get("name")
        if not isinstance(name, str):
            raise ServerError("The server took the upload but did not say under which name.")
        return FileRef(name, str(answer.get("subfolder") or ""), str(answer.get("type") or sent.type))
