"""Two plain scripts, written from the reference without importing this package, against the server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
PICTURE = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 2, "color": 65280}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "script"}},
}
STEPS = {"1": {"class_type": "TestingSleep", "inputs": {"seconds": 0.1, "steps": 3}}}
FAILS = {"1": {"class_type": "TestingRaise", "inputs": {"exception_type": "OOMError", "message": "too much"}}}


@pytest.fixture
def run(embedded, tmp_path):
    def run(script, graph, *more):
        workflow = tmp_path / "workflow.json"
        workflow.write_text(json.dumps(graph))
        command = [sys.executable, SCRIPTS / script, embedded.url, embedded.api_key, workflow, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return run


def test_submit_poll_download(run, tmp_path):
    done = run("submit_poll_download.py", PICTURE, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    status, *paths = done.stdout.split("\n")[:-1]
    assert status == "completed"
    assert len(paths) == 2
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in paths)


def test_a_failed_job_ends_the_polling(run, tmp_path):
    done = run("submit_poll_download.py", FAILS, tmp_path / "out")
    assert (done.returncode, done.stdout.strip()) == (1, "failed")


def test_listen_ends_on_success_having_heard_every_step(run):
    heard = run("listen.py", STEPS)
    lines = [line.strip() for line in heard.stdout.splitlines()]
    assert heard.returncode == 0, heard.stderr
    assert lines.count("progress 1") == 3
    assert lines.count("frame 4") == 3
    assert lines.index("execution_start") < lines.index("executing 1") < lines.index("executed 1")
    assert lines[-1] == "execution_success"


def test_listen_ends_on_an_error(run):
    heard = run("listen.py", FAILS)
    assert heard.returncode == 1, heard.stderr
    assert heard.stdout.splitlines()[-1].strip() == "execution_error"
