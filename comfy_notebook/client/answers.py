"""What servers answer about jobs and queues ▶ the records of `records`; both dialects share these forms.

Sources: the Cloud API reference and its OpenAPI contract; recordings of ComfyUI 0.3.64 and 0.33.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..protocol.messages import ExecutionError, decode_message
from ..protocol.status import JobStatus, parse_status
from ..text import MASK
from .records import JobPage, JobRecord, QueuedJob, QueueInfo, seconds_of, title_of


def queue_of(body: Any) -> QueueInfo:
    """The answer of `GET /api/queue`.

    ComfyUI lists `[n, id, graph, extra_data, outputs]` in heap order, the Cloud `[n, id, graph,
    outputs, meta]`: sorted by `n`, both are in the order they will run.
    """
    body = body if isinstance(body, Mapping) else {}

    def entries(key: str) -> list[list[Any]]:
        listed = body.get(key)
        found = [x for x in listed if isinstance(x, list) and len(x) >= 2] if isinstance(listed, list) else []
        return sorted(found, key=lambda x: x[0] if isinstance(x[0], (int, float)) else 0)

    def job(entry: list[Any], position: int) -> QueuedJob:
        graph = entry[2] if len(entry) > 2 and isinstance(entry[2], Mapping) else None
        return QueuedJob(str(entry[1]), position, graph, title_of(graph))

    return QueueInfo(
        running=[job(entry, 0) for entry in entries("queue_running")],
        pending=[job(entry, n) for n, entry in enumerate(entries("queue_pending"), 1)],
    )


def queued_record(job: QueuedJob) -> JobRecord:
    """The record of a job in the queue."""
    status = JobStatus.pending if job.position else JobStatus.in_progress
    return JobRecord(
        job.id, status, raw_status=status.value, workflow=job.workflow, position=job.position or None
    )


def execution_error(data: Any) -> ExecutionError | None:
    """The error in a record, which holds the data of an `execution_error` message."""
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            return ExecutionError(exception_message=str(data))
    if not isinstance(data, Mapping) or not data:
        return None
    event = decode_message({"type": "execution_error", "data": data})
    return event if isinstance(event, ExecutionError) else None


def node_outputs(value: Any) -> dict[str, Mapping[str, Any]]:
    """The `outputs` of a record by node id, without entries that are not objects."""
    if not isinstance(value, Mapping):
        return {}
    return {str(node_id): out for node_id, out in value.items() if isinstance(out, Mapping)}


def graph_of(workflow: Any) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    """(graph, extra_data) of a record's `workflow`, in any of the forms observed.

    ComfyUI's jobs: `{"prompt": graph, "extra_data": …}`; the deprecated history: `{"prompt":
    {"prompt": graph, …}}`; a bare graph is taken as it is.
    """
    extra: Mapping[str, Any] = {}
    for _ in range(3):
        if not isinstance(workflow, Mapping):
            return None, extra
        if isinstance(found := workflow.get("extra_data"), Mapping):
            extra = extra_of(found)
        if isinstance(inner := workflow.get("prompt"), Mapping):
            workflow = inner
            continue
        nodes = [node for node in workflow.values() if isinstance(node, Mapping) and "class_type" in node]
        return (workflow if nodes else None), extra
    return None, extra


def extra_of(data: Any) -> dict[str, Any]:
    """A record's `extra_data` with its partner keys masked: some servers return them."""
    return {
        name: MASK if str(name).startswith(("api_key", "auth_token")) else value
        for name, value in (data.items() if isinstance(data, Mapping) else ())
    }


def record_of(body: Mapping[str, Any], job_id: str | None = None) -> JobRecord:
    """One entry of `/api/jobs`, or the whole of `/api/jobs/{id}`, of the Cloud and of newer ComfyUI."""
    graph, extra = graph_of(body.get("workflow"))
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
        outputs=node_outputs(body.get("outputs")),
        error=execution_error(body.get("execution_error")),
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


def history_record(job_id: str, entry: Mapping[str, Any]) -> JobRecord:
    """One entry of `/api/history`; its messages tell how the job ended."""
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
        outputs=node_outputs(entry.get("outputs")),
        error=execution_error(messages.get("execution_error")),
        workflow=saved[2] if len(saved) > 2 and isinstance(saved[2], Mapping) else None,
        extra_data=extra_of(saved[3] if len(saved) > 3 else None),
        display=_display(entry.get("meta")),
    )


def _display(meta: Any) -> dict[str, str]:
    """The visible node of each node in a history's `meta`."""
    if not isinstance(meta, Mapping):
        return {}
    return {
        str(node_id): str(found["display_node"])
        for node_id, found in meta.items()
        if isinstance(found, Mapping) and found.get("display_node") is not None
    }
