"""Frames that name no job are given the one that their socket last heard of."""

from __future__ import annotations

from comfy_notebook.client.socket import Attribution
from comfy_notebook.protocol.frames import PreviewImage, TextFrame
from comfy_notebook.protocol.messages import (
    Executing,
    NodeProgress,
    Progress,
    ProgressState,
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
