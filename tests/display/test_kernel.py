"""A real kernel and a real embedded server: what goes over iopub, and what an interrupt leaves behind."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path

import nbclient
import nbformat
import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"
SETUP = """
import comfy_notebook as comfy
client = comfy.connect(quiet=True)
def sleeping(seconds, steps):
    return {"1": {"class_type": "TestingSleep", "inputs": {"seconds": seconds, "steps": steps}}}
picture = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "kernel"}},
}
def widgets():
    import ipywidgets
    modern = hasattr(ipywidgets.widget, "_instances")
    return len(ipywidgets.widget._instances if modern else ipywidgets.Widget.widgets)
"""


def environment(server, **more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COMFY_")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    keys = {"COMFY_BASE_URL": server.url, "COMFY_CLOUD_API_KEY": server.api_key, "PYTHONPATH": path}
    return {**kept, **keys, "PYTHONWARNINGS": "", **more}


class Kernel:
    """A kernel whose every message is looked at."""

    def __init__(self, server):
        self.server = server
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=environment(server, COMFY_NOTEBOOK_LIVE="1"))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.run(SETUP)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def start(self, code):
        return self.client.execute(code)

    def messages(self, request, timeout=30.0):
        """Every iopub message of a request until it is idle."""
        until = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(until - time.monotonic(), 0.1))
            if message["parent_header"].get("msg_id") != request:
                continue
            yield message
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return

    def run(self, code):
        found = list(self.messages(self.start(code)))
        errors = [m["content"]["traceback"] for m in found if m["msg_type"] == "error"]
        assert not errors, "\n".join(errors[0])
        return found

    def value(self, code):
        found = [m for m in self.run(code) if m["msg_type"] == "execute_result"]
        return found[-1]["content"]["data"]["text/plain"]

    def status(self, job_id):
        request = urllib.request.Request(
            f"{self.server.url}/api/job/{job_id}/status", headers=self.server.headers
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as answer:
            return json.load(answer)["status"]

    def ends(self, job_id, within=1.0):
        """The status, once it is final or the time is over."""
        until = time.monotonic() + within
        while (status := self.status(job_id)) in ("in_progress", "pending") and time.monotonic() < until:
            time.sleep(0.02)
        return status


@pytest.fixture(scope="module")
def kernel(embedded):
    running = Kernel(embedded)
    yield running
    running.close()


def test_a_run_is_widgets_in_two_slots_then_a_picture_and_its_caption(kernel):
    found = kernel.run("result = comfy.run(sleeping(1.0, 10)); result = comfy.run(picture, seed=None)")
    shown = [m for m in found if m["msg_type"] in ("display_data", "update_display_data", "execute_result")]
    one_run = ["display_data"] * 2 + ["update_display_data"] * 2
    assert [m["msg_type"] for m in shown] == one_run * 2
    first, last = ([m["content"] for m in shown[at : at + 2]] for at in (4, 6))
    assert all(WIDGET in content["data"] for content in first)
    ids = [[content["transient"]["display_id"] for content in contents] for contents in (first, last)]
    assert ids[0] == ids[1]
    kept = [sorted(content["data"]) for content in last]
    assert kept == [["image/png", "text/plain"], ["text/html", "text/plain"]]
    opened = {m["content"]["comm_id"] for m in found if m["msg_type"] == "comm_open"}
    closed = {m["content"]["comm_id"] for m in found if m["msg_type"] == "comm_close"}
    assert opened
    assert opened == closed
    assert kernel.value("widgets()") == "0"


def test_previews_go_over_as_the_frames_came_and_at_most_ten_a_second(kernel):
    begin = time.monotonic()
    found = kernel.run("_ = comfy.run(sleeping(2.0, 100))")
    took = time.monotonic() - begin
    sent = [bytes(m["buffers"][0]) for m in found if m["msg_type"] == "comm_msg" and m["buffers"]]
    frames = [frame for frame in sent if frame]
    assert all(frame.startswith(b"\xff\xd8\xff") for frame in frames)
    assert len(set(frames)) >= 10
    assert len(frames) <= took * 10 + 2


def test_the_value_of_the_cell_that_ran_it_is_one_line_and_later_the_picture(kernel):
    found = kernel.run("result = comfy.run(picture)\nresult")
    value = [m["content"]["data"] for m in found if m["msg_type"] == "display_data"][-1]
    assert list(value) == ["text/plain"]
    later = [m["content"]["data"] for m in kernel.run("result") if m["msg_type"] == "display_data"]
    assert [sorted(data) for data in later] == [["image/png", "text/plain"], ["text/html", "text/plain"]]


def interrupted(kernel, code, when):
    """Run, interrupt once `when(message)` holds; the messages and the seconds from there to idle."""
    request, found, asked = kernel.start(code), [], None
    for message in kernel.messages(request):
        found.append(message)
        if asked is None and when(message):
            kernel.manager.interrupt_kernel()
            asked = time.monotonic()
    assert asked is not None, "the moment to interrupt never came"
    return found, time.monotonic() - asked


def job_of(kernel):
    return kernel.value("comfy.job().id").strip("'")


@pytest.mark.slow
def test_twenty_interrupts_each_cancel_their_job_within_a_second(kernel):
    slow = []
    for turn in range(20):
        # At the widget's first display, at a preview, a few previews on: the races differ.
        count = {"left": turn % 4}

        def when(message, count=count):
            if message["msg_type"] not in ("display_data", "comm_msg"):
                return False
            count["left"] -= 1
            return count["left"] < 0

        found, took = interrupted(kernel, "comfy.run(sleeping(60.0, 600))", when)
        error = next(m["content"] for m in found if m["msg_type"] == "error")
        assert error["ename"] == "KeyboardInterrupt"
        assert error["traceback"] == ["KeyboardInterrupt"], "no frames of ours on the page"
        assert kernel.ends(job_of(kernel)) == "cancelled", turn
        last = [m for m in found if m["msg_type"] == "update_display_data"][-2]["content"]
        assert list(last["data"]) == ["text/plain"]
        assert last["data"]["text/plain"].startswith("Cancelled")
        opened = {m["content"]["comm_id"] for m in found if m["msg_type"] == "comm_open"}
        closed = {m["content"]["comm_id"] for m in found if m["msg_type"] == "comm_close"}
        assert opened <= closed
        slow += [took] if took > 1.0 else []
    assert kernel.value("1 + 1") == "2"
    assert kernel.value("widgets()") == "0"
    # A busy machine may stretch one of twenty; a design that waits for something stretches them all.
    assert len(slow) <= 2, slow


def test_an_interrupt_leaves_the_other_jobs_alone(kernel):
    kernel.run("other = comfy.submit(sleeping(30.0, 10))")
    interrupted(kernel, "comfy.run(sleeping(60.0, 601))", lambda m: m["msg_type"] == "display_data")
    assert kernel.value("other.status.is_final") == "False"
    kernel.run("other.cancel()")


def test_a_background_view_runs_between_cells_and_ends_static(kernel):
    request = kernel.start("job = comfy.submit(picture); display(job)")
    found = list(kernel.messages(request))
    assert any(m["msg_type"] in ("display_data", "update_display_data") for m in found)
    kernel.run("await job")
    kernel.run(
        "import asyncio\nfor _ in range(100):\n    if not widgets(): break\n    await asyncio.sleep(.05)"
    )
    assert kernel.value("widgets()") == "0"


def test_a_failed_run_shows_its_node_and_no_traceback_of_ours(kernel):
    inputs = {"exception_type": "OOMError", "message": "x"}
    code = f"comfy.run({ {'1': {'class_type': 'TestingRaise', 'inputs': inputs}}!r})"
    found = list(kernel.messages(kernel.start(code)))
    card = next(m for m in found if m["msg_type"] == "update_display_data")["content"]["data"]
    assert "Failed at" in card["text/html"]
    error = next(m["content"] for m in found if m["msg_type"] == "error")
    assert error["ename"] == "OutOfMemory"
    assert "Use smaller images" in "".join(error["traceback"])
    assert "Use smaller images" not in card["text/html"], "the hint is shown once, in the line below the card"
    assert (
        card["text/html"].count("OOMError") - card["text/html"].split("<details>")[1].count("OOMError") == 1
    )
    assert not any("Traceback (most recent" in line for line in error["traceback"])


def executed(embedded, tmp_path, monkeypatch, code, **variables):
    for name in [name for name in os.environ if name.startswith(("COMFY_", "JPY_"))]:
        monkeypatch.delenv(name)
    for name, value in environment(embedded, **variables).items():
        monkeypatch.setenv(name, value)
    cells = [nbformat.v4.new_code_cell(SETUP), nbformat.v4.new_code_cell(code)]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, kernel_name="python3", timeout=60, resources={}).execute(cwd=str(tmp_path))
    return book


def test_an_executed_notebook_holds_pictures_and_no_widget_state(embedded, tmp_path, monkeypatch):
    """As `jupyter execute` and papermill run it: nobody draws widgets, so none may be left in the file."""
    book = executed(embedded, tmp_path, monkeypatch, "_ = comfy.run(picture)")
    assert "widgets" not in book.metadata
    outputs = book.cells[1].outputs
    assert [output.output_type for output in outputs] == ["display_data"] * 2
    kept = [sorted(output.data) for output in outputs]
    assert kept == [["image/png", "text/plain"], ["text/html", "text/plain"]]


def test_an_executor_asked_to_be_live_keeps_the_picture_and_no_frame(embedded, tmp_path, monkeypatch):
    code = "_ = comfy.run(sleeping(0.5, 5)); _ = comfy.run(picture)"
    book = executed(embedded, tmp_path, monkeypatch, code, COMFY_NOTEBOOK_LIVE="1")
    kept = [sorted(output.data) for output in book.cells[1].outputs]
    assert kept[-2:] == [["image/png", "text/plain"], ["text/html", "text/plain"]]
    state = book.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {"state": {}})
    kept = [len(b["data"]) for model in state["state"].values() for b in model.get("buffers", ())]
    assert sum(kept) == 0
