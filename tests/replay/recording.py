"""A recording read back: what was asked, what was answered, and what came over the socket meanwhile."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

DATA = Path(__file__).resolve().parents[1] / "data" / "recordings"
ENDS = ("execution_success", "execution_error", "execution_interrupted")
Frame = dict[str, Any] | bytes


@dataclass
class Run:
    """One submission as recorded: graph, answer, frames (with the seconds after it), and its history."""

    graph: dict[str, Any] | None
    status: int
    answer: Any
    job_id: str | None = None
    frames: list[tuple[float, Frame]] = field(default_factory=list)
    history: dict[str, Any] | None = None


@dataclass
class Recording:
    """`runs` in the order they were submitted; `answers` of everything else by method and path."""

    name: str
    runs: list[Run] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[tuple[tuple[str, str], ...], tuple[bytes, str]] = field(default_factory=dict)
    flags: bool = False

    @property
    def accepted(self) -> list[Run]:
        return [run for run in self.runs if run.job_id is not None]

    @property
    def refused(self) -> list[Run]:
        return [run for run in self.runs if run.job_id is None]


def names() -> list[str]:
    """The recordings there are: of ComfyUI 0.3.64, and of 0.33 under `0.33/`."""
    found = (path.relative_to(DATA).as_posix() for path in DATA.rglob("*.jsonl.gz"))
    return sorted(name.removesuffix(".jsonl.gz") for name in found)


def load(name: str | Path) -> Recording:
    """A recording by its name among the tests' data, or any file of the same form."""
    path = Path(name) if Path(str(name)).exists() else DATA / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    recording = Recording(path.name.partition(".")[0])
    running: dict[str, str] = {}
    begun: dict[str, float] = {}
    by_id: dict[str, Run] = {}
    for line in lines:
        if line["kind"] == "send" and "feature_flags" in line["text"]:
            recording.flags = True
        if line["kind"] == "http" and line["method"] == "POST" and line["path"].endswith("/prompt"):
            _submission(recording, line, by_id, begun)
    for line in lines:
        if line["kind"] == "http":
            _exchange(recording, line, by_id)
        elif line["kind"] in ("text", "binary"):
            _frame(line, running, by_id, begun)
    return recording


def _submission(
    recording: Recording, line: dict[str, Any], by_id: dict[str, Run], begun: dict[str, float]
) -> None:
    request = line.get("request")
    graph = request.get("prompt") if isinstance(request, dict) else None
    run = Run(graph, line["status"], line.get("body"))
    if line["status"] == 200 and isinstance(run.answer, dict):
        run.job_id = run.answer["prompt_id"]
        by_id[run.job_id] = run
        begun[run.job_id] = line["t"]
    recording.runs.append(run)


def _exchange(recording: Recording, line: dict[str, Any], by_id: dict[str, Run]) -> None:
    parts = urlsplit(line["path"])
    path = parts.path.removeprefix("/api")
    if path.startswith("/history/") and isinstance(line.get("body"), dict):
        for job_id, entry in line["body"].items():
            if job_id in by_id:
                by_id[job_id].history = entry
        return
    if path == "/view" and line["status"] == 200 and line.get("body_b64"):
        key = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        mime = line["headers"].get("content-type", "application/octet-stream")
        recording.files[key] = (base64.b64decode(line["body_b64"]), mime)
    if path != "/prompt" or line["method"] == "GET":
        key = f"{line['method']} {path}"
        if line["status"] == 200 or key not in recording.answers:
            recording.answers[key] = line


def _frame(
    line: dict[str, Any], running: dict[str, str], by_id: dict[str, Run], begun: dict[str, float]
) -> None:
    who = line["who"]
    frame: Frame
    if line["kind"] == "text":
        frame = line["json"]
        job_id = (frame.get("data") or {}).get("prompt_id")
        if job_id in by_id:
            running[who] = job_id
        else:
            return
    else:
        frame, job_id = base64.b64decode(line["b64"]), running.get(who)
    if job_id in by_id:
        by_id[job_id].frames.append((max(line["t"] - begun[job_id], 0.0), frame))
