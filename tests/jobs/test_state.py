from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.jobs.follow.verdict import failure
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.frames import PreviewImage, TextFrame, decode_frame
from comfy_notebook.protocol.messages import (
    Executed,
    Executing,
    ExecutionCached,
    ExecutionError,
    ExecutionStart,
    ExecutionSuccess,
    NodeProgress,
    Progress,
    ProgressState,
    Status,
    decode_message,
)
from comfy_notebook.protocol.status import JobStatus
from tests.recorded import frames, messages
from tests.replay import load

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
    state = state.after(Executing("3", "3", "p"), 10.0)
    for step in range(1, 6):
        assert state.rate(10.0 + step) == (1.0 if step > 3 else None)
        state = state.after(Progress(step, 20, "3", "p"), 10.0 + step)
    assert state.elapsed(15.0) == 5.0
    assert state.rate(15.0) == 1.0
    assert state.remaining(15.0) is None, "nothing is known of the graph"
    assert state.after(ExecutionSuccess("p"), 30.0).elapsed(99.0) == 20.0


@given(st.lists(st.sampled_from(messages()), max_size=40))
def test_any_order_of_messages_is_survived(shuffled: list[dict[str, object]]) -> None:
    state = JobState(titles=TITLES)
    for n, message in enumerate(shuffled):
        state = state.after(decode_message(message), float(n))
        assert 0.0 <= state.fraction <= 1.0


# -- nodes that expand, and nodes that are blocked (recordings of ComfyUI 0.33) --------------------------


def recorded_run(name: str) -> list[JobState]:
    """The states of a run in tests/data/recordings, one an event."""
    run = load(name).accepted[0]
    events = [decode_message(frame) for _, frame in run.frames if isinstance(frame, dict)]
    titles = {node_id: f"Node {node_id}" for node_id in run.graph or ()}
    first = JobState(job_id=run.job_id, titles=titles, submitted_at=0.0)
    clock = itertools.count(1)
    return list(itertools.accumulate(events, lambda s, e: s.after(e, next(clock) / 10), initial=first))


def test_a_node_that_expands_is_one_node() -> None:
    states = recorded_run("0.33/expanded")
    assert {state.node for state in states} == {None, "1", "2", "3"}
    assert {state.node_title for state in states} == {"", "Node 1", "Node 2", "Node 3"}
    assert states[-1].expanded == {"2"}
    assert states[-1].done == {"1", "2", "3"}
    assert set(states[-1].steps) == {"1", "2", "3"}
    assert list(states[-1].outputs) == ["2.0.0.4", "3"], "by the server's ids: the record has the same"


def test_no_bar_goes_back_in_a_node_that_expands() -> None:
    states = recorded_run("0.33/expanded")
    assert [state.fraction for state in states] == sorted(state.fraction for state in states)
    assert all(state.step is None for state in states), "each inner node would count from 0 again"
    inside = [state for state in states if state.node == "2"]
    assert {state.fraction for state in inside if "2" not in state.done} == {1 / 3}
    assert all("2.0.0.4" in state.outputs for state in inside if "2" in state.done), "its last inner node"


def test_progress_of_an_inner_node_without_its_visible_one() -> None:
    state = JobState(titles={"2": "Loop", "3": "Save"}).after(Progress(1, 3, "2.0.0.1"), 1.0)
    assert (state.node, state.step, state.expanded) == ("2", None, {"2"})


def test_an_override_names_another_visible_node() -> None:
    state = JobState(titles={"2": "Loop", "3": "Save"}).after(Executing("2.0.0.1", "3"), 1.0)
    assert state.node == "3"


def test_a_node_that_starts_again_does_not_take_progress_back() -> None:
    state = JobState(titles={"1": "A", "2": "B", "3": "C"})
    for at, node in enumerate(["1", "2", "1"]):
        state = state.after(Executing(node), float(at))
    assert state.done == {"2"}
    state = state.after(Executing("2"), 4.0)
    assert state.fraction == 1 / 3


def test_previews_and_texts_of_an_inner_node() -> None:
    state = JobState(titles={"2": "Loop"})
    for inner in ("2.0.0.1", "2.0.0.2"):
        state = state.after(PreviewImage(b"x", node_id=inner), 1.0).after(TextFrame(inner, inner), 1.0)
    assert (list(state.previews), dict(state.texts)) == (["2"], {"2": "2.0.0.2"})


def test_a_blocked_node_does_not_end_the_job() -> None:
    states = recorded_run("0.33/blocked")
    assert JobStatus.failed not in {state.status for state in states}
    last = states[-1]
    assert (last.status, last.error) == (JobStatus.completed, None)
    assert [error.exception_message for error in last.blocked] == [
        "Execution Blocked: please connect a mask first"
    ]


def test_a_blocked_node_that_is_reported_twice_counts_once() -> None:
    event = ExecutionError(node_id="3", exception_type="ExecutionBlocked", exception_message="no mask")
    state = JobState(titles={"3": "Save"}).after(event, 1.0).after(event, 2.0)
    assert state.blocked == (event,)


def test_the_error_of_an_inner_node_belongs_to_the_visible_one() -> None:
    event = ExecutionError(node_id="2.0.0.1", exception_type="ValueError", exception_message="no")
    state = JobState(titles={"2": "Loop"}).after(event, 1.0)
    assert (state.status, state.node) == (JobStatus.failed, "2")
    error = failure("j", None, state)
    assert (error.node_id, error.node_title) == ("2", "Loop")


def test_seconds_of_a_job() -> None:
    state = JobState()
    assert state.seconds is None
    state = state.started(2.0).started(3.0)
    assert (state.started_at, state.seconds) == (2.0, None)
    assert state.ended(JobStatus.failed, 5.5).seconds == 3.5


def test_the_number_of_nodes_done_is_no_estimate_of_the_time_left() -> None:
    titles = {str(n): "" for n in range(40)}
    state = JobState(titles=titles).started(0.0).after(Executed("0"), 1.0).after(Executed("1"), 1.0)
    assert (state.fraction, state.remaining(10.0)) == (1 / 20, None)
    assert state.ended(JobStatus.completed, 11.0).remaining(12.0) is None


def test_the_rate_of_steps() -> None:
    state = JobState(titles={"3": "Sampler"}).after(Executing("3"), 1.0)
    assert state.rate(2.0) is None
    state = state.after(Progress(1, 20, "3"), 2.0)
    assert state.rate(3.0) is None, "one step may include loading"
    state = state.after(Progress(4, 20, "3"), 3.0)
    assert state.rate(3.0) == 3.0


def test_elapsed_time_never_runs_backwards() -> None:
    assert JobState().elapsed(5.0) == 0.0
    state = JobState(submitted_at=2.0)
    assert (state.elapsed(5.0), state.elapsed(1.0)) == (3.0, 0.0)
    state = state.started(4.0)
    assert state.elapsed(5.0) == 1.0
    assert state.ended(JobStatus.failed, 7.0).elapsed(99.0) == 3.0


def test_the_current_node_moves_on_when_it_has_finished() -> None:
    """Some servers send `progress_state` alone."""
    state = JobState(titles={"3": "Sampler", "8": "Decode"})
    nodes = {"3": NodeProgress("3", 20, 20, "finished"), "8": NodeProgress("8", 0, 1, "running")}
    state = state.after(ProgressState({"3": NodeProgress("3", 1, 20, "running")}), 1.0)
    assert state.node == "3"
    assert state.after(ProgressState(nodes), 2.0).node == "8"
