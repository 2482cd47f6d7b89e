"""The status words of all servers as one `JobStatus`.

| here          | reference    | ComfyUI queue, history        | ComfyUI jobs | Cloud, raw                                   | v2        |
|---------------|--------------|-------------------------------|--------------|----------------------------------------------|-----------|
| pending       | pending      | in queue_pending              | pending      | submitted, queued_*, allocated, preparing, … | queued    |
| in_progress   | in_progress  | in queue_running              | in_progress  | executing, executed                          | running   |
| completed     | completed    | status_str success            | completed    | success                                      | succeeded |
| failed        | failed       | error + execution_error       | failed       | error, non_retryable_error                   | failed    |
| cancelled     | cancelled    | error + execution_interrupted | cancelled    | cancelled                                    | canceled  |
| lost          |              | in none of them               |              | lost                                         | expired   |

An unknown word means that the job has not ended: servers add states, and only the terminal ones are
documented reliably (the Cloud's published enum for /api/job/{id}/status is not what it sends).
"""  # noqa: E501

from __future__ import annotations

from enum import Enum


class JobStatus(str, Enum):
    """The status of a job; equal to, and printed as, its own word."""

    pending = "pending"
    in_progress = "in_progress"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    lost = "lost"

    def __str__(self) -> str:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self not in (JobStatus.pending, JobStatus.in_progress)


_WORDS = {
    JobStatus.pending: (
        "pending queued submitted waiting_to_dispatch queued_limited queued_waiting "
        "allocated preparing pending_execution"
    ),
    # A job that is being cancelled or is failing counts as in progress until its record is final.
    JobStatus.in_progress: (
        "in_progress running executing executed erroring cancel_requested cancel_pending "
        "cancelling_preparing cancelling canceling"
    ),
    JobStatus.completed: "completed success succeeded",
    JobStatus.failed: "failed error non_retryable_error",
    JobStatus.cancelled: "cancelled canceled interrupted",
    JobStatus.lost: "lost expired",
}
_BY_WORD = {word: status for status, words in _WORDS.items() for word in words.split()}


def is_known(word: object) -> bool:
    """Whether any server uses this word."""
    return isinstance(word, str) and word.lower() in _BY_WORD


def parse_status(word: object) -> JobStatus:
    """The `JobStatus` of a server's word; an unknown word means in progress."""
    return (
        _BY_WORD.get(word.lower(), JobStatus.in_progress) if isinstance(word, str) else JobStatus.in_progress
    )
