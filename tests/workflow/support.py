"""What the tests of this folder share: the example workflows, and definitions a real server gave."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from comfy_notebook.workflow.catalog import NodeCatalog

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "notebooks" / "workflows"


@lru_cache
def catalog() -> NodeCatalog:
    """19 node classes as ComfyUI 0.3.64 defines them, with two checkpoints and one picture to choose."""
    return NodeCatalog.load(ROOT / "tests" / "data" / "object_info.json")


def example(name: str) -> dict[str, Any]:
    """One of the workflows the notebooks use, as JSON."""
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
