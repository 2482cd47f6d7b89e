"""`connect("embedded")`: started once for the kernel, joined after that, and gone when the kernel is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import comfy_notebook as comfy
from comfy_notebook.client import embedded
from comfy_notebook.config import data_dir

from . import graphs

pytestmark = pytest.mark.slow

SCRIPT = """
import comfy_notebook as comfy, json, os, sys
client = comfy.connect("embedded", quiet=True)
print(json.dumps([client.server.pid, client.url, str(client.server.data_dir)]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[embedded.Launcher]:
    made = embedded.Launcher()
    monkeypatch.setattr(embedded, "launcher", made)
    yield made
    made.stop()


def test_a_second_connect_joins(launcher: embedded.Launcher, capsys: pytest.CaptureFixture[str]) -> None:
    with comfy.connect("embedded") as one, comfy.connect("embedded") as two:
        assert one.url == two.url
        assert "joined" in two.reason
        assert one.run(graphs.picture()).image.size == (32, 32)
        assert one.info().pid == launcher.running.pid
    said = capsys.readouterr().out.splitlines()[0]
    assert said.startswith(f"Connected to the embedded server ({one.url}): as asked; started as process")
    assert launcher.running.alive, "closing a client leaves the server to the others"


def _kernel() -> tuple[subprocess.Popen[str], int, str]:
    kernel = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid, _, directory = json.loads(kernel.stdout.readline())
    return kernel, pid, directory


def _end(kernel: subprocess.Popen[str]) -> None:
    kernel.stdin.close()
    kernel.wait(15)
    kernel.stdout.close()


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).wait(timeout=10) is None or True
    except (psutil.NoSuchProcess, psutil.TimeoutExpired) as error:
        return isinstance(error, psutil.NoSuchProcess)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
def test_it_ends_with_a_killed_kernel() -> None:
    kernel, pid, _ = _kernel()
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.wait()
    assert _gone(pid)
    kernel.stdin.close()
    kernel.stdout.close()


def test_it_ends_with_the_kernel() -> None:
    kernel, pid, _ = _kernel()
    _end(kernel)
    assert _gone(pid)


def test_two_kernels_do_not_disturb_each_other() -> None:
    first, second = _kernel(), _kernel()
    assert {Path(first[2]).name, Path(second[2]).name} == {"embedded", "embedded-2"}
    for kernel, _, _ in (first, second):
        _end(kernel)
    again = _kernel()
    assert Path(again[2]).name == "embedded", "a restarted kernel finds its jobs again"
    _end(again[0])


def test_what_it_said_when_it_cannot_start(
    launcher: embedded.Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir().mkdir(parents=True, exist_ok=True)
    (data_dir() / "embedded").write_text("a file where the directory should be")
    with pytest.raises(comfy.ConnectionFailed, match="could not start"):
        comfy.connect("embedded", quiet=True)
    monkeypatch.setenv("PYTHONPATH", "")
    (data_dir() / "embedded").unlink()
    with pytest.raises(comfy.ConnectionFailed, match="unrecognized arguments"):
        launcher.start("--no-such-option")


def test_the_server_does_not_inherit_keys(
    launcher: embedded.Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("COMFY_CLOUD_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, "planted-secret")
    monkeypatch.setenv("LANG_OF_THE_TEST", "en")
    with comfy.connect("embedded"):
        inherited = psutil.Process(launcher.running.pid).environ()
    assert not inherited.keys() & set(secrets)
    assert "planted-secret" not in inherited.values()
    assert inherited["LANG_OF_THE_TEST"] == "en"
