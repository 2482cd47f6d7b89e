"""Starting a real embedded server in its own process, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class EmbeddedServer:
    """A running `python -m comfy_notebook.embedded`; `log` is the file its standard error goes to."""

    url: str
    api_key: str
    process: subprocess.Popen[str]
    data_dir: Path
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.api_key}

    def kill(self) -> None:
        """Kill the process, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Terminate the process and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=10)
        finally:
            self.kill()


def start_server(data_dir: Path, **options: object) -> EmbeddedServer:
    """Start a server and wait for the line it prints. Options are those of the command: `tier="pro"`."""
    command = [sys.executable, "-m", "comfy_notebook.embedded", "--data-dir", str(data_dir)]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        command += [flag] if value is True else [flag, str(value)] if value not in (False, None) else []
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir.with_name(f"{data_dir.name}.log")
    with log.open("a") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
    return EmbeddedServer(process=process, data_dir=data_dir, log=log, **json.loads(line))


def end_server(server: EmbeddedServer) -> None:
    """Make sure that the process has ended, and close its pipe."""
    with contextlib.suppress(OSError):
        server.kill()
    if server.process.stdout is not None:
        server.process.stdout.close()
