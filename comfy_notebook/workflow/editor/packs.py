"""Node types that node packs add to the editor only, so that no server has a definition of them.

With the pack installed, the editor passes through or ignores these nodes, and so does conversion. Without
it, they are unknown classes like any other, as they are to the editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETTER, GETTER = "SetNode", "GetNode"
#: By a word of the pack's `python_module`: types that pass links on, and types that do nothing in a run.
_PACKS: Mapping[str, frozenset[str]] = {
    "kjnodes": frozenset({SETTER, GETTER}),
    "rgthree": frozenset(
        f"{name} (rgthree)"
        for name in (
            *("Reroute", "Label", "Bookmark", "Node Collector", "Random Unmuter", "Fast Actions Button"),
            *("Fast Muter", "Fast Bypasser", "Fast Groups Muter", "Fast Groups Bypasser"),
            *("Mute / Bypass Relay", "Mute / Bypass Repeater"),
        )
    ),
}
BROWSER_ONLY = frozenset().union(*_PACKS.values())


def in_the_browser(object_info: Mapping[str, Any]) -> frozenset[str]:
    """The node types that this server's editor knows beyond the server's own."""
    modules = {node.get("python_module") for node in object_info.values() if isinstance(node, dict)}
    words = [module.lower() for module in modules if isinstance(module, str)]
    found: frozenset[str] = frozenset()
    for pack, types in _PACKS.items():
        if any(pack in word for word in words):
            found |= types
    return found


def held_name(raw: Mapping[str, Any]) -> str | None:
    """The name under which a SetNode keeps a link and a GetNode fetches it."""
    saved = raw.get("widgets_values")
    name = saved[0] if isinstance(saved, list) and saved else None
    return name if isinstance(name, str) else None
