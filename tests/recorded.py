"""Frames recorded from a real ComfyUI 0.3.64, for tests that should not have to invent one."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@lru_cache
def _lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "frames.jsonl").read_text(encoding="utf-8").splitlines()]


def messages(recording: str | None = None) -> list[dict[str, Any]]:
    """The JSON messages, in the order they came."""
    return [x["json"] for x in _lines() if x["kind"] == "text" and recording in (None, x["from"])]


def frames(recording: str | None = None) -> list[tuple[bytes, dict[str, Any]]]:
    """The binary frames, each with what the recorder read in its header."""
    return [
        (base64.b64decode(x["b64"]), x["header"])
        for x in _lines()
        if x["kind"] == "binary" and recording in (None, x["from"])
    ]
