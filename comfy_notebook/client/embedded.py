"""Starting the embedded server: one process per kernel, which ends with it.

The child's stdin is a pipe that the kernel holds: however the kernel ends, the pipe closes and the server
stops. Each kernel takes the first data directory (`embedded`, `embedded-2`, …) that no running server has
locked, so that a restarted kernel finds its jobs again.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..config import data_dir
from ..errors import ConnectionFailed
from ..text import redact, register

START_TIMEOUT = 30.0
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)(_ID)?$", re.IGNORECASE)
IN_USE = "every data directory is in use"
_EXIT_IN_USE = 4
_DIRECTORIES = 16


@dataclass
class Embedded:
    """A running embedded server."""

    url: str
    api_key: str = field(repr=False)
    data_dir: Path
    log_file: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None and self._parent == os.getpid()

    def __post_init__(self) -> None:
        self._parent = os.getpid()

    def log(self, lines: int = 50) -> str:
        """The last lines of its log."""
        return tail(self.log_file, lines)

    def stop(self, timeout: float = 5.0) -> None:
        """Close its stdin, which ends it, and kill it if it has not ended after `timeout` seconds."""
        if self._parent != os.getpid():
            return
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(2)
        _close(self.process)


class Launcher:
    """The one embedded server of this process, started on first use."""

    def __init__(self) -> None:
        self._running: Embedded | None = None
        self._registered = False

    @property
    def running(self) -> Embedded | None:
        """The server, if it runs."""
        return self._running if self._running is not None and self._running.alive else None

    def start(self, *options: str) -> Embedded:
        """The running server, or a new one. Raises `ConnectionFailed` with what it wrote last."""
        if self.running is not None:
            return self.running
        if self._running is not None:
            _close(self._running.process)
        failure = ""
        for number in range(1, _DIRECTORIES + 1):
            directory = data_dir() / ("embedded" if number == 1 else f"embedded-{number}")
            found = _launch(directory, options)
            if isinstance(found, Embedded):
                self._running = found
                if not self._registered:
                    atexit.register(self.stop)
                    self._registered = True
                return found
            failure = found
            if failure != IN_USE:
                break
        raise ConnectionFailed(
            f"The embedded server could not start: {failure}.",
            hint="`python -m comfy_notebook.embedded` in a terminal shows why.",
        )

    def stop(self) -> bool:
        """Stop it; False when none was running."""
        running, self._running = self._running, None
        if running is None or not running.alive:
            return False
        running.stop()
        return True


launcher = Launcher()
"""The process's launcher: every `connect("embedded")` joins the same server."""


def _launch(directory: Path, options: tuple[str, ...]) -> Embedded | str:
    """A started server, or why it did not start."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        log_file = directory / "server.log"
        command = [sys.executable, "-m", "comfy_notebook.embedded", "--port", "0", "--exit-with-parent"]
        environment = {**_without_secrets(os.environ), "PYTHONUNBUFFERED": "1", "PYTHONPATH": _search_path()}
        with open(directory / "server.log.new", "wb") as log:
            process = subprocess.Popen(
                [*command, "--data-dir", str(directory), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                # A Ctrl-C is for the kernel and must not reach the server.
                start_new_session=os.name == "posix",
                creationflags=0x00000200 if os.name == "nt" else 0,
            )
    except OSError as error:
        return f"{error.strerror or error} ({directory})"
    line = _first_line(process)
    fresh = directory / "server.log.new"
    try:
        answer = json.loads(line)
        url, key = str(answer["url"]), str(answer["api_key"])
    except (ValueError, TypeError, KeyError):
        with contextlib.suppress(OSError):
            process.kill()
        code = process.wait()
        _close(process)
        words = tail(fresh, 3).strip()
        with contextlib.suppress(OSError):
            fresh.unlink()
        if code == _EXIT_IN_USE:
            return IN_USE
        return redact(words.splitlines()[-1] if words else "it ended without a message")
    register(key)
    # Only the server that holds the directory may replace its log.
    with contextlib.suppress(OSError):
        os.replace(fresh, log_file)
    return Embedded(url, key, directory, log_file if log_file.exists() else fresh, process)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """The first line it prints within `START_TIMEOUT` seconds; empty when it ends instead."""
    assert process.stdout is not None
    out: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stream = process.stdout
    threading.Thread(target=lambda: out.put(stream.readline()), daemon=True, name="comfy-embedded").start()
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(queue.Empty):
            return out.get(timeout=0.1)
    return b""


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without API keys, tokens and passwords, which the server has no use for."""
    return {
        name: value
        for name, value in environment.items()
        if name == "COMFY_EMBEDDED_API_KEY" or not _SECRET_NAME.search(name)
    }


def _search_path() -> str:
    """PYTHONPATH with the package's own folder first: it may not be installed."""
    home = str(Path(__file__).parent.parent.parent)
    given = os.environ.get("PYTHONPATH")
    return f"{home}{os.pathsep}{given}" if given else home


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file, redacted; nothing when it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - 200 * max(lines, 1) - 4096, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return redact("\n".join(text.splitlines()[-lines:]))
