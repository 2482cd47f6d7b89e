from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.frames import PreviewImage, TextFrame, decode_frame
from comfy_notebook.protocol.messages import (
    Executed,
    Executing,
    ExecutionCached,
    ExecutionStart,
    ExecutionSuccess,
    Progress,
    Status,
    decode_message,
)
from comfy_notebook.protocol.status import JobStatus
from tests.recorded import frames, messages

TITLES = {str(n): f"Node {n}" for n in range(3, 10)}


def replay(recording: str, titles: dict[str, str] = TITLES) -> list[JobState]:
    """The states of the recording's first job, one an event, a tenth of a second apart."""
    events = [decode_message(message) for message in messages(recording)]
    job_id = next(e.prompt_id for e in events if isinstance(e, ExecutionStart))
    first = JobState(job_id=job_id, titles=titles, submitted_at=0.0)
    clock = itertools.count(1)
    return list(itertools.accumulate(events, lambda s, e: s.after(e, next(clock) / 10), initial=first))


def test_a_recorded_run_from_start_to_end() -> None:
    states = replay("txt2img_meta")
    last = states[-1]
    assert last.status is JobStatus.completed
    assert last.fraction == 1.0
    assert last.outputs["9"]["images"][0]["filename"].endswith(".png")
    assert [
        s.step[0] for s, before in zip(states[1:], states, strict=False) if s.step and s.step != before.step
    ][-1] == 20


def test_progress_never_goes_back() -> None:
    fractions = [s.fraction for s in replay("txt2img_meta")]
    assert fractions == sorted(fractions)


def test_cached_nodes_are_taken_out_of_the_whole() -> None:
    state = JobState(job_id="p", titles=TITLES).after(ExecutionCached(("4", "5", "6", "7"), "p"), 1.0)
    state = state.after(Executing("3", "3", "p"), 1.0).after(Progress(10, 20, "3", "p"), 2.0)
    assert state.fraction == 0.5 / 3


def test_an_error_keeps_its_node() -> None:
    state = replay("exec_error")[-1]
    assert state.status is JobStatus.failed
    assert state.error is not None
    assert state.node == state.error.node_id


def test_an_interrupt_is_a_cancellation() -> None:
    assert replay("interrupt_mid")[-1].status is JobStatus.cancelled


def test_frames_of_another_job_change_nothing() -> None:
    state = JobState(job_id="ours", titles=TITLES)
    assert state.after(Executing("3", "3", "theirs"), 1.0) is state
    preview = decode_frame(frames("txt2img_meta")[0][0])
    assert isinstance(preview, PreviewImage)
    assert state.after(preview, 1.0) is state


def test_the_newest_preview_of_each_node_is_kept() -> None:
    a, b, c = (
        PreviewImage(bytes([n]), "image/jpeg", node, "p") for n, node in ((1, "3"), (2, "8"), (3, "3"))
    )
    state = JobState(job_id="p")
    for frame in (a, b, c):
        state = state.after(frame, 1.0)
    assert state.preview is c
    assert dict(state.previews) == {"8": b, "3": c}
    assert state.preview_count == 3


def test_what_has_ended_stays_ended_but_late_outputs_count() -> None:
    state = JobState(job_id="p").after(ExecutionSuccess("p"), 1.0)
    state = state.after(Executing("3", "3", "p"), 2.0).after(ExecutionStart("p"), 2.0)
    assert state.status is JobStatus.completed
    late = state.after(Executed("9", "9", {"images": []}, "p"), 3.0)
    assert late.outputs == {"9": {"images": []}}


def test_text_frames_and_the_queue() -> None:
    state = JobState(job_id="p").after(TextFrame("2", "width: 96"), 0.0).after(Status(queue_remaining=3), 0.0)
    assert state.texts == {"2": "width: 96"}
    assert state.queue_remaining == 3


def test_a_node_inside_a_subgraph_goes_by_its_parents_title() -> None:
    state = JobState(titles={"12": "Upscale", "12:5": "Inner"})
    assert state.title("12:5") == "Inner"
    assert state.title("12:7:1") == "Upscale"
    assert state.title("99") == "99"


def test_times() -> None:
    state = JobState(job_id="p", titles={"3": "KSampler"}, submitted_at=0.0).after(ExecutionStart("p"), 10.0)
    state = state.after(Executing("3", "3", "p"), 10.0).after(Progress(5, 20, "3", "p"), 15.0)
    assert state.elapsed(15.0) == 5.0
    assert state.rate(15.0) == 1.0
    assert state.remaining(15.0) == 15.0
    assert state.after(ExecutionSuccess("p"), 30.0).elapsed(99.0) == 20.0


@given(st.lists(st.sampled_from(messages()), max_size=40))
def test_any_order_of_messages_is_survived(shuffled: list[dict[str, object]]) -> None:
    state = JobState(titles=TITLES)
    for n, message in enumerate(shuffled):
        state = state.after(decode_message(message), float(n))
        assert 0.0 <= state.fraction <= 1.0
