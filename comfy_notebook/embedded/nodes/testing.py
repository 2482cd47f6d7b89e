"""Nodes for tests and lessons: what pictures cannot produce on purpose. ComfyUI has none of these."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
from PIL import Image

from .base import Context, Input, Node, Output, Ui

_TICK = 0.05  # seconds between two looks at whether the job was cancelled
_FRAME = (128, 128)


class ReportedError(Exception):
    """An error that `execution_error` calls by the name in `reported_type`."""

    def __init__(self, reported_type: str, message: str) -> None:
        super().__init__(message)
        self.reported_type = reported_type


class _Testing(Node):
    category = "testing"
    python_module = "comfy_notebook.embedded.nodes.testing"
    output_node = True


class TestingSleep(_Testing):
    """Takes its time, in steps, with a preview picture each; hands on whatever it was given.

    Cancelling takes effect within 0.1 s. The previews are stripes that move on with every step.
    """

    __test__ = False  # not a test case, whatever its name says to pytest

    display_name = "Testing: Sleep"
    inputs = {
        "seconds": Input("FLOAT", {"default": 1.0, "min": 0.0, "max": 3600.0, "step": 0.1}),
        "steps": Input("INT", {"default": 10, "min": 1, "max": 10000}),
        "any": Input("*", optional=True),
    }
    outputs = (Output("*", "any"),)

    def run(self, ctx: Context, *, seconds: float, steps: int, any: Any = None) -> Ui:
        started = time.monotonic()
        for step in range(1, steps + 1):
            until = started + seconds * step / steps
            while (left := until - time.monotonic()) > 0:
                ctx.check_cancelled()
                time.sleep(min(left, _TICK))
            ctx.progress(step, steps, stripes(step))
        return Ui({"text": [f"slept {seconds:g} s in {steps} steps"]}, (any,))


def stripes(step: int) -> bytes:
    """A JPEG of diagonal stripes, another for each step."""
    y, x = np.mgrid[: _FRAME[1], : _FRAME[0]]
    phase = (x + y + 5 * step) % 48
    pixels = np.stack([phase * 5, (step * 13 + y) % 256, 255 - phase * 5], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class TestingRaise(_Testing):
    """Fails, with an exception type of one's choice, such as `OOMError` or `ModelDownloadError`."""

    __test__ = False

    display_name = "Testing: Raise"
    inputs = {
        "exception_type": Input("STRING", {"default": "RuntimeError"}),
        "message": Input("STRING", {"default": "raised on purpose", "multiline": True}),
        "any": Input("*", optional=True),
    }

    def run(self, ctx: Context, *, exception_type: str, message: str, any: Any = None) -> tuple[Any, ...]:
        raise ReportedError(exception_type, message)


class TestingText(_Testing):
    """Shows a text, as a text frame while running and as output."""

    __test__ = False

    display_name = "Testing: Text"
    inputs = {"text": Input("STRING", {"default": "", "multiline": True})}
    outputs = (Output("STRING"),)

    def run(self, ctx: Context, *, text: str) -> Ui:
        ctx.text(text)
        return Ui({"text": [text]}, (text,))


class TestingUnknownOutput(_Testing):
    """An output of a kind that no client knows, with files in it: it must still be listed and saved."""

    __test__ = False

    display_name = "Testing: Unknown Output"
    inputs = {
        "text": Input("STRING", {"default": "unknown", "multiline": True}, optional=True),
        "filename_prefix": Input("STRING", {"default": "testing/unknown"}, optional=True),
    }

    def run(self, ctx: Context, *, text: str = "unknown", filename_prefix: str = "testing/unknown") -> Ui:
        saved = ctx.save(text.encode(), filename_prefix, ".xyz")
        return Ui({"holograms": [saved], "resonance": [{"value": 0.5}]})


NODES: list[type[Node]] = [TestingSleep, TestingRaise, TestingText, TestingUnknownOutput]
