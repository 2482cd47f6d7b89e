"""The command by itself: what it prints, refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from tests.servers import ROOT

COMMAND = [sys.executable, "-m", "comfy_notebook.embedded"]


def run(*arguments):
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_help_names_every_option():
    shown = run("--help")
    assert shown.returncode == 0
    for option in ("--port", "--host", "--data-dir", "--api-key", "--tier", "--raw-status", "--dialect",
                   "--accounts", "--exit-with-parent"):  # fmt: skip
        assert option in shown.stdout


def test_standard_output_is_one_line_and_the_rest_goes_to_standard_error(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(tmp_path)], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = json.loads(process.stdout.readline())
    assert line.keys() == {"url", "api_key"}
    asked = httpx.get(
        f"{line['url']}/api/user?token={line['api_key']}", headers={"X-API-Key": line["api_key"]}
    )
    assert asked.status_code == 200
    process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.CTRL_BREAK_EVENT)
    more, log = process.communicate(timeout=15)
    assert process.returncode == 0
    assert more == ""
    assert "GET /api/user 200" in log
    assert "stopped" in log
    assert line["api_key"] not in log


def test_a_taken_port_is_said_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("--port", str(port), "--data-dir", str(tmp_path))
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1
    assert str(port) in refused.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_address_others_can_reach_needs_a_key_of_ones_own(host, tmp_path):
    refused = run("--host", host, "--data-dir", str(tmp_path))
    assert refused.returncode == 2
    assert "--api-key" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "x"],
        ["--tier", "gold"],
        ["--quota", "-1"],
        ["--quota", "inf"],
        ["--url-lifetime", "1e300"],
        ["--api-key", "ключ"],
        ["--nope"],
        ["--api-key", "k", "--accounts", "accounts.toml"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, tmp_path):
    refused = run(*arguments, "--data-dir", str(tmp_path))
    assert refused.returncode == 2
    assert "_port" not in refused.stderr
    assert "_positive" not in refused.stderr


@pytest.mark.parametrize("broken", ["server.sqlite", "lock"])
def test_a_data_directory_that_is_broken_is_said_in_one_line(tmp_path, broken):
    data = tmp_path / "data"
    data.mkdir()
    (data / broken).write_bytes(b"not a database" * 100)
    refused = run("--data-dir", str(data))
    assert refused.returncode == 5
    assert len(refused.stderr.splitlines()) == 1
    assert str(data) in refused.stderr


def test_of_two_ports_the_taken_one_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("--storage-port", str(port), "--data-dir", str(tmp_path))
    assert refused.returncode == 3
    assert f"127.0.0.1:{port}" in refused.stderr
    assert "--storage-port" in refused.stderr


def test_an_address_of_another_machine_is_no_question_of_the_port(tmp_path):
    refused = run("--host", "192.0.2.1", "--api-key", "k", "--data-dir", str(tmp_path))
    assert refused.returncode == 3
    assert "--host" in refused.stderr


def test_a_data_directory_that_cannot_be_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    refused = run("--data-dir", str(tmp_path / "file" / "data"))
    assert refused.returncode == 5
    assert len(refused.stderr.splitlines()) == 1


def test_it_ends_with_its_parent_however_that_ends(tmp_path):
    # The parent holds the pipe and is killed; nothing but the closed pipe tells the server.
    parent = subprocess.Popen(
        [sys.executable, "-c", f"""
import subprocess, sys, time
server = subprocess.Popen({[*COMMAND, '--exit-with-parent', '--data-dir', str(tmp_path)]!r},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(server.pid, server.stdout.readline(), flush=True)
time.sleep(100)
"""], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    _, _, line = parent.stdout.readline().partition(" ")
    url = json.loads(line)["url"]
    assert httpx.get(f"{url}/api/system_stats").status_code == 200
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while True:
        try:
            httpx.get(f"{url}/api/system_stats", timeout=2)
        except httpx.TransportError:
            break
        assert time.monotonic() < deadline
