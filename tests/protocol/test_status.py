from __future__ import annotations

import pytest

from comfy_notebook.protocol.status import JobStatus, is_known, parse_status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", JobStatus.pending),
        ("in_progress", JobStatus.in_progress),
        ("completed", JobStatus.completed),
        ("failed", JobStatus.failed),
        ("cancelled", JobStatus.cancelled),
        ("waiting_to_dispatch", JobStatus.pending),
        ("queued_limited", JobStatus.pending),
        ("executing", JobStatus.in_progress),
        ("executed", JobStatus.in_progress),
        ("success", JobStatus.completed),
        ("error", JobStatus.failed),
        ("non_retryable_error", JobStatus.failed),
        ("lost", JobStatus.lost),
        ("canceled", JobStatus.cancelled),
        ("succeeded", JobStatus.completed),
        ("expired", JobStatus.lost),
    ],
)
def test_every_vocabulary(word: str, status: JobStatus) -> None:
    assert parse_status(word) is status
    assert is_known(word)


@pytest.mark.parametrize("word", ["erroring", "cancel_requested", "cancel_pending", "cancelling_preparing"])
def test_an_ending_is_not_an_end(word: str) -> None:
    assert not parse_status(word).is_final


@pytest.mark.parametrize("word", ["warming_up", "", None, 3])
def test_an_unknown_word_means_in_progress(word: object) -> None:
    assert parse_status(word) is JobStatus.in_progress
    assert not is_known(word)


def test_a_status_prints_as_its_word() -> None:
    assert f"{JobStatus.completed}" == str(JobStatus.completed) == JobStatus.completed == "completed"
