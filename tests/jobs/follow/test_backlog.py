"""Every event can be read back, in order, while memory holds the newest only."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from comfy_notebook.jobs.follow import backlog
from comfy_notebook.jobs.follow.backlog import Backlog
from comfy_notebook.protocol.frames import PreviewImage
from comfy_notebook.protocol.messages import Progress


def test_everything_comes_back_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backlog.tempfile, "tempdir", str(tmp_path))
    log = Backlog()
    sent = []
    for n in range(5000):
        event = PreviewImage(b"%06d" % n * 1000, prompt_id="j") if n % 3 else Progress(n, 5000, "3", "j")
        sent.append(event)
        log.append(event)
    assert len(log) == 5000
    assert [log[n] for n in range(5000)] == sent
    assert log[17] == sent[17]
    assert sum(len(e.image) for e in log._tail[1] if isinstance(e, PreviewImage)) <= backlog.BYTES
    assert len(os.listdir(tmp_path)) == 1
    del log
    gc.collect()
    assert not os.listdir(tmp_path), "and the file goes with it"


def test_small_jobs_need_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backlog.tempfile, "tempdir", str(tmp_path))
    log = Backlog()
    for n in range(1000):
        log.append(Progress(n, 1000, "3", "j"))
    assert log[0].value == 0
    assert not os.listdir(tmp_path)
