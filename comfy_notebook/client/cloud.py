"""The Comfy Cloud's dialect. Source: the Cloud API reference and its OpenAPI contract.

A job's record is `GET /api/jobs/{id}`; where that has nothing yet, `GET /api/job/{id}/status` is
asked, whose words are the Cloud's internal ones. Queue deletion takes pending and, on today's
servers, running jobs; a server with `/api/jobs/{id}/cancel` is asked there first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from ..protocol.messages import Event
from ..protocol.status import JobStatus, parse_status
from . import prompt
from .dialect import EventSource, Request
from .http import Access, Http
from .records import FileRef, JobPage, JobRecord, QueueInfo, Submission, UploadLimits, seconds_of


class Cloud:
    """Comfy Cloud, and the embedded server that speaks like it."""

    name = "cloud"
    takes_prompt_id = False
    has_accounts = True
    names_by_content = True
    forgets_cancelled = False

    def __init__(self) -> None:
        self._cancel_route: bool | None = None

    def events(
        self,
        access: Access,
        client_id: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None],
    ) -> EventSource | None:
        from .socket import Socket

        query = {"clientId": client_id}
        if access.key is not None:
            query["token"] = access.key.value
        return Socket(access, socket_url(access.url, query), deliver, resync)

    async def submit(self, http: Http, request: Request) -> Submission:
        return await prompt.send(http, request, {})

    async def record(self, http: Http, job_id: str, *, ended: bool = False) -> JobRecord | None:
        path = f"/api/jobs/{quote(job_id, safe='')}"
        answer = await http.request("GET", path, accept=(400, 404), doing="the job's record")
        body = answer.json()
        if answer.status == 200 and isinstance(body, Mapping) and "status" in body:
            return record_of(body, job_id)
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

    async def queue(self, http: Http) -> QueueInfo:
        return prompt.queue_of((await http.get("/api/queue", doing="the queue")).json())

    async def jobs(
        self, http: Http, *, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage:
        params = {
            "status": status,
            "limit": limit,
            "offset": offset,
            "sort_by": {"created": "create_time", "seconds": "execution_time"}.get(sort or "created", sort),
            "sort_order": "desc" if descending else "asc",
        }
        return page_of(
            (await http.get("/api/jobs", params=params, doing="the jobs list")).json(), offset, limit
        )

    async def cancel(self, http: Http, job_id: str) -> bool:
        if self._cancel_route is not False:
            path = f"/api/jobs/{quote(job_id, safe='')}/cancel"
            answer = await http.request(
                "POST", path, accept=(404, 405, 409), again=True, doing="the cancellation"
            )
            body = answer.json()
            if answer.status < 300 and isinstance(body, Mapping):
                self._cancel_route = True
                return bool(body.get("cancelled"))
            if self._cancel_route is None:
                self._cancel_route = False
        body = (
            await http.post("/api/queue", {"delete": [job_id]}, again=True, doing="the cancellation")
        ).json()
        if isinstance(body, Mapping) and job_id in (body.get("deleted") or ()):
            return True
        record = await self.record(http, job_id)
        if record is None or record.status.is_final:
            return record is not None and record.status is JobStatus.cancelled
        # Only pending jobs were deleted: a running one ends by an interrupt that names it. A server
        # that ignores the name would end others too, so it is sent only while ours runs alone.
        queue = await self.queue(http)
        if [job.id for job in queue.running] == [job_id]:
            await http.post("/api/interrupt", {"prompt_id": job_id}, again=True, doing="the interrupt")
            return True
        return False

    async def interrupt(self, http: Http) -> None:
        await http.post("/api/interrupt", {}, again=True, doing="the interrupt")

    async def clear(self, http: Http) -> None:
        await http.post("/api/queue", {"clear": True}, again=True, doing="clearing the queue")

    async def delete_history(self, http: Http, job_ids: list[str]) -> None:
        await http.post("/api/history", {"delete": job_ids}, again=True, doing="the deletion")

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
            "POST", "/api/assets/from-hash", body=body, accept=(400, 404, 405, 501), again=True
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
        # The Cloud's pages name "output" as the default type of uploads; LoadImage takes the bare name.
        return FileRef(str(answer.get("name") or sent.name), "", "input")


def socket_url(url: str, query: Mapping[str, str]) -> str:
    """The WebSocket's URL beside an http(s) one, below the same base path."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path + "/ws", urlencode(query), ""))


def record_of(body: Mapping[str, Any], job_id: str | None = None) -> JobRecord:
    """One entry of `/api/jobs`, or all of `/api/jobs/{id}`: the Cloud's and newer ComfyUI's are alike."""
    graph, extra = prompt.graph_of(body.get("workflow"))
    count, position = body.get("outputs_count"), body.get("queue_position")
    preview = body.get("preview_output")
    meta = body.get("execution_status")
    return JobRecord(
        id=str(body.get("id") or job_id or ""),
        status=parse_status(body.get("status")),
        raw_status=str(body.get("status") or ""),
        created=seconds_of(body.get("create_time")),
        started=seconds_of(body.get("execution_start_time")),
        ended=seconds_of(body.get("execution_end_time")),
        outputs=prompt.node_outputs(body.get("outputs")),
        error=prompt.execution_error(body.get("execution_error")),
        workflow=graph,
        extra_data=extra,
        preview_output=preview if isinstance(preview, Mapping) else None,
        outputs_count=count if isinstance(count, int) else None,
        position=position if isinstance(position, int) else None,
        message=str(
            body.get("error_message") or (meta.get("message") if isinstance(meta, Mapping) else "") or ""
        ),
    )


def page_of(body: Any, offset: int, limit: int) -> JobPage:
    """The answer of `GET /api/jobs`."""
    body = body if isinstance(body, Mapping) else {}
    found = [record_of(job) for job in body.get("jobs") or () if isinstance(job, Mapping)]
    paging = body.get("pagination")
    paging = paging if isinstance(paging, Mapping) else {}
    total = paging.get("total")
    return JobPage(
        jobs=found,
        total=total if isinstance(total, int) else offset + len(found),
        offset=offset,
        limit=limit,
        has_more=bool(paging.get("has_more")),
    )
