"""`POST /api/prompt`: check a graph, and queue it. `GET /api/prompt`: how much is queued.

Refusals have ComfyUI's shape, `{"error": {type, message, details, extra_info}, "node_errors"}`, also for
the account's own reasons; 402 and 429 are told apart by `error.type`.
"""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
import uuid
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..accounts import Account
from ..http import Refused, account_of, read_json, server_of, user_of
from ..jobs import Job
from ..refusals import refusal
from ..server import Server
from ..validation import Verdict, validate_prompt

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LARGE = 200  # nodes; a larger graph is checked off the loop


async def post_prompt(request: Request) -> Response:
    """Check and queue a graph."""
    server, account = server_of(request), account_of(request)
    try:
        body = await read_json(request)
        _check_body(body)
    except Refused as error:
        kind = {413: "request_too_large"}.get(error.status, "invalid_request")
        return JSONResponse(refusal(kind, error.message), status_code=error.status)
    if (denied := _denied(server, account)) is not None:
        return denied
    if not isinstance(body.get("prompt"), dict):
        return JSONResponse(refusal("no_prompt", "No prompt provided", "No prompt provided"), status_code=400)
    if server.options.dialect == "comfyui" and not _good_prompt_id(body.get("prompt_id")):
        details = "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
        details += "omit it to let the server generate one"
        bad_id = refusal("invalid_prompt_id", "prompt_id must be a valid UUID", details)
        return JSONResponse(bad_id, status_code=400)
    verdict = await _verdict(server, account.user, body)
    if verdict.error is not None:
        return JSONResponse(verdict.body, status_code=400)
    try:
        job = server.jobs.add(_job(server, account, body, verdict), cost=int(account.credits is not None))
    except (OSError, sqlite3.OperationalError) as error:
        said = getattr(error, "strerror", None) or error
        return _refuse(503, "storage_failure", f"The server cannot write to its data directory: {said}.")
    server.scheduler.submit(job)
    return JSONResponse({"prompt_id": job.id, "number": job.place, "node_errors": dict(verdict.node_errors)})


async def get_prompt(request: Request) -> Response:
    """How many jobs of the user run and wait."""
    remaining = server_of(request).scheduler.remaining(user_of(request))
    return JSONResponse({"exec_info": {"queue_remaining": remaining}})


def _check_body(body: dict[str, Any]) -> None:
    shapes: dict[str, tuple[type, ...]] = {
        "extra_data": (dict,), "partial_execution_targets": (list,), "front": (bool,), "number": (int, float),
    }  # fmt: skip
    for name, shape in shapes.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, shape) or (name == "number" and value is True)):
            raise Refused(400, f"{name} must be {'a number' if name == 'number' else shape[0].__name__}.")
    targets = body.get("partial_execution_targets")
    if targets is not None and not all(isinstance(target, str) for target in targets):
        raise Refused(400, "partial_execution_targets must be a list of node ids.")
    number = body.get("number")
    if number is not None and not math.isfinite(number if abs(number) < 1e300 else math.inf):
        raise Refused(400, "number is out of range.")


def _denied(server: Server, account: Account) -> Response | None:
    """The account's reason not to take this submission, if there is one."""
    if account.outage is not None:
        return _refuse(account.outage, "internal_error", "This account is set up to meet an outage.")
    if account.status != "active":
        return _refuse(429, "FREE_TIER_UNAVAILABLE", f"This account is {account.status}.")
    if account.subscription != "active":
        return _refuse(429, "CLOUD_SUBSCRIPTION_REQUIRED", "The subscription of this account is not active.")
    if account.credits is not None and server.jobs.spent(account.user) >= account.credits:
        return _refuse(402, "PAYMENT_REQUIRED", "This account has no credits left.")
    wait = server.accounts.admit(account)
    if wait is not None:
        response = _refuse(429, "QUEUE_LIMIT", "Too many submissions; try again later.")
        response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
        return response
    return None


def _refuse(status: int, type: str, message: str) -> Response:
    return JSONResponse(refusal(type, message), status_code=status)


async def _verdict(server: Server, user: str, body: dict[str, Any]) -> Verdict:
    nodes, files = await server.nodes.get(), server.files(user)
    targets = body.get("partial_execution_targets")

    def check() -> Verdict:
        return validate_prompt(body["prompt"], nodes, files, targets=targets)

    return await asyncio.to_thread(check) if len(body["prompt"]) > _LARGE else check()


def _job(server: Server, account: Account, body: dict[str, Any], verdict: Verdict) -> Job:
    extra = dict(body.get("extra_data") or {})
    workflow_id = body.get("workflow_id") or _workflow_id(extra)
    job = Job(
        id=str(uuid.uuid4()), user=account.user, number=0, prompt=body["prompt"], targets=verdict.outputs,
        extra_data=extra, workflow_id=workflow_id if isinstance(workflow_id, str) else None,
    )  # fmt: skip
    if server.options.dialect == "cloud":
        return job
    return _local(job, body)


def _good_prompt_id(given: Any) -> bool:
    return given is None or (isinstance(given, str) and is_uuid(given))


def _local(job: Job, body: dict[str, Any]) -> Job:
    """What ComfyUI honours and the Cloud ignores: the client's ids, and its place in the queue."""
    prompt_id, client_id, number = body.get("prompt_id"), body.get("client_id"), body.get("number")
    return replace(
        job,
        id=str(prompt_id) if prompt_id is not None else job.id,
        client_id=str(client_id) if client_id is not None else None,
        priority=float(number) if number is not None else None,
        front=bool(body.get("front")),
    )


def _workflow_id(extra_data: dict[str, Any]) -> Any:
    pnginfo = extra_data.get("extra_pnginfo")
    workflow = pnginfo.get("workflow") if isinstance(pnginfo, dict) else None
    return workflow.get("id") if isinstance(workflow, dict) else None


def is_uuid(text: str) -> bool:
    """Whether this is a UUID written the canonical way."""
    return bool(_UUID.fullmatch(text))
