"""What the code that node packs add to the editor does, where no general rule can know it.

Some node types exist in the editor only, so that no server has a definition of them: they pass links on or
do nothing in a run. Some widgets are made by a pack's own code, so that no definition lists their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SETTER, GETTER = "SetNode", "GetNode"
#: Nodes of "Use Everywhere", which make links when the editor queues; `extra.ue_links` holds them.
EVERYWHERE = frozenset(
    {
        *("Anything Everywhere", "Anything Everywhere?", "Anything Everywhere3", "Prompts Everywhere"),
        "Seed Everywhere",
    }
)
#: Node types that exist in the editor only, and a word of the `python_module` of the pack that adds them.
BROWSER_ONLY: Mapping[str, str] = {
    **dict.fromkeys((SETTER, GETTER), "kjnodes"),
    **{
        f"{name} (rgthree)": "rgthree"
        for name in (
            *("Reroute", "Label", "Bookmark", "Node Collector", "Node Combiner", "Random Unmuter"),
            *("Fast Muter", "Fast Bypasser", "Fast Groups Muter", "Fast Groups Bypasser"),
            *("Fast Actions Button", "Mute / Bypass Relay", "Mute / Bypass Repeater"),
        )
    },
    **dict.fromkeys(EVERYWHERE, "use-everywhere"),
}
#: Saved values of buttons and previews, which no node reads.
PAGE_VALUES = frozenset({"videopreview", "choose video to upload", "choose folder to upload"})
_POWER_LORA = "Power Lora Loader (rgthree)"
_CUSTOM_COMBO = "CustomCombo"
COMPUTED = frozenset({_CUSTOM_COMBO})


def installed(node_type: str, modules: Iterable[str]) -> bool:
    """Whether a server with these Python modules has the pack that adds a node type to the editor."""
    return any(BROWSER_ONLY[node_type] in module.lower() for module in modules)


def held_name(raw: Mapping[str, Any]) -> str | None:
    """The name under which a SetNode keeps a link and a GetNode reads it."""
    saved = raw.get("widgets_values")
    name = saved[0] if isinstance(saved, list) and saved else None
    return name if isinstance(name, str) else None


def surplus_names(class_type: str, declared: int, saved: Sequence[Any]) -> dict[str, int]:
    """The inputs that a pack's code makes of saved values beyond the declared ones, with their positions."""
    if class_type == _CUSTOM_COMBO:
        names = ["index", *(f"option{n}" for n in range(1, len(saved)))]
        return dict(zip(names, range(declared, len(saved)), strict=False))
    if class_type == _POWER_LORA:
        rows = [at for at, value in enumerate(saved) if isinstance(value, Mapping) and "lora" in value]
        return {f"lora_{n}": at for n, at in enumerate(rows, 1)}
    return {}


def complete(class_type: str, values: dict[str, Any]) -> None:
    """Update the values that a pack's code computes from others; only classes of `COMPUTED` have some."""
    if class_type in COMPUTED and "index" in values:
        options = [value for name, value in values.items() if name.startswith("option")]
        if values.get("choice") in options:
            values["index"] = options.index(values["choice"])


def renamed_values(class_type: str, saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values saved by name under what today's version of the pack calls them.

    Old loaders of VideoHelperSuite have a `force_size` that says which of the custom sizes count.
    """
    size = saved.get("force_size")
    if not class_type.startswith("VHS_Load") or not isinstance(size, str):
        return saved
    found = {name: value for name, value in saved.items() if name != "force_size"}
    width, cross, height = size.partition("x")
    if cross:
        found["custom_width"] = int(width) if width.isdecimal() else 0
        found["custom_height"] = int(height) if height.isdecimal() else 0
    elif size != "Custom":
        if size != "Custom Width":
            found["custom_width"] = 0
        if size != "Custom Height":
            found["custom_height"] = 0
    return found
