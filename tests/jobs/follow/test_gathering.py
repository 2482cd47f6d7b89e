"""The same outputs in the same order, whichever way the server lists them."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import comfy_notebook as comfy
from comfy_notebook.client.answers import history_record, record_of
from comfy_notebook.client.records import JobRecord
from comfy_notebook.jobs.follow.gathering import Outputs
from comfy_notebook.jobs.outputs import Output
from comfy_notebook.jobs.result import Result
from comfy_notebook.protocol.messages import Executed
from comfy_notebook.protocol.status import JobStatus


class Downloads:
    """Gives every file its own name as content."""

    async def fetch(self, filename: str, subfolder: str = "", type: str = "output") -> tuple[bytes, str]:
        return f"{type}/{subfolder}/{filename}".encode(), ""


def gathered(
    graph: dict[str, Any], record: JobRecord, events: list[Executed] | None = None
) -> list[tuple[str, str, int, bytes]]:
    """(node, type, index, content) of the outputs of a job, in order."""

    async def main() -> list[Output]:
        outputs = Outputs(graph, Downloads(), lambda: None)  # type: ignore[arg-type]
        for event in events or []:
            outputs.produced(event)
        await outputs.complete(record, {event.node or "": event.output or {} for event in events or []})
        return outputs.outputs

    return [(o.node_id, o.type, o.index, o.bytes) for o in asyncio.run(main())]


def saves(*node_ids: str) -> dict[str, Any]:
    return {node_id: {"class_type": "SaveImage", "inputs": {}} for node_id in node_ids}


def images(*names: str, type: str = "output") -> dict[str, Any]:
    return {"images": [{"filename": name, "subfolder": "", "type": type} for name in names]}


nodes = st.lists(
    st.tuples(st.integers(1, 40).map(str), st.integers(0, 3), st.sampled_from(["output", "temp"])),
    min_size=1, max_size=8, unique_by=lambda node: node[0],
)  # fmt: skip


@given(nodes, st.randoms(use_true_random=False), st.booleans())
def test_a_shuffled_record_gives_the_same_outputs(
    nodes: list[tuple[str, int, str]], chance: random.Random, heard: bool
) -> None:
    graph = saves(*(node_id for node_id, _, _ in nodes))
    outputs = {
        node_id: images(*(f"{node_id}_{n}.png" for n in range(count)), type=type)
        for node_id, count, type in nodes
    }
    outputs[f"{nodes[0][0]}.0.0.10"] = images("inner_10.png", type="temp")
    outputs[f"{nodes[0][0]}.0.0.9"] = images("inner_9.png", type="temp")
    listed = list(outputs.items())
    chance.shuffle(listed)
    events = [Executed(node_id, None, out, "j") for node_id, out in listed] if heard else []
    chance.shuffle(listed)
    entry = {"outputs": dict(listed), "status": {"status_str": "success", "completed": True}}
    body = {"id": "j", "status": "completed", "outputs": dict(listed)}

    straight = gathered(graph, JobRecord("j", JobStatus.completed, outputs=outputs))
    assert gathered(graph, history_record("j", entry), events) == straight
    assert gathered(graph, record_of(body), events) == straight
    places = [list(graph).index(node_id) for node_id, _, _, _ in straight]
    assert places == sorted(places)
    inner = [content for _, _, _, content in straight if b"inner" in content]
    assert inner == [b"temp//inner_9.png", b"temp//inner_10.png"], "by number, not by letter"


def test_the_order_is_that_of_the_file() -> None:
    graph = saves("9", "4", "10", "2")
    outputs = {node_id: images(f"{node_id}.png") for node_id in ("10", "2", "4", "9")}
    found = gathered(graph, JobRecord("j", JobStatus.completed, outputs=outputs))
    assert [node_id for node_id, *_ in found] == ["9", "4", "10", "2"]


def test_history_says_which_node_an_inner_one_belongs_to() -> None:
    """A node pack may name another visible node than the one that expanded."""
    entry = {
        "outputs": {"2.0.0.1": images("a.png")},
        "status": {"status_str": "success"},
        "meta": {"2.0.0.1": {"node_id": "2.0.0.1", "display_node": "3", "parent_node": "2"}},
    }
    assert [node for node, *_ in gathered(saves("2", "3"), history_record("j", entry))] == ["3"]
    event = Executed("2.0.0.1", "3", images("a.png"), "j")
    bare = JobRecord("j", JobStatus.completed, outputs=entry["outputs"])
    assert [node for node, *_ in gathered(saves("2", "3"), bare, [event])] == ["3"]


@pytest.mark.parametrize("status", [JobStatus.failed, JobStatus.cancelled])
def test_what_events_announced_is_kept_when_a_job_does_not_complete(status: JobStatus) -> None:
    """The record of a failed job may lack what its earlier nodes made."""
    events = [Executed("2", "2", images("early.png"), "j")]
    found = gathered(saves("2", "3"), JobRecord("j", status, outputs={"3": images("b.png")}), events)
    assert found == [("2", "output", 0, b"output//early.png"), ("3", "output", 0, b"output//b.png")]


def test_a_completed_record_decides() -> None:
    events = [Executed("2", "2", images("gone.png"), "j")]
    record = JobRecord("j", JobStatus.completed, outputs={"2": images("kept.png")})
    assert gathered(saves("2"), record, events) == [("2", "output", 0, b"output//kept.png")]
    empty = JobRecord("j", JobStatus.completed)
    assert gathered(saves("2"), empty, events) == [("2", "output", 0, b"output//gone.png")]


# -- recordings of ComfyUI 0.33 -----------------------------------------------------------------------


def _submit(replay: Any, recording: str) -> tuple[Any, comfy.Job]:
    server, client = replay(recording)
    for name, type in (("ComfyUI_temp_gqijh_00001_.png", "temp"), ("x_00001_.png", "output")):
        # The recorder fetched no files of this run.
        key = (("filename", name), ("subfolder", ""), ("type", type))
        server.recording.files.setdefault(key, (b"a picture", "image/png"))
    return server, client.submit(comfy.Workflow(server.recording.accepted[0].graph), validate=False)


def _signature(result: Result) -> list[tuple[Any, ...]]:
    return [(o.node_id, o.node_title, o.kind, o.type, o.filename, o.text, o.animated) for o in result]


@pytest.mark.parametrize("recording", ["0.33/media_images", "0.33/expanded", "media_images"])
def test_live_reattached_and_shuffled_give_the_same_result(replay: Any, recording: str) -> None:
    server, job = _submit(replay, recording)
    live = job.result(timeout=15)
    for seed in range(3):
        server.faults.shuffle_history = seed
        with comfy.connect(server.url, default=False, quiet=True) as other:
            again = other.job(job.id).result(timeout=15)
        # What a websocket node sends is on no disk: a later client is told that it was missed.
        kept = [item for item in _signature(live) if "Websocket" not in str(item[1])]
        assert [item for item in _signature(again) if "Websocket" not in str(item[1])] == kept


def test_saved_pictures_in_the_order_of_the_file(replay: Any) -> None:
    _, job = _submit(replay, "0.33/media_images")
    result = job.result(timeout=15)
    assert [o.node_id for o in result.shown if o.kind == "image"] == [
        "7",
        "8",
        "9",
        "9",
        "10",
        "10",
        "12",
        "12",
    ]
    assert {o.node_id for o in result.temps} == {"2", "4"}
    assert {o.node_id: o.animated for o in result} == {
        "2": False, "4": False, "7": True, "8": True, "9": False, "10": False, "12": False
    }  # fmt: skip


def test_inner_outputs_belong_to_the_visible_node(replay: Any) -> None:
    _, job = _submit(replay, "0.33/expanded")
    result = job.result(timeout=15)
    assert [(o.node_id, o.node_title, o.type) for o in result] == [
        ("2", "RcExpand", "temp"), ("3", "SaveImage", "output")
    ]  # fmt: skip
    assert [o.filename for o in result["RcExpand"]] == ["ComfyUI_temp_gqijh_00001_.png"]


def test_a_blocked_node_is_a_problem_of_a_job_that_completes(replay: Any) -> None:
    server, client = replay("0.33/blocked")
    server.speed = 1.0
    job = client.submit(comfy.Workflow(server.recording.accepted[0].graph), validate=False)
    statuses = {state.status for state in job.updates(interval=0)}
    result = job.result(timeout=15)
    assert "failed" not in statuses
    (problem,) = result.problems
    assert str(problem).endswith("Execution Blocked: please connect a mask first")
    assert (problem.node_id, problem.class_type, problem.kind, problem.severity) == (
        "3", "PreviewImage", "execution_blocked", "warning"
    )  # fmt: skip
    assert job.problems == result.problems
    assert "1 problem" in repr(result)
    assert "please connect a mask first" in result._repr_mimebundle_()["text/html"]
    assert "please connect a mask first" in result._repr_mimebundle_()["text/plain"]
