"""`POST /api/prompt`, and the queue and history tuples around it: common to both dialects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidWorkflow
from ..protocol.messages import ExecutionError, decode_message
from ..protocol.status import JobStatus
from ..text import MASK
from . import failures
from .records import JobRecord, QueuedJob, QueueInfo, Submission, title_of

if TYPE_CHECKING:
    from .dialect import Request
    from .http import Http


async def send(http: Http, request: Request, extra: Mapping[str, Any]) -> Submission:
    """Submit, and read the answer of both kinds: 200 with `node_errors`, or 400 with all of them."""
    from .dialect import require_job_id

    body: dict[str, Any] = {"prompt": request.graph, "client_id": request.client_id, **extra}
    if request.extra_data:
        body["extra_data"] = request.extra_data
    if request.targets is not None:
        body["partial_execution_targets"] = request.targets
    response = await http.request(
        "POST", "/api/prompt", body=body, accept=(400,), doing="the submission", again=False
    )
    answer = response.json()
    if response.status == 400:
        if isinstance(answer, Mapping) and ("error" in answer or "node_errors" in answer):
            raise failures.invalid_workflow(answer, request.graph)
        error = failures.error_of(response, doing="the submission", url=http.access.url)
        raise InvalidWorkflow("The server refused the workflow.", hint=str(error))
    job_id = require_job_id(answer, http.access.url)
    number = answer.get("number")
    return Submission(
        job_id,
        number if isinstance(number, (int, float)) else None,
        failures.node_problems(answer.get("node_errors"), request.graph, severity="warning"),
    )


def queue_of(body: Any) -> QueueInfo:
    """`GET /api/queue`, whichever tuple the server uses.

    ComfyUI has `[n, id, graph, extra_data, outputs]` in heap order, the Cloud `[n, id, graph,
    outputs, meta]`: sorting by `n` puts both in the order they will run.
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
    """What the queue tells of a job that is in it."""
    status = JobStatus.pending if job.position else JobStatus.in_progress
    return JobRecord(
        job.id, status, raw_status=status.value, workflow=job.workflow, position=job.position or None
    )


def execution_error(data: Any) -> ExecutionError | None:
    """An `execution_error` message's data, wherever a record keeps it."""
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
    """The `outputs` of a record by node id; whatever is no object is left out."""
    if not isinstance(value, Mapping):
        return {}
    return {str(node_id): out for node_id, out in value.items() if isinstance(out, Mapping)}


def graph_of(workflow: Any) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    """(graph, extra_data) of a record's `workflow`, in any of the shapes seen.

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
    """A record's `extra_data` without the partner keys that travel there: some servers give them back."""
    return {
        name: MASK if str(name).startswith(("api_key", "auth_token")) else value
        for name, value in (data.items() if isinstance(data, Mapping) else ())
    }
