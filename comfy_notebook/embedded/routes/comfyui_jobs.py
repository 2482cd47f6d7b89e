"""`/api/jobs` as ComfyUI 0.33 answers it (recording jobs_api). It exists with the `/api` prefix only.

ComfyUI has no word for a job whose server stopped: it has failed here, and its error says so. A job
cancelled while it waited is nowhere.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...protocol.status import JobStatus
from ..http import Refused, read_json, server_of, user_of
from ..jobs import Job, files_of
from .jobs import execution_error, execution_status, shown_extra_data
from .prompt import is_uuid

_WORDS = ("pending", "in_progress", "completed", "failed", "cancelled")
_SORTS = {"created_at": "create_time", "execution_duration": "execution_time"}
_PREVIEWABLE = ("images", "video", "videos", "gifs", "audio", "3d")


async def list_jobs(request: Request) -> Response:
    """One page of jobs, newest first unless asked otherwise."""
    query = request.query_params
    words = [word.strip() for word in query.get("status", "").split(",") if word.strip()]
    if wrong := [word for word in words if word not in _WORDS]:
        valid = ", ".join(_WORDS)
        return _bad(f"Invalid status value(s): {', '.join(wrong)}. Valid values: {valid}")
    if (sort := query.get("sort_by", "created_at")) not in _SORTS:
        return _bad("sort_by must be 'created_at' or 'execution_duration'")
    if (order := query.get("sort_order", "desc")) not in ("asc", "desc"):
        return _bad("sort_order must be 'asc' or 'desc'")
    limit, offset = _number(query.get("limit"), 1), _number(query.get("offset", "0"), 0)
    if "limit" in query and limit is None:
        return _bad("limit must be a positive integer")
    if offset is None:
        return _bad("offset must be a non-negative integer")
    if "failed" in words:
        words.append(str(JobStatus.lost))
    found, total = server_of(request).jobs.page(
        user_of(request), statuses=words, workflow_id=query.get("workflow_id"), sort_by=_SORTS[sort],
        descending=order == "desc", offset=offset, limit=limit or 10**6, graphs=False, vanished=False,
    )  # fmt: skip
    pagination = {"offset": offset, "limit": limit, "total": total, "has_more": offset + len(found) < total}
    return JSONResponse({"jobs": [entry(job) for job in found], "pagination": pagination})


async def get_job(request: Request) -> Response:
    """One job; an ended one with its outputs, messages and graph."""
    job = server_of(request).jobs.get(user_of(request), request.path_params["job_id"])
    if job is None or job.vanished:
        return JSONResponse({"error": "Job not found"}, status_code=404)
    found = entry(job)
    if job.status.is_final:
        extra = shown_extra_data(job) | {"create_time": job.created}
        if job.client_id is not None:
            extra["client_id"] = job.client_id
        found |= {
            "outputs": job.outputs,
            "execution_status": execution_status(job),
            "workflow": {"prompt": job.prompt, "extra_data": extra},
        }
    return JSONResponse(found)


async def cancel_job(request: Request) -> Response:
    """Stop one job, waiting or running; `cancelled` is false when there is nothing to stop."""
    scheduler, user = server_of(request).scheduler, user_of(request)
    return JSONResponse({"cancelled": scheduler.cancel(user, request.path_params["job_id"])})


async def cancel_jobs(request: Request) -> Response:
    """Stop several jobs; `cancelled` says whether any was stopped."""
    try:
        ids = (await read_json(request)).get("job_ids")
    except Refused as error:
        ids = None
        if error.code == "INVALID_JSON":
            return _bad("Invalid JSON")
    if not isinstance(ids, list):
        return _bad("job_ids must be a list")
    if wrong := [id for id in ids if not (isinstance(id, str) and is_uuid(id))]:
        return _bad("job_ids contains invalid id(s)", invalid_ids=wrong)
    scheduler, user = server_of(request).scheduler, user_of(request)
    stopped = [scheduler.cancel(user, id) for id in ids]
    return JSONResponse({"cancelled": any(stopped)})


def entry(job: Job) -> dict[str, Any]:
    """A job as the list has it."""
    files = files_of(job.outputs)
    previewable = [file for file in files if file[1] in _PREVIEWABLE]
    found: dict[str, Any] = {
        "id": job.id,
        "status": "failed" if job.status is JobStatus.lost else str(job.status),
        "priority": job.place,
        "create_time": job.created,
    }
    if job.started is not None and job.status.is_final:
        found |= {"execution_start_time": job.started, "execution_end_time": job.ended}
    if (error := execution_error(job)) is not None:
        found["execution_error"] = error
    found |= {"outputs_count": _count(job), "previewable_outputs_count": len(previewable)}
    if (preview := _preview(job)) is not None:
        found["preview_output"] = preview
    if job.workflow_id is not None:
        found["workflow_id"] = job.workflow_id
    return found


def _count(job: Job) -> int:
    texts = sum(len(output.get("text") or ()) for output in job.outputs.values() if isinstance(output, dict))
    return len(files_of(job.outputs)) + texts


def _preview(job: Job) -> dict[str, Any] | None:
    """A saved file if there is one, else any file, else a text."""
    files = files_of(job.outputs)
    kept = [file for file in files if file[2].get("type") == "output"]
    for node_id, key, item in kept or files:
        return {**item, "nodeId": node_id, "mediaType": key}
    for node_id, output in job.outputs.items():
        for text in output.get("text") or ():
            return {"content": text, "nodeId": node_id, "mediaType": "text"}
    return None


def _number(text: str | None, least: int) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and least <= int(text) < 10**12 else None


def _bad(message: str, **more: Any) -> Response:
    return JSONResponse({"error": message, **more}, status_code=400)
