"""Small graphs the embedded server runs in no time, or for as long as asked."""

from __future__ import annotations

from typing import Any

from comfy_notebook.workflow.workflow import Workflow

Graph = dict[str, dict[str, Any]]


def node(class_type: str, title: str | None = None, **inputs: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"class_type": class_type, "inputs": inputs}
    return made if title is None else {**made, "_meta": {"title": title}}


def picture(color: int = 0x3366CC, count: int = 1, size: int = 32) -> Workflow:
    """One plain picture, or several, saved."""
    return Workflow(
        {
            "1": node("EmptyImage", width=size, height=size, batch_size=count, color=color),
            "2": node("SaveImage", "Keep", images=["1", 0], filename_prefix="test"),
        }
    )


def sleep(seconds: float, steps: int = 10, color: int = 0) -> Workflow:
    """A picture that takes its time, with a preview a step; never cached."""
    return Workflow(
        {
            "1": node("EmptyImage", width=16, height=16, batch_size=1, color=color),
            "2": node("TestingSleep", "Sleep", seconds=seconds, steps=steps, any=["1", 0]),
            "3": node("SaveImage", "Keep", images=["2", 0], filename_prefix="slow"),
        }
    )


def fail(exception_type: str, message: str = "on purpose") -> Workflow:
    return Workflow({"7": node("TestingRaise", "Trouble", exception_type=exception_type, message=message)})


def text(words: str) -> Workflow:
    return Workflow({"5": node("TestingText", "Say", text=words)})


def load(image: Any) -> Workflow:
    """A picture loaded and saved again, and its mask beside it."""
    return Workflow(
        {
            "1": node("LoadImage", image=image),
            "2": node("SaveImage", "Picture", images=["1", 0], filename_prefix="loaded"),
            "3": node("MaskToImage", mask=["1", 1]),
            "4": node("SaveImage", "Mask", images=["3", 0], filename_prefix="mask"),
        }
    )
