"""What loading, editing, checking and drawing a workflow of 1,000 nodes costs.

    python benchmarks/workflow.py [NODES]

The graph is the editor's default one, repeated. Each line is the best of several runs; conversion
from the editor's format and reading object_info have benchmarks of their own.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.workflow import Workflow

ROOT = Path(__file__).parents[1]
RUNS = 5


def repeated(graph: dict[str, Any], nodes: int) -> dict[str, Any]:
    """The graph side by side with itself until it has about this many nodes."""
    many: dict[str, Any] = {}
    for step in range(0, nodes, len(graph)):
        for node_id, node in copy.deepcopy(graph).items():
            for value in node["inputs"].values():
                if isinstance(value, list):
                    value[0] = str(int(value[0]) + step)
            many[str(int(node_id) + step)] = node
    return many


def timed(name: str, call: Callable[[], Any]) -> Any:
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - start)
    print(f"{name:<28} {best * 1000:8.1f} ms")
    return result


def main(nodes: int) -> None:
    catalog = NodeCatalog.load(ROOT / "tests" / "data" / "object_info.json")
    graph = json.loads((ROOT / "notebooks" / "workflows" / "txt2img.json").read_text(encoding="utf-8"))
    text = json.dumps(repeated(graph, nodes))
    wf = timed(f"load {len(text) >> 10} kB of JSON", lambda: Workflow.load(text, nodes=catalog))
    print(f"({len(wf)} nodes)")
    timed("to_api", wf.to_api)
    timed("copy", wf.copy)
    timed("find a node by title", lambda: "Nobody has this title" in wf)
    timed("set_seed, all samplers", lambda: wf.set_seed(7))
    timed("inputs", wf.inputs)
    timed("diff", lambda: wf.diff(wf.copy()))
    timed("validate", wf.validate)
    timed("repr", lambda: repr(wf))
    timed("picture, first 400 nodes", wf.to_svg)
    small = Workflow.load(repeated(graph, 100), nodes=catalog)
    timed(f"picture, {len(small)} nodes", small.to_svg)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
