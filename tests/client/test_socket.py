"""Frames that name no job get one, from what their socket last heard of; nobody else's frames are ours."""

from __future__ import annotations

from typing import Any

from comfy_notebook.client.hub import Hub
from comfy_notebook.client.socket import Attribution
from comfy_notebook.protocol.frames import PreviewImage, TextFrame
from comfy_notebook.protocol.messages import (
    Executing,
    ExecutionStart,
    NodeProgress,
    Progress,
    ProgressState,
    Status,
)

JPEG = b"\xff\xd8\xff\xe0"


def test_a_preview_belongs_to_the_last_progress() -> None:
    seen = Attribution()
    seen.complete(ProgressState({"3": NodeProgress("3", 1, 20)}, "job"))
    found = seen.complete(PreviewImage(JPEG))
    assert (found.prompt_id, found.node_id) == ("job", "3")
    seen.complete(Progress(1, 2, "8", "somebody-elses"))
    assert seen.complete(PreviewImage(JPEG)).prompt_id == "somebody-elses"


def test_a_preview_with_metadata_says_itself() -> None:
    seen = Attribution()
    seen.complete(Progress(1, 2, "8", "other"))
    frame = PreviewImage(JPEG, node_id="3", prompt_id="job", metadata={"node_id": "3"})
    assert seen.complete(frame) is frame


def test_a_text_belongs_to_the_job_whose_node_runs() -> None:
    """Jobs run side by side on the Cloud, and a text frame names the node alone."""
    seen = Attribution()
    seen.complete(Executing("5", prompt_id="one"))
    seen.complete(Executing("7", prompt_id="two"))
    assert seen.complete(TextFrame("5", "hi")).prompt_id == "one"
    assert seen.complete(TextFrame("7", "hi")).prompt_id == "two"
    assert seen.complete(TextFrame("99", "hi")).prompt_id == "two"


def test_executing_after_a_reconnect_names_no_job() -> None:
    """The one job listened to is meant: ComfyUI sends this to the client whose job runs."""
    got: list[Any] = []
    hub = Hub()
    hub.listen("job", got.append)
    hub.deliver(Attribution().complete(Executing("3")))
    assert got == [Executing("3")]
    hub.listen("another", got.append)
    hub.deliver(Executing("3"))
    assert len(got) == 1, "with two it could be either's"


def test_frames_that_come_before_the_answer_are_kept() -> None:
    hub, got = Hub(), []
    hub.deliver(ExecutionStart("long-gone"))
    hub.begin()
    hub.deliver(Status(1))
    hub.deliver(ExecutionStart("job"))
    hub.deliver(ExecutionStart("foreign"))
    hub.deliver(Progress(1, 2, "3", "job"))
    hub.listen("job", got.append)
    hub.end()
    assert got == [Status(1), ExecutionStart("job"), Progress(1, 2, "3", "job")]
    assert not hub._strays


def test_what_is_kept_is_bounded() -> None:
    hub = Hub()
    hub.begin()
    for _ in range(100):
        hub.deliver(PreviewImage(b"x" * 2**20, prompt_id="foreign", metadata={}))
    assert hub._stray_bytes <= 16 * 2**20
    assert len(hub._strays) <= 16


def test_after_leaving_nothing_comes() -> None:
    hub, got = Hub(), []
    hub.listen("job", got.append)
    hub.leave("job")
    hub.deliver(ExecutionStart("job"))
    assert got == []
