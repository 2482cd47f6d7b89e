"""`%comfy server` on a server of this test's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import comfy_notebook as comfy
from comfy_notebook.client import embedded

from .conftest import Notebook


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[embedded.Launcher]:
    """A launcher of its own, with its own data directory."""
    monkeypatch.setenv("COMFY_NOTEBOOK_DATA", str(tmp_path))
    own = embedded.Launcher()
    monkeypatch.setattr(embedded, "launcher", own)
    yield own
    own.stop()


def test_start_status_log_and_stop(notebook: Notebook, launcher: embedded.Launcher) -> None:
    assert "It is not running" in notebook("%comfy server").out
    assert "It is not running" in notebook("%comfy server stop").out
    ran = notebook("%comfy server start --tier pro")
    assert ran.error is None, ran.text
    running = launcher.running
    assert running is not None
    assert running.url in ran.out
    assert running.api_key not in ran.out
    assert "already" in notebook("%comfy server start").out
    shown = notebook("%comfy server status").out
    assert running.url in shown
    assert str(running.pid) in shown
    assert notebook("%comfy server log").out.strip()
    assert "Stopped" in notebook("%comfy server stop").out
    assert not running.alive
    assert notebook("%comfy server stop").out.startswith("It is not running")
    assert notebook("%comfy server log --lines 5").out.strip()


def test_status_after_a_stop_says_that_the_next_run_starts_it(
    notebook: Notebook, launcher: embedded.Launcher, folder: Path
) -> None:
    notebook("%comfy connect embedded")
    notebook("%comfy server stop")
    ran = notebook("%comfy")
    assert "has been stopped. The next run" in ran.out
    ran = notebook("x = %comfy run plain.json")
    assert ran.error is None, ran.text
    assert notebook["x"].image.size == (16, 8)


def test_a_port_that_is_taken(notebook: Notebook, launcher: embedded.Launcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = notebook(f"%comfy server start --port {port}")
    assert isinstance(ran.error, comfy.ConnectionFailed)
    assert str(port) in ran.text
    assert "Traceback" not in ran.text
    assert len(ran.text.strip().splitlines()) <= 3
