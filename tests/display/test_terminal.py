"""Text progress: redrawn on a terminal, a line a node elsewhere."""

from __future__ import annotations

import io

from comfy_notebook.display.terminal import TerminalView
from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.status import JobStatus

from .runs import recorded


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def states(name: str = "txt2img"):
    state = JobState(titles={"5": "Empty Latent", "3": "KSampler", "8": "VAE Decode", "9": "Save Image"})
    for at, event in recorded(name):
        state = state.after(event, at)
        yield state


def test_a_pipe_names_each_node_once():
    out = io.StringIO()
    view = TerminalView(out, clock=lambda: 1.0)
    for state in states():
        view.paint(state)
    view.finish(state)
    lines = out.getvalue().splitlines()
    assert [line.split("% ")[-1] for line in lines[:-1]].count("KSampler") == 1
    assert lines[-1] == "✓ Done"
    assert "\r" not in out.getvalue()


def test_a_terminal_is_redrawn_in_one_line_that_fits():
    out = Terminal()
    view = TerminalView(out, width=60, clock=lambda: 1.0)
    for state in states():
        view.paint(state)
    view.finish(state, "Result(1 image)")
    frames = out.getvalue().split("\r")
    assert any("KSampler" in frame and "3/20" in frame for frame in frames)
    assert all(len(frame.rstrip("\n")) <= 60 for frame in frames)
    assert out.getvalue().count("\n") == 1
    assert frames[-1].startswith("✓ Result(1 image)")


def test_an_encoding_without_the_marks_gets_plain_ones():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="cp1252")
    TerminalView(out).finish(JobState(status=JobStatus.completed))
    out.flush()
    assert raw.getvalue().decode("cp1252").split() == ["ok", "Done"]
