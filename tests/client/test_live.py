"""Events reach the follower of their job, also those that come before the answer to its submission."""

from __future__ import annotations

from comfy_notebook.client.live import LiveJobs
from comfy_notebook.client.records import QueueInfo
from comfy_notebook.client.socket import Attribution
from comfy_notebook.protocol.frames import PreviewImage
from comfy_notebook.protocol.messages import Event, Executing, ExecutionStart, Progress, Status


class Listening:
    """A follower that only keeps what it hears."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.heard: list[Event] = []

    def hear(self, event: Event) -> None:
        self.heard.append(event)

    def start(self) -> None: ...

    def ask(self) -> None: ...

    def poll_soon(self) -> None: ...

    def abandon(self) -> None: ...

    async def cancel(self) -> bool:
        return False


async def _empty_queue() -> QueueInfo:
    return QueueInfo()


def live_jobs() -> LiveJobs:
    """Without an event source: the tests deliver."""
    return LiveJobs(lambda deliver, resync: None, _empty_queue)


def test_executing_after_a_reconnect_names_no_job() -> None:
    """The only followed job is meant: ComfyUI sends this to the client whose job runs."""
    live, job = live_jobs(), Listening("job")
    live.follow(job)
    live.deliver(Attribution().complete(Executing("3")))
    assert job.heard == [Executing("3")]
    other = Listening("another")
    live.follow(other)
    live.deliver(Executing("3"))
    assert len(job.heard) == 1, "with two jobs it could be either's"
    assert other.heard == []


def test_frames_that_come_before_the_answer_are_kept() -> None:
    live, job = live_jobs(), Listening("job")
    live.deliver(ExecutionStart("long-gone"))
    with live.submitting():
        live.deliver(Status(1))
        live.deliver(ExecutionStart("job"))
        live.deliver(ExecutionStart("foreign"))
        live.deliver(Progress(1, 2, "3", "job"))
        live.follow(job)
    assert job.heard == [Status(1), ExecutionStart("job"), Progress(1, 2, "3", "job")]
    assert not live._early


def test_what_is_kept_is_bounded() -> None:
    live = live_jobs()
    with live.submitting():
        for _ in range(100):
            live.deliver(PreviewImage(b"x" * 2**20, prompt_id="foreign", metadata={}))
        assert 0 < live._early_bytes <= 16 * 2**20
        assert 0 < len(live._early) <= 16


def test_a_job_that_has_ended_hears_nothing() -> None:
    live, job = live_jobs(), Listening("job")
    live.follow(job)
    live.forget(job)
    live.deliver(ExecutionStart("job"))
    assert job.heard == []
    assert "job" not in live
    assert live.job_ids == ["job"]


def test_without_an_event_source_nothing_is_alive() -> None:
    live = live_jobs()
    assert not live.alive
    assert (live.generation, live.flags, live.last_error) == (0, {}, "")
    live.follow(Listening("job"))
    assert not live.alive
