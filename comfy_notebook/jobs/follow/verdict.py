"""The errors that `result()` raises, made from a job's record and its last state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...client.records import JobRecord
from ...errors import (
    ComfyError,
    ConnectionFailed,
    DownloadFailed,
    ImageDownloadFailed,
    InactiveSubscription,
    InsufficientFunds,
    JobCancelled,
    JobFailed,
    JobLost,
    ModelDownloadFailed,
    OutOfMemory,
    ServerError,
    ValidationFailed,
)
from ...protocol.graph import visible_node
from ...protocol.status import JobStatus
from ...text import clip, redact
from ..outputs import Output
from ..state import JobState

_TYPES: dict[str, tuple[type[JobFailed], str]] = {
    "ValidationError": (ValidationFailed, "Check the workflow's inputs: wf.validate(client.nodes)."),
    "ModelDownloadError": (ModelDownloadFailed, "client.models(folder) lists the models there are."),
    "ImageDownloadError": (
        ImageDownloadFailed,
        "Check the image's address, or upload it: client.upload(path).",
    ),
    "OOMError": (OutOfMemory, "Use smaller images, a smaller batch or a smaller model."),
    "OutOfMemoryError": (OutOfMemory, "Use smaller images, a smaller batch or a smaller model."),
    "InsufficientFundsError": (InsufficientFunds, "Add credits at platform.comfy.org."),
    "InactiveSubscriptionError": (InactiveSubscription, "See the plans at comfy.org/cloud/pricing."),
}


def check(job_id: str, url: str, record: JobRecord, state: JobState, outputs: Sequence[Output]) -> None:
    """Raise the error of a job that ended without a result: any end but success, or no file downloaded."""
    if record.status is JobStatus.failed:
        raise failure(job_id, record, state)
    if record.status is JobStatus.cancelled:
        raise cancelled(job_id)
    if record.status is not JobStatus.completed:
        said = f" ({record.message})" if record.message else ""
        raise JobLost(f"{url} lost job {job_id}{said}.", job_id=job_id, hint="Run it again.")
    files = [output for output in outputs if output.filename is not None]
    if files and all(output.error is not None for output in files):
        first = files[0].error
        raise DownloadFailed(
            f"The job completed, but none of its {len(files)} files could be downloaded: "
            f"{first.message if first is not None else ''}",
            hint="job.outputs lists them; output.bytes tries again.",
        )


def failure(job_id: str, record: JobRecord | None, state: JobState) -> JobFailed:
    """The `JobFailed` (or the subclass its exception type names) of a job that failed."""
    error = (record.error if record is not None else None) or state.error
    if error is None:
        message = record.message if record is not None else ""
        return JobFailed(
            message or "the server gave no reason.",
            job_id=job_id,
            hint="" if message else "The server's log may say more.",
        )
    node_id = None if error.node_id is None else visible_node(error.node_id, state.titles)
    cls, hint = _TYPES.get(error.exception_type.rpartition(".")[2], (JobFailed, ""))
    return cls(
        error.exception_message.strip() or "no message",
        job_id=job_id,
        node_id=node_id,
        node_title=state.title(node_id) or None,
        class_type=error.node_type,
        exception_type=error.exception_type,
        traceback="".join(line if line.endswith("\n") else line + "\n" for line in error.traceback),
        inputs=_inputs(error.current_inputs),
        hint=hint,
    )


def cancelled(job_id: str) -> JobCancelled:
    """The job was cancelled, from here or elsewhere."""
    return JobCancelled(f"Job {job_id} was cancelled.", job_id=job_id)


def vanished(url: str, job_id: str) -> JobLost:
    """The server no longer has a record of the job."""
    return JobLost(
        f"{url} no longer knows job {job_id}: it restarted, or its history was cleared.",
        job_id=job_id,
        hint="Run it again.",
    )


def stalled(job_id: str, word: str, seconds: float) -> JobLost:
    """The job's status has been an unknown word for too long."""
    return JobLost(
        f"Job {job_id} has been {word!r} for {seconds:g} s, a status this version does not know.",
        job_id=job_id,
        hint="comfy.job(id) attaches to it again.",
    )


def unreachable(url: str, job_id: str, error: ComfyError) -> ConnectionFailed:
    """The server has not answered for too long."""
    return ConnectionFailed(
        f"{url} stopped answering while job {job_id} ran ({error.message})",
        hint="If the server comes back, comfy.job(id) attaches to the job again.",
    )


def without_outputs(url: str, job_id: str) -> ServerError:
    """The server says that the job completed, but its record lists no outputs."""
    return ServerError(
        f"{url} says that job {job_id} completed, but lists no outputs.",
        hint="comfy.job(id) asks again.",
    )


def _inputs(values: Mapping[str, Any]) -> dict[str, Any]:
    """The node's inputs, shortened and without secrets: servers send tensors as text, and keys unmasked."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if any(word in name.lower() for word in ("api_key", "auth_token", "password", "secret")):
            value = "[redacted]"
        elif not isinstance(value, (int, float, bool, type(None))):
            value = clip(redact(value), 200)
        out[name] = value
    return out
