"""Ended jobs as ComfyUI's history tells them: `/api/history` (POST), `/api/history_v2[/{id}]`.

The Cloud deprecates reading these in favour of `/api/jobs`; it answers them in a form of its own, with
`prompt` as an object. Times are milliseconds.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...protocol.status import JobStatus
from ..http import Refused, query_int, server_of, user_of
from ..jobs import Job
from .jobs import execution_meta, execution_status, shown_extra_data
from .queue import manage_request

ENDED = tuple(str(status) for status in JobStatus if status.is_final)


async def post_history(request: Request) -> Response:
    """Forget ended jobs, some or all."""
    body = await manage_request(request)
    jobs, user = server_of(request).jobs, user_of(request)
    if body.get("clear"):
        jobs.forget(user)
    jobs.forget(user, body.get("delete") or ())
    return Response()


async def list_history(request: Request) -> Response:
    """The user's ended jobs, newest first, without their graphs."""
    wanted = query_int(request, "max_items", 100, -(10**12), 10**12)
    offset = query_int(request, "offset", 0, -(10**12), 10**12)
    jobs, _ = server_of(request).jobs.page(
        user_of(request), statuses=ENDED, offset=max(offset, 0), limit=wanted if 0 <= wanted < 1000 else 1000
    )
    return JSONResponse({"history": [_entry(job) for job in jobs]})


async def get_history(request: Request) -> Response:
    """One ended job, with its graph."""
    job = server_of(request).jobs.get(user_of(request), request.path_params["prompt_id"])
    if job is None or not job.status.is_final:
        raise Refused(404, "There is no such job in the history.", "JOB_NOT_FOUND")
    prompt = {
        "priority": job.number,
        "prompt_id": job.id,
        "prompt": job.prompt,
        "extra_data": shown_extra_data(job),
        "outputs_to_execute": list(job.targets),
    }
    return JSONResponse({job.id: {"prompt": prompt, **_outcome(job)}})


def _entry(job: Job) -> dict[str, Any]:
    extra = shown_extra_data(job)
    if isinstance(extra.get("extra_pnginfo"), dict):
        extra["extra_pnginfo"] = {k: v for k, v in extra["extra_pnginfo"].items() if k != "workflow"}
    found: dict[str, Any] = {
        "prompt_id": job.id,
        "create_time": job.created,
        "prompt": {"priority": job.number, "prompt_id": job.id, "extra_data": extra},
        **_outcome(job),
    }
    if job.workflow_id is not None:
        found["workflow_id"] = job.workflow_id
    return found


def _outcome(job: Job) -> dict[str, Any]:
    return {"outputs": job.outputs, "status": execution_status(job), "meta": execution_meta(job)}
