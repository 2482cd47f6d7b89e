"""A folder of files and an executor of a dozen lines: what a node needs to be run in a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comfy_notebook.embedded.nodes.base import Ui
from comfy_notebook.embedded.nodes.dynamic import nested
from comfy_notebook.embedded.nodes.registry import Registry, default_registry


class Cancelled(Exception):
    """Stands for the executor's own exception."""


class Folder:
    """`Files` over one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, annotated_name: str) -> Path:
        found = self.root / annotated_name.split(" [")[0]
        if not found.is_file():
            raise FileNotFoundError(annotated_name)
        return found

    def names(self, folder: str) -> list[str]:
        return sorted(p.name for p in self.root.iterdir()) if folder == "input" else []


@dataclass
class Bench:
    """A `Context` that keeps what a node reports; `cancel_after` looks at `check_cancelled`."""

    files: Folder
    node_id: str = "1"
    prompt: Mapping[str, Any] = field(default_factory=dict)
    extra_pnginfo: Mapping[str, Any] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)
    steps: list[tuple[int, int]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    looks: int = 0
    cancel_after: int | None = None

    def progress(self, value: int, total: int, preview: bytes | None = None) -> None:
        self.check_cancelled()
        self.steps.append((value, total))
        if preview is not None:
            self.previews.append(preview)

    def text(self, text: str) -> None:
        self.texts.append(text)

    def check_cancelled(self) -> None:
        self.looks += 1
        if self.cancel_after is not None and self.looks > self.cancel_after:
            raise Cancelled

    def save(
        self, data: bytes, prefix: str, suffix: str, type: str = "output", *, mark: str = "_"
    ) -> dict[str, str]:
        subfolder, _, name = prefix.rpartition("/")
        number = 1 + sum(key.startswith(prefix) for key in self.saved)
        self.saved[f"{prefix}_{number:05}{mark}{suffix}"] = data
        return {"filename": f"{name}_{number:05}{mark}{suffix}", "subfolder": subfolder, "type": type}


def run(bench: Bench, class_type: str, **inputs: Any) -> tuple[Any, ...] | Ui:
    """Run one node; inputs have the names of a graph (`{"format.codec": "h264"}`)."""
    node = default_registry()[class_type]
    return node().run(bench, **nested(node, inputs))


def run_graph(graph: Mapping[str, Any], bench: Bench, registry: Registry) -> None:
    """Run every node of a graph, each once, inputs first."""
    results: dict[str, tuple[Any, ...]] = {}

    def result(node_id: str) -> tuple[Any, ...]:
        if node_id not in results:
            node = graph[node_id]
            inputs = {
                name: result(value[0])[value[1]] if isinstance(value, list) else value
                for name, value in node["inputs"].items()
            }
            cls = registry[node["class_type"]]
            made = cls().run(bench, **nested(cls, inputs))
            results[node_id] = made.outputs if isinstance(made, Ui) else made
        return results[node_id]

    for node_id in graph:
        result(node_id)
