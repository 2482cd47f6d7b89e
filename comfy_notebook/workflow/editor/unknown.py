"""Nodes of a class the server does not have: kept by type, their values matched to names where possible.

The file names the inputs that stand for widgets, in widget order, and saves values in that order with
control values between them. When the two line up the values are kept under those names; when they do
not, the problem carries them, for no name is better than a wrong one.
"""

from __future__ import annotations

from typing import Any

from .model import Node, Problems
from .packs import BROWSER_ONLY

_CONTROLS = ("fixed", "increment", "decrement", "randomize")


def load_unknown(node: Node) -> None:
    """Keep an unknown node's values under the names its file gives, as far as they line up."""
    saved, named = node.raw.get("widgets_values"), node.raw.get("widgets_values_named")
    if isinstance(named, dict):
        node.values = {str(name): value for name, value in named.items() if name != "control_after_generate"}
    elif isinstance(saved, dict):
        node.values = {str(name): value for name, value in saved.items()}
    elif isinstance(saved, list):
        node.values = _matched([s.widget for s in node.sockets if s.widget is not None], saved)


def report_unknown(node: Node, path: str, problems: Problems, *, subgraph: bool) -> None:
    """Name the missing class, and the pack it comes from when the file says."""
    saved = node.raw.get("widgets_values")
    unmatched = saved if isinstance(saved, list) and saved and not node.values else None
    details: dict[str, Any] = {"widgets_values": unmatched} if unmatched else {}
    lost = " Its values could not be matched to input names and are left out." if unmatched else ""
    if subgraph:
        problems.add(
            "missing_subgraph",
            f"The file does not define the subgraph {node.type}: the node is kept by that type.{lost}",
            node,
            path=path,
            **details,
        )
        return
    pack = next((node.properties.get(key) for key in ("cnr_id", "aux_id") if node.properties.get(key)), None)
    if isinstance(pack, str) and pack != "comfy-core":
        where = f" It comes from the node pack {pack!r}."
        details["pack"] = pack
    elif isinstance(pack, str):
        where = " It is one of ComfyUI's own: the server is older or newer than the file."
    else:
        where = ""
    if node.type in BROWSER_ONLY:
        where = f" It lives in the editor only, and the server lacks its pack.{where}"
    if _alone(node):
        where += " Nothing is linked to it: the workflow runs the same without it."
    problems.add(
        "missing_node_type",
        f"The server has no node class {node.type!r:.100}.{where}{lost}",
        node,
        path=path,
        **details,
    )


def _alone(node: Node) -> bool:
    """Whether nothing leads into a node and nothing out of it."""
    outputs = node.raw.get("outputs")
    out = (
        any(entry.get("links") for entry in outputs if isinstance(entry, dict))
        if isinstance(outputs, list)
        else False
    )
    return not out and all(link is None for link in node.links)


def _matched(names: list[str], saved: list[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    at = 0
    for name in names:
        if at >= len(saved):
            return {}
        values[name] = saved[at]
        number = isinstance(saved[at], (int, float)) and not isinstance(saved[at], bool)
        at += 1
        if at < len(saved) and number and isinstance(saved[at], str) and saved[at] in _CONTROLS:
            at += 1
    return values if at == len(saved) else {}
