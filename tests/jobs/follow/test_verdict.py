"""The error that a job ends with, made from its record and what events told."""

from __future__ import annotations

from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook.client.records import JobRecord
from comfy_notebook.errors import DownloadFailed
from comfy_notebook.jobs.follow import verdict
from comfy_notebook.jobs.outputs import Output
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.messages import ExecutionError
from comfy_notebook.protocol.status import JobStatus

URL = "http://127.0.0.1:8188"


def failed(error: ExecutionError | None = None, message: str = "", **titles: str) -> comfy.JobFailed:
    record = JobRecord("j", JobStatus.failed, error=error, message=message)
    return verdict.failure("j", record, JobState(titles=titles or {"3": "Sampler"}))


def raised(**fields: Any) -> comfy.JobFailed:
    return failed(ExecutionError(**{"node_id": "3", "node_type": "KSampler", **fields}))


def test_the_fields_of_a_failure() -> None:
    error = raised(
        exception_message="no memory left\n",
        exception_type="torch.OutOfMemoryError",
        traceback=("line 1\n", "line 2"),
        current_inputs={"steps": [20]},
    )
    assert type(error) is comfy.OutOfMemory
    assert (error.message, error.job_id, error.node_id) == ("no memory left", "j", "3")
    assert (error.node_title, error.class_type) == ("Sampler", "KSampler")
    assert (error.exception_type, error.traceback) == ("torch.OutOfMemoryError", "line 1\nline 2\n")
    assert error.inputs == {"steps": 20}
    assert "smaller" in error.hint


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("ValidationError", comfy.ValidationFailed),
        ("ModelDownloadError", comfy.ModelDownloadFailed),
        ("ImageDownloadError", comfy.ImageDownloadFailed),
        ("OOMError", comfy.OutOfMemory),
        ("InsufficientFundsError", comfy.InsufficientFunds),
        ("InactiveSubscriptionError", comfy.InactiveSubscription),
        ("builtins.ValueError", comfy.JobFailed),
        ("", comfy.JobFailed),
    ],
)
def test_the_class_of_a_failure(word: str, kind: type[comfy.JobFailed]) -> None:
    assert type(raised(exception_type=word, exception_message="no")) is kind


def test_a_failure_without_an_error() -> None:
    assert failed().message == "the server gave no reason."
    assert failed().hint == "The server's log may say more."
    assert (failed(message="disk full").message, failed(message="disk full").hint) == ("disk full", "")
    assert raised(exception_type="X").message == "no message"


def test_the_records_error_comes_before_the_events() -> None:
    heard = ExecutionError(node_id="3", exception_message="heard")
    state = JobState(titles={"3": "Sampler"}, error=heard)
    record = JobRecord("j", JobStatus.failed, error=ExecutionError(node_id="3", exception_message="recorded"))
    assert verdict.failure("j", record, state).message == "recorded"
    assert verdict.failure("j", JobRecord("j", JobStatus.failed), state).message == "heard"
    assert verdict.failure("j", None, state).message == "heard"


@pytest.mark.parametrize(
    "name", ["api_key_comfy_org", "MY_API_KEY", "auth_token", "password", "client_secret"]
)
def test_a_secret_named_by_its_input_is_masked(name: str) -> None:
    """Its value looks like nothing in particular: only the input's name tells."""
    error = raised(exception_message="no", current_inputs={name: ["hunter2"], "seed": [7]})
    assert error.inputs == {name: "[redacted]", "seed": 7}
    assert "hunter2" not in f"{error} {error!r} {error.__dict__}"


def test_inputs_are_shortened() -> None:
    values = {"image": ["tensor " * 1000], "n": [3], "x": [0.5], "on": [True], "none": [None], "two": [1, 2]}
    inputs = raised(current_inputs=values).inputs
    assert len(inputs.pop("image")) <= 200
    assert inputs == {"n": 3, "x": 0.5, "on": True, "none": None, "two": "[1, 2]"}


def check(status: JobStatus, *outputs: Output, message: str = "") -> None:
    verdict.check("j", URL, JobRecord("j", status, message=message), JobState(), outputs)


def file(error: comfy.ComfyError | None = None) -> Output:
    output = Output(node_id="9", kind="image", filename="a.png")
    output.error = error
    return output


def test_jobs_without_a_result() -> None:
    with pytest.raises(comfy.JobFailed):
        check(JobStatus.failed)
    with pytest.raises(comfy.JobCancelled, match="Job j was cancelled"):
        check(JobStatus.cancelled)
    with pytest.raises(comfy.JobLost, match=rf"{URL} lost job j \(machine gone\)\. Run it again"):
        check(JobStatus.lost, message="machine gone")
    with pytest.raises(comfy.JobLost, match=rf"{URL} lost job j\."):
        check(JobStatus.lost)


def test_a_success_with_no_file_downloaded_is_none() -> None:
    text = Output(node_id="1", kind="text", text="hello")
    gone = DownloadFailed("a.png is gone.")
    check(JobStatus.completed)
    check(JobStatus.completed, text)
    check(JobStatus.completed, file(gone), file())
    with pytest.raises(comfy.DownloadFailed, match=r"none of its 2 files .* a\.png is gone"):
        check(JobStatus.completed, text, file(gone), file(gone))


def test_the_other_ends_of_following() -> None:
    assert "no longer knows job j" in str(verdict.vanished(URL, "j"))
    assert "'odd' for 5 s" in str(verdict.stalled("j", "odd", 5.0))
    assert "stopped answering" in str(verdict.unreachable(URL, "j", comfy.ConnectionFailed("refused")))
    assert "lists no outputs" in str(verdict.without_outputs(URL, "j"))
    for error in (verdict.vanished(URL, "j"), verdict.stalled("j", "odd", 5.0), verdict.cancelled("j")):
        assert error.job_id == "j"
