"""The Comfy Cloud's dialect. Source: the Cloud API reference and its OpenAPI contract.

A job's record is `GET /api/jobs/{id}`; where that has nothing yet, `GET /api/job/{id}/status`, which uses
the Cloud's internal status words. Jobs are cancelled at `/api/jobs/{id}/cancel` where the server has it,
else by deleting them from the queue, which ends pending and, on today's servers, running jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from ..protocol.messages import Event
from ..protocol.status import JobStatus, parse_status
from .common import CommonRoutes, send
from .dialect import EventSource, Request
from .exchange import Access
from .http import Http
from .records import FileRef, JobPage, JobRecord, Submission, UploadLimits, seconds_of


class Cloud(CommonRoutes):
    """Comfy Cloud, and the embedded server in the same dialect."""

    name = "cloud"
    takes_prompt_id = False
    has_accounts = True
    names_by_content = True
    forgets_cancelled = False
    known_routes: ClassVar = frozenset({"GET "})
    sort_words: ClassVar = {"created": "create_time", "seconds": "execution_time"}

    def events(
        self,
        access: Access,
        client_id: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None],
    ) -> EventSource | None:
        from .socket import Socket, socket_url

        query = {"clientId": client_id}
        if access.key is not None:
            query["token"] = access.key.value
        return Socket(access, socket_url(access.url, query), deliver, resync)

    async def submit(self, http: Http, request: Request) -> Submission:
        return await send(http, request, {})

    async def record(self, http: Http, job_id: str, *, ended: bool = False) -> JobRecord | None:
        _, record = await self.record_by_route(http, job_id)
        if record is not None:
            return record
        path = f"/api/job/{quote(job_id, safe='')}/status"
        answer = await http.request("GET", path, accept=(400, 404), doing="the job's status")
        body = answer.json()
        if answer.status == 200 and isinstance(body, Mapping) and "status" in body:
            return JobRecord(
                id=job_id,
                status=parse_status(body["status"]),
                raw_status=str(body["status"]),
                created=seconds_of(body.get("created_at")),
                message=str(body.get("error_message") or ""),
                lists_outputs=False,
            )
        return None

    async def jobs(
        self, http: Http, *, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage:
        page = await self.listed_jobs(
            http, status=status, limit=limit, offset=offset, sort=sort, descending=descending
        )
        return page if page is not None else JobPage([], 0, offset, limit, has_more=False)

    async def cancel(self, http: Http, job_id: str) -> bool:
        done = await self.cancel_by_route(http, job_id)
        if done is not None:
            return done
        body = await self.dequeue(http, job_id)
        if isinstance(body, Mapping) and job_id in (body.get("deleted") or ()):
            return True
        record = await self.record(http, job_id)
        if record is None or record.status.is_final:
            return record is not None and record.status is JobStatus.cancelled
        # This server deletes only pending jobs; a running one is ended by an interrupt that names it. A
        # server that ignores the name would end other jobs too, so it is sent only while ours runs alone.
        queue = await self.queue(http)
        if [job.id for job in queue.running] == [job_id]:
            await self.interrupt_job(http, job_id)
            return True
        return False

    async def known_file(self, http: Http, data: bytes, name: str) -> FileRef | None:
        from blake3 import blake3

        digest = f"blake3:{blake3(data).hexdigest()}"
        answer = await http.request(
            "HEAD", f"/api/assets/hash/{quote(digest, safe=':')}", accept=(400, 404, 405, 501)
        )
        if answer.status != 200:
            return None
        body = {"hash": digest, "name": name, "tags": ["input"]}
        made = await http.request(
            "POST", "/api/assets/from-hash", body=body, accept=(400, 404, 405, 501), idempotent=True
        )
        found = made.json()
        if made.status not in (200, 201) or not isinstance(found, Mapping):
            return None
        stored = found.get("file_path") or found.get("asset_hash") or found.get("hash")
        return None if not stored else FileRef(str(stored).rpartition("/")[2], "", "input")

    async def user(self, http: Http) -> str | None:
        body = (await http.get("/api/user", doing="the user")).json()
        return str(body.get("status")) if isinstance(body, Mapping) else None

    def upload_limits(self, flags: Mapping[str, Any]) -> UploadLimits:
        return UploadLimits(50 * 1024 * 1024, edge=16_384, pixels=64_000_000)

    def stored(self, answer: Mapping[str, Any], sent: FileRef) -> FileRef:
        # The Cloud's answer says type "output", but LoadImage takes the bare name.
        return FileRef(str(answer.get("name") or sent.name), "", "input")
