"""Editor files built in a few lines, laid out as the editor would save them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.convert import Conversion, convert

DATA = Path(__file__).parents[1] / "data" / "ui2api"


@cache
def core_nodes() -> NodeCatalog:
    """The definitions of some sixty of ComfyUI's own nodes."""
    return NodeCatalog.load(DATA / "object_info.json.gz")


def with_nodes(**definitions: Any) -> NodeCatalog:
    """ComfyUI's own nodes and some more, each given as its `object_info` entry."""
    return NodeCatalog({**core_nodes().raw, **definitions})


def node_class(
    required: dict[str, Any] | None = None, output: tuple[str, ...] = ("IMAGE",), **optional: Any
) -> Any:
    """An `object_info` entry."""
    return {"input": {"required": required or {}, "optional": optional}, "output": list(output)}


class EditorFile:
    """A workflow in the editor's format; `definition()` gives the same as a subgraph's inside."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.links: list[list[Any]] = []
        self.definitions: list[dict[str, Any]] = []
        self.extra: dict[str, Any] = {}

    def node(self, kind: str, values: Any = None, *, id: Any = None, inputs: Any = None, **more: Any) -> Any:
        """Add a node and return its id; `inputs` are (name, type) pairs beyond those that get linked."""
        number = len(self.nodes) + 1 if id is None else id
        made = {"id": number, "type": kind, "mode": 0, "outputs": [], "properties": {}, **more}
        made["inputs"] = [{"name": name, "type": type_, "link": None} for name, type_ in inputs or ()]
        if values is not None:
            made["widgets_values"] = values
        self.nodes.append(made)
        return number

    def link(
        self, origin: Any, slot: int, target: Any, name: str, type_: str = "*", *, widget: bool = False
    ) -> int:
        """Link an output to an input by name; -10 as origin is the outside of a subgraph."""
        key = len(self.links) + 1
        at = 0
        if target != -20:
            entries = self[target]["inputs"]
            entry = next((e for e in entries if e["name"] == name), None)
            if entry is None:
                entries.append(entry := {"name": name, "type": type_})
            entry["link"] = key
            if widget:
                entry["widget"] = {"name": name}
            at = entries.index(entry)
        else:
            at = int(name)
        if origin != -10:
            outputs = self[origin]["outputs"]
            while len(outputs) <= slot:
                outputs.append({"name": "", "type": type_, "links": []})
            outputs[slot]["links"].append(key)
        self.links.append([key, origin, slot, target, at, type_])
        return key

    def __getitem__(self, id: Any) -> dict[str, Any]:
        return next(node for node in self.nodes if node["id"] == id)

    def saved(self) -> dict[str, Any]:
        """The file, as `json.load` would give it."""
        file = {"nodes": self.nodes, "links": self.links, "version": 0.4, "extra": self.extra}
        return {**file, "definitions": {"subgraphs": self.definitions}} if self.definitions else file

    def definition(
        self, id: str, inputs: list[tuple[str, str]], outputs: list[tuple[str, str]]
    ) -> dict[str, Any]:
        """This graph as a subgraph definition with those inputs and outputs (name, type)."""
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        links = [dict(zip(keys, link, strict=True)) for link in self.links]
        return {
            "id": id,
            "name": id,
            "version": 1,
            "nodes": self.nodes,
            "links": links,
            "inputs": [
                {"name": name, "type": kind, "linkIds": [n["id"] for n in links if came_in(n, at)]}
                for at, (name, kind) in enumerate(inputs)
            ],
            "outputs": [
                {"name": name, "type": kind, "linkIds": [n["id"] for n in links if goes_out(n, at)]}
                for at, (name, kind) in enumerate(outputs)
            ],
        }

    def convert(self, catalog: NodeCatalog | None = None, **options: Any) -> Conversion:
        return convert(self.saved(), catalog or core_nodes(), **options)

    def inputs(self, catalog: NodeCatalog | None = None, **options: Any) -> dict[str, dict[str, Any]]:
        """The converted inputs by node id."""
        return {key: node["inputs"] for key, node in self.convert(catalog, **options).api.items()}


def came_in(link: dict[str, Any], slot: int) -> bool:
    return link["origin_id"] == -10 and link["origin_slot"] == slot


def goes_out(link: dict[str, Any], slot: int) -> bool:
    return link["target_id"] == -20 and link["target_slot"] == slot
