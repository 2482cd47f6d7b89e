"""Which inputs are seeds, and drawing one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from ..errors import ComfyError
from .order import links
from .wire import is_link

if TYPE_CHECKING:
    from .workflow import Workflow

NAMES = ("seed", "noise_seed")
_HIGHEST = 2**50 - 1  # what the editor draws up to: a JavaScript number holds it exactly


def seed_inputs(workflow: Workflow) -> list[tuple[str, str]]:
    """Every seed input that is not linked, as (node id, input name).

    An INT input is a seed by its name (`seed`, `noise_seed`), or when the editor may change it
    after each run (`control_after_generate`) and it is either named after a seed or its node feeds
    one: a plain number such as a PrimitiveInt used for a width is not a seed.
    """
    graph = workflow.graph
    feeders = {source for _, name, source, _ in links(graph) if name in NAMES}
    found = []
    for node in workflow.nodes:
        info = node.info
        data = graph[node.id].get("inputs", {})
        for name, value in data.items():
            if is_link(value):
                continue
            spec = info.inputs.get(name) if info is not None else None
            whole = spec.type == "INT" if spec is not None else isinstance(value, int) and value is not True
            if not whole or isinstance(value, bool):
                continue
            by_control = (
                spec is not None and spec.control_after_generate and ("seed" in name or node.id in feeders)
            )
            if name in NAMES or by_control or (node.id in feeders and spec is None and name == "value"):
                found.append((node.id, name))
    return found


def set_seed(workflow: Workflow, seed: int | str) -> int:
    """Give every seed input the same number; "random" draws one. Returns the number used."""
    found = seed_inputs(workflow)
    if not found:
        raise ComfyError("This workflow has no seed to set.", hint="No seed input in it is free of a link.")
    if isinstance(seed, str) and seed.strip().lower() == "random":
        highest = _HIGHEST
        for node_id, name in found:
            info = workflow.node(node_id).info
            limit = info.inputs[name].max if info is not None and name in info.inputs else None
            highest = min(highest, int(limit)) if limit is not None else highest
        number = random.SystemRandom().randint(0, max(0, highest))
    else:
        try:
            number = int(seed)
        except (TypeError, ValueError):
            raise ComfyError(f"{seed!r} is not a seed.", hint="Give a whole number, or 'random'.") from None
    for node_id, name in found:
        workflow.assign(node_id, name, number)
    return number
