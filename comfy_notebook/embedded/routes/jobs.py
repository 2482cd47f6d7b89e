"""Jobs as the Cloud's contract tells them: `/api/jobs`, `/api/jobs/{id}`, `/api/job/{id}/status`.

Times are milliseconds, as the Cloud's clients and its newer specification read them; the published
contract says seconds of `create_time` and `update_time`. A job of a dead server says `lost`, a word that
the contract's enum lacks and the Cloud uses internally.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...protocol.status import JobStatus
from ..http import Refused, query_choice, query_int, read_json, server_of, user_of
from ..jobs import SECRETS, Job, files_of, media_type
from .prompt import is_uuid

_REDACTED = "[REDACTED]"


async def list_jobs(request: Request) -> Response:
    """One page of the user's jobs."""
    offset = query_int(request, "offset", 0, 0, 10**12)
    limit = query_int(request, "limit", 100, 1, 1000)
    statuses = [word for word in request.query_params.get("status", "").split(",") if word]
    output_type = request.query_params.get("output_type")
    if output_type is not None and output_type not in ("image", "video", "audio"):
        raise Refused(400, "output_type must be one of image, video, audio.")
    jobs, total = server_of(request).jobs.page(
        user_of(request),
        statuses=statuses,
        workflow_id=request.query_params.get("workflow_id"),
        output_type=output_type,
        sort_by=query_choice(request, "sort_by", "create_time", ("create_time", "execution_time")),
        descending=query_choice(request, "sort_order", "desc", ("asc", "desc")) == "desc",
        offset=offset,
        limit=limit,
        graphs=False,
    )
    pagination = {"offset": offset, "limit": limit, "total": total, "has_more": offset + len(jobs) < total}
    return JSONResponse({"jobs": [entry(job) for job in jobs], "pagination": pagination})


async def get_job(request: Request) -> Response:
    """One job in full."""
    server = server_of(request)
    job = _find(request)
    details = entry(job) | {
        "update_time": job.updated,
        "workflow": {"prompt": job.prompt, "extra_data": shown_extra_data(job)},
    }
    if job.status is JobStatus.pending:
        waiting = [other.id for other in server.scheduler.pending(job.user)]
        if job.id in waiting:
            details |= {"queue_reason": "concurrency_limit", "queue_position": waiting.index(job.id)}
    if job.status.is_final:
        details |= {
            "outputs": job.outputs,
            "execution_status": execution_status(job),
            "execution_meta": execution_meta(job),
        }
    return JSONResponse(details)


async def get_status(request: Request) -> Response:
    """Where a job stands, in the seed's five words, or the Cloud's internal ones with `--raw-status`."""
    server, user = server_of(request), user_of(request)
    id = _id(request)
    row = server.jobs.standing(user, id)
    if row is None:
        raise Refused(404, "There is no such job.", "JOB_NOT_FOUND")
    status = JobStatus(row["status"])
    word = server.scheduler.raw_status(user, id, status) if server.options.raw_status else str(status)
    return JSONResponse(
        {
            "id": id,
            "status": word,
            "created_at": iso(row["created"]),
            "updated_at": iso(row["updated"]),
            "last_state_update": iso(row["updated"]),
            "assigned_inference": None,
            "error_message": _error_message(status, row["error"]),
        }
    )


async def cancel_job(request: Request) -> Response:
    """Stop one job, waiting or running; `cancelled` is False when it had already ended."""
    job = _find(request)
    return JSONResponse({"cancelled": server_of(request).scheduler.cancel(job.user, job.id)})


async def cancel_jobs(request: Request) -> Response:
    """Stop several jobs; the answer lists those that were stopped."""
    body = await read_json(request)
    ids = body.get("job_ids", body.get("ids", body.get("jobs")))
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise Refused(400, "job_ids must be a list of job ids.")
    scheduler, user = server_of(request).scheduler, user_of(request)
    return JSONResponse({"cancelled": [id for id in ids if scheduler.cancel(user, id)]})


def entry(job: Job) -> dict[str, Any]:
    """A job as lists have it."""
    found: dict[str, Any] = {"id": job.id, "status": str(job.status), "create_time": job.created}
    if job.workflow_id is not None:
        found["workflow_id"] = job.workflow_id
    if job.status.is_final:
        files = files_of(job.outputs)
        found["outputs_count"] = len(files)
        if preview := preview_output(job):
            found["preview_output"] = preview
        if job.started is not None:
            found["execution_start_time"] = job.started
            found["execution_end_time"] = job.ended
        if (error := execution_error(job)) is not None:
            if not isinstance(error["current_outputs"], dict):
                error["current_outputs"] = {node_id: [] for node_id in error["current_outputs"]}
            found["execution_error"] = error
    return found


def preview_output(job: Job) -> dict[str, Any] | None:
    """The file that stands for the whole job: the first kept one, or the first at all."""
    files = files_of(job.outputs)
    kept = [file for file in files if file[2].get("type") == "output"]
    for node_id, key, item in kept or files:
        return {**item, "nodeId": node_id, "mediaType": media_type(key, item)}
    return None


def execution_status(job: Job) -> dict[str, Any]:
    """The messages of a run and how it ended, as ComfyUI's history has them."""
    done = job.status is JobStatus.completed
    messages = list(job.messages)
    if job.status is JobStatus.lost:
        messages.append(["execution_error", {"prompt_id": job.id, **_STOPPED, "timestamp": job.ended}])
    return {"status_str": "success" if done else "error", "completed": done, "messages": messages}


def execution_meta(job: Job) -> dict[str, Any]:
    """Which node each output belongs to."""
    return {
        node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
        for node_id in job.outputs
    }


def shown_extra_data(job: Job) -> dict[str, Any]:
    """`extra_data` as anyone may see it."""
    return {**job.extra_data, **{key: _REDACTED for key in job.secrets if key in SECRETS}}


def iso(moment: int) -> str:
    """Milliseconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(moment / 1000, timezone.utc).isoformat().replace("+00:00", "Z")


_STOPPED: dict[str, Any] = {
    "node_id": "", "node_type": "", "exception_message": "The server stopped while this job ran.\n",
    "exception_type": "ServerStopped", "traceback": [], "executed": [], "current_inputs": {},
    "current_outputs": [],
}  # fmt: skip
_ERROR_KEYS = tuple(key for key in _STOPPED if key != "executed")


def execution_error(job: Job) -> dict[str, Any] | None:
    """What failed, where and with which inputs; None when nothing did."""
    if job.status is JobStatus.lost:
        return {key: _STOPPED[key] for key in _ERROR_KEYS}
    if job.error is None:
        return None
    empty = {**_STOPPED, "exception_message": "", "exception_type": ""}
    return {key: job.error.get(key, empty[key]) for key in _ERROR_KEYS}


def _error_message(status: JobStatus, stored: str | None) -> str | None:
    if status is JobStatus.lost:
        return "The server stopped while this job ran."
    return str(json.loads(stored).get("exception_message", "")).strip() if stored else None


def _id(request: Request) -> str:
    id = request.path_params["job_id"]
    if not is_uuid(id) and server_of(request).options.dialect == "cloud":
        raise Refused(404, "There is no such job.", "JOB_NOT_FOUND")
    return str(id)


def _find(request: Request) -> Job:
    job = server_of(request).jobs.get(user_of(request), _id(request))
    if job is None:
        raise Refused(404, "There is no such job.", "JOB_NOT_FOUND")
    return job
