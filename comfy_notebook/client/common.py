"""The requests that both dialects make alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from ..errors import InvalidWorkflow
from . import failures
from .answers import page_of, queue_of, record_of
from .dialect import Request
from .exchange import Response
from .http import Http, ResponseLost
from .records import JobPage, JobRecord, QueueInfo, Submission


class CommonRoutes:
    """The part of `Dialect` that the Cloud and ComfyUI share."""

    sort_words: ClassVar[Mapping[str, str]]
    """The server's words for the keys that jobs are sorted by."""

    known_routes: ClassVar[frozenset[str]] = frozenset()
    """Routes of jobs that every server of this dialect has, whatever it answers: "METHOD /rest"."""

    def __init__(self) -> None:
        self._missing_routes: set[str] = set()

    async def _ask_job(self, http: Http, method: str, job_id: str, rest: str, doing: str) -> Response | None:
        """An answer of `/api/jobs/{id}` or a route below it; None when the server has no such route.

        A missing route is found once. ComfyUI answers it with an empty body, and an unknown job with JSON.
        """
        route = f"{method} {rest}"
        if route in self._missing_routes:
            return None
        path = f"/api/jobs/{quote(job_id, safe='')}{rest}"
        answer = await http.request(method, path, accept=(400, 404, 405, 409), idempotent=True, doing=doing)
        if answer.status < 300 or isinstance(answer.json(), Mapping):
            return answer
        if route not in self.known_routes and (not answer.content or answer.status == 405):
            self._missing_routes.add(route)
        return None

    async def cancel_by_route(self, http: Http, job_id: str) -> bool | None:
        """Cancel a job in one request; None when the server cannot."""
        answer = await self._ask_job(http, "POST", job_id, "/cancel", "the cancellation")
        if answer is None or answer.status >= 300:
            return None
        return bool(answer.object("the cancellation", "cancelled")["cancelled"])

    async def record_by_route(self, http: Http, job_id: str) -> tuple[bool, JobRecord | None]:
        """(whether the server has the route, the job's record if it has one)."""
        answer = await self._ask_job(http, "GET", job_id, "", "the job's record")
        if answer is None:
            return False, None
        if answer.status >= 300:
            return True, None
        return True, record_of(answer.object("the job's record", "status"), job_id)

    async def queue(self, http: Http) -> QueueInfo:
        answer = await http.get("/api/queue", doing="the queue")
        found = answer.object("the queue", "queue_running", "queue_pending")
        if not isinstance(found["queue_running"], list) or not isinstance(found["queue_pending"], list):
            raise answer.not_the_answer("the queue")
        return queue_of(found)

    async def interrupt(self, http: Http) -> None:
        await http.post("/api/interrupt", {}, idempotent=True, doing="the interrupt")

    async def interrupt_job(self, http: Http, job_id: str) -> None:
        """Interrupt a running job by name; servers that do not read the name interrupt whatever runs."""
        await http.post("/api/interrupt", {"prompt_id": job_id}, idempotent=True, doing="the interrupt")

    async def clear(self, http: Http) -> None:
        await http.post("/api/queue", {"clear": True}, idempotent=True, doing="clearing the queue")

    async def dequeue(self, http: Http, job_id: str) -> Any:
        """Delete a waiting job from the queue; returns the server's answer."""
        body = {"delete": [job_id]}
        return (await http.post("/api/queue", body, idempotent=True, doing="the cancellation")).json()

    async def delete_history(self, http: Http, job_ids: list[str]) -> None:
        await http.post("/api/history", {"delete": job_ids}, idempotent=True, doing="the deletion")

    async def listed_jobs(
        self, http: Http, *, status: str | None, limit: int, offset: int, sort: str | None, descending: bool
    ) -> JobPage | None:
        """A page of `GET /api/jobs`; None when the server has no such route."""
        params = {
            "status": status,
            "limit": limit,
            "offset": offset,
            "sort_by": self.sort_words.get(sort or "created", sort),
            "sort_order": "desc" if descending else "asc",
        }
        answer = await http.request("GET", "/api/jobs", params=params, accept=(404,), doing="the jobs list")
        if answer.status == 404:
            return None
        found = answer.object("the jobs list", "jobs")
        if not isinstance(found["jobs"], list):
            raise answer.not_the_answer("the jobs list")
        return page_of(found, offset, limit)


async def send(http: Http, request: Request, extra: Mapping[str, Any]) -> Submission:
    """`POST /api/prompt`, with `extra` beside the fields that both kinds of server take.

    The answer is 200, possibly with `node_errors` of outputs that were left out, or 400 with all of them.
    """
    graph = {node_id: _with_meta(node) for node_id, node in request.graph.items()}
    body: dict[str, Any] = {"prompt": graph, "client_id": request.client_id, **extra}
    if request.extra_data:
        body["extra_data"] = request.extra_data
    if request.targets is not None:
        body["partial_execution_targets"] = request.targets
    response = await http.request(
        "POST", "/api/prompt", body=body, accept=(400,), doing="the submission", idempotent=False
    )
    answer = response.json()
    if response.status == 400:
        if isinstance(answer, Mapping) and ("error" in answer or "node_errors" in answer):
            raise failures.invalid_workflow(answer, request.graph)
        error = failures.error_of(response, doing="the submission", access=http.access)
        raise InvalidWorkflow("The server refused the workflow.", hint=str(error))
    job_id = answer.get("prompt_id") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(job_id, str) or not job_id:
        raise ResponseLost(response.not_the_answer("the submission").message, late=True)
    number = answer.get("number")
    return Submission(
        job_id,
        number if isinstance(number, (int, float)) else None,
        failures.node_problems(answer.get("node_errors"), request.graph, severity="warning"),
    )


def _with_meta(node: Any) -> Any:
    """A node with `_meta`: ComfyUI 0.33 fails on a graph with a replaced class and a node without it."""
    if not isinstance(node, Mapping) or "_meta" in node:
        return node
    return {**node, "_meta": {"title": str(node.get("class_type") or "")}}
