"""Panels over a client that answers as the contract has it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from comfy_notebook.display.panels import queue as queue_module
from comfy_notebook.display.panels.browser import ModelsPanel, NodesPanel, matching
from comfy_notebook.display.panels.card import client_card
from comfy_notebook.display.panels.jobs import JobsPanel, jobs_text
from comfy_notebook.display.panels.queue import QueuePanel
from comfy_notebook.errors import ConnectionFailed
from comfy_notebook.protocol.status import JobStatus

from .graphs import CATALOG
from .runs import output, result

BAD = "<script>x</script>"


def queued(job_id, position=0, title=BAD):
    return SimpleNamespace(id=job_id, position=position, title=title, workflow=None)


def record(n, status=JobStatus.completed, **fields):
    base = {
        "created": 1.7e9,
        "seconds": 3.2,
        "outputs_count": 1,
        "error": None,
        "message": "",
        "workflow": None,
    }
    return SimpleNamespace(id=f"job-{n}", status=status, **{**base, **fields})


class Client:
    def __init__(self):
        self.cancelled, self.asked, self.fail = [], [], None
        self.nodes = CATALOG
        self.now = SimpleNamespace(running=[queued("a")], pending=[queued("b", 1), queued("c", 2)])

    def queue(self):
        if self.fail:
            raise self.fail
        return self.now

    def cancel(self, job_id):
        self.cancelled.append(job_id)
        self.now = SimpleNamespace(running=self.now.running, pending=[queued("c", 1)])

    def clear_queue(self):
        self.now = SimpleNamespace(running=self.now.running, pending=[])

    def jobs(self, **asked):
        self.asked.append(asked)
        found = [record(n) for n in range(20)][asked["offset"] : asked["offset"] + asked["limit"]]
        more = asked["offset"] + asked["limit"] < 20
        return SimpleNamespace(jobs=found, total=20, has_more=more, offset=asked["offset"], limit=8)

    def job(self, job_id):
        return SimpleNamespace(id=job_id, workflow={"3": {}}, result=lambda timeout: result([output()]))

    def models(self, folder=None):
        names = {"checkpoints": ["sd15.safetensors", "SDXL base.safetensors"], "vae": []}
        return list(names) if folder is None else names[folder]

    def info(self):
        return SimpleNamespace(
            url="http://127.0.0.1:8188", dialect="comfyui", version="0.3.64", user=BAD, running=1, pending=2,
            devices=("cpu",), reason="because", pid=None,
        )  # fmt: skip


def test_queue_rows_escape_titles_and_cancel_the_one_job():
    client = Client()
    panel = QueuePanel(client)
    assert panel.widget is not None
    panel.refresh()
    assert list(panel._rows) == ["a", "b", "c"]
    assert "<script" not in panel._rows["a"].children[0].value
    kept = panel._rows["a"]
    panel._rows["b"].children[1].click()
    assert client.cancelled == ["b"]
    assert list(panel._rows) == ["a", "c"]
    assert panel._rows["a"] is kept
    assert "1 running, 1 waiting" in panel._head.value


def test_a_server_that_is_away_is_a_line_not_a_traceback():
    client = Client()
    panel = QueuePanel(client)
    assert panel.widget is not None
    client.fail = ConnectionFailed("The server does not answer.")
    panel.refresh()
    assert "does not answer" in panel._message.value


def test_the_queue_stops_asking_when_closed_or_left(monkeypatch):
    import asyncio

    monkeypatch.setattr(queue_module, "EVERY", 0.001)
    monkeypatch.setattr(queue_module, "AT_MOST", 0.02)
    panel = QueuePanel(Client())
    assert panel.open is False
    assert panel.widget is not None
    asyncio.run(panel._follow())
    assert panel._live.value is False
    panel.close()
    asyncio.run(panel._follow())


def test_jobs_page_thumbnails_and_the_workflow_of_one():
    client = Client()
    panel = JobsPanel(client)
    assert panel.widget is not None
    panel.refresh()
    assert "1–8 of 20" in panel._where.value
    assert "data:image" in panel._list.children[0].children[0].value
    panel.turn(1)
    panel.turn(1)
    assert client.asked[-1]["offset"] == 16
    assert panel._older.disabled
    panel._list.children[0].children[2].click()
    assert panel.workflow == {"3": {}}
    assert panel.job.id == "job-16"


def test_jobs_as_text():
    lines = jobs_text(Client().jobs(offset=0, limit=2)).splitlines()
    assert lines[0] == "20 jobs"
    assert lines[1].split()[:2] == ["job-0", "completed"]


def test_nodes_are_searched_and_read():
    panel = NodesPanel(Client(), "sampler")
    assert panel.widget is not None
    panel.find()
    assert panel._select.options[0][1] == "KSampler"
    panel._select.value = "KSampler"
    assert "denoise" in panel._details.value
    assert "KSampler" in panel.text()


def test_models_by_folder_and_words():
    panel = ModelsPanel(Client())
    assert panel.widget is not None
    panel.shown()
    assert panel._folders.value == "checkpoints"
    panel._search.value = "xl BASE"
    assert [value for _, value in panel._select.options] == ["SDXL base.safetensors"]
    assert matching(["a b", "c"], "") == ["a b", "c"]


def test_the_card_escapes_and_under_nbval_says_only_what_does_not_change(monkeypatch):
    card = client_card(Client().info())
    assert "<script" not in card["text/html"]
    assert "1 running, 2 waiting" in card["text/plain"]
    monkeypatch.setenv("COMFY_NOTEBOOK_LIVE", "0")
    assert client_card(Client().info()) == {"text/plain": "Client(ComfyUI)"}


@pytest.mark.parametrize("panel", [QueuePanel, JobsPanel, NodesPanel, ModelsPanel])
def test_every_panel_is_text_without_widgets(panel, shell, capsys, monkeypatch):
    monkeypatch.setenv("COMFY_NOTEBOOK_LIVE", "0")
    panel(Client())._ipython_display_()
    assert capsys.readouterr().out.strip()
