"""The queue, and stopping what is in it: `/api/queue`, `/api/interrupt`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..http import Refused, read_json, server_of, user_of
from ..jobs import Job
from .jobs import shown_extra_data


async def get_queue(request: Request) -> Response:
    """The user's running and waiting jobs, as tuples."""
    server, user = server_of(request), user_of(request)
    item = local_item if server.options.dialect == "comfyui" else cloud_item
    return JSONResponse(
        {
            "queue_running": [item(job) for job in server.scheduler.running(user)],
            "queue_pending": [item(job) for job in server.scheduler.pending(user)],
        }
    )


async def post_queue(request: Request) -> Response:
    """Cancel jobs by id, or all that wait.

    The contract lets `delete` reach waiting jobs only; the reference's page and the newer specification
    let it stop running ones too, and so does this. On ComfyUI a running job is left alone.
    """
    server, user = server_of(request), user_of(request)
    body = await manage_request(request)
    cleared = body.get("clear") is True
    deleted = server.scheduler.clear(user) if cleared else []
    for id in body.get("delete") or ():
        if server.scheduler.cancel(user, id, running=server.options.dialect == "cloud"):
            deleted.append(id)
    if server.options.dialect == "comfyui":
        return Response()
    return JSONResponse({"deleted": deleted, "cleared": cleared})


async def post_interrupt(request: Request) -> Response:
    """Stop the user's running jobs, or the one whose `prompt_id` the body names.

    The contract knows no body; the newer specification has `prompt_id`, and 404 when it is unknown. On
    ComfyUI a wrong id does nothing (queue_ops recording).
    """
    server, user = server_of(request), user_of(request)
    body = await read_json(request, empty={})
    id = body.get("prompt_id")
    if id is not None and not isinstance(id, str):
        raise Refused(400, "prompt_id must be a job id.")
    known = server.jobs.standing(user, id) if id is not None else None
    if id is not None and known is None and server.options.dialect == "cloud":
        raise Refused(404, "There is no such job.", "JOB_NOT_FOUND")
    server.scheduler.interrupt(user, id)
    return Response()


async def manage_request(request: Request) -> dict[str, Any]:
    """A body of `{"delete": [ids], "clear": bool}`, checked."""
    body = await read_json(request)
    strict = server_of(request).options.dialect == "cloud"
    unknown = sorted(body.keys() - {"delete", "clear"}) if strict else []
    if unknown:
        raise Refused(400, f"Unknown field {unknown[0][:40]!r}; only delete and clear are allowed.")
    delete, clear = body.get("delete"), body.get("clear")
    if "delete" in body and not (isinstance(delete, list) and all(isinstance(id, str) for id in delete)):
        raise Refused(400, "delete must be a list of job ids.")
    if "clear" in body and not isinstance(clear, bool):
        raise Refused(400, "clear must be true or false.")
    return body


def cloud_item(job: Job) -> list[Any]:
    """[number, id, graph, outputs, metadata]: the Cloud's order."""
    meta = {"create_time": job.created, "extra_data": shown_extra_data(job)}
    return [job.number, job.id, job.prompt, list(job.targets), meta]


def local_item(job: Job) -> list[Any]:
    """[number, id, graph, extra_data, outputs]: ComfyUI's order."""
    extra = shown_extra_data(job) | ({"client_id": job.client_id} if job.client_id is not None else {})
    extra["create_time"] = job.created
    return [job.place, job.id, job.prompt, extra, list(job.targets)]
