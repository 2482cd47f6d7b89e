"""What the benchmarks share: a server, two graphs, and one line per result."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import comfy_notebook as comfy
from comfy_notebook.clients import Client
from tests.servers import EmbeddedServer, start_server


@contextlib.contextmanager
def server(**options: object) -> Iterator[EmbeddedServer]:
    """An embedded server on a temporary data directory."""
    with tempfile.TemporaryDirectory() as directory:
        running = start_server(Path(directory) / "data", **options)
        try:
            yield running
        finally:
            running.kill()


def client(running: EmbeddedServer) -> Client:
    """A client connected to it."""
    return comfy.connect(running.url, api_key=running.api_key, default=False, quiet=True)


def picture(color: int, size: int = 256) -> dict[str, Any]:
    """A graph that makes one picture; use a new colour each time, or the server answers from its cache."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": size, "height": size, "batch_size": 1, "color": color},
        },
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "bench"}},
    }


def previews(count: int, color: int = 0) -> dict[str, Any]:
    """A graph that sends `count` preview frames as fast as it can."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": color},
        },
        "2": {
            "class_type": "TestingSleep",
            "inputs": {"seconds": 0.001 * count, "steps": count, "any": ["1", 0]},
        },
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "bench"}},
    }


def line(name: str, ours: float, floor: float, unit: str, goal: str) -> None:
    """Print one row: this package, the hand-written floor, their ratio, and the goal."""
    print(
        f"{name:<34} ours {ours:9.3f} {unit:<5} floor {floor:9.3f} {unit:<5} "
        f"ratio {ours / floor:5.2f}  ({goal})"
    )


def median(values: list[float]) -> float:
    return statistics.median(values)
