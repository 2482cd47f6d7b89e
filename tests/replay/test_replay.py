"""Every recording can be read and served; the command a person uses works."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

import pytest

from .recording import load, names
from .server import Replay


@pytest.mark.parametrize("name", names())
def test_every_recording_is_served(name: str) -> None:
    recording = load(name)
    assert recording.runs or recording.answers
    with Replay(recording) as server, urllib.request.urlopen(f"{server.url}/api/system_stats") as answer:
        assert json.load(answer)["system"]["comfyui_version"] == "0.3.64"


def test_the_command() -> None:
    command = [sys.executable, "-u", "-m", "tests.replay", "text_outputs", "--port", "0", "--speed", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = said.split(" at ")[1].split(":  ")[0].split(": ")[0]
        with urllib.request.urlopen(f"{url}/api/queue") as answer:
            assert json.load(answer) == {"queue_running": [], "queue_pending": []}
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
