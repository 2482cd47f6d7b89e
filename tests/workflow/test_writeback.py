"""Edited values back in the editor's document: only when it then converts to exactly the edited graph."""

from __future__ import annotations

import json
import os
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy_notebook.errors import ConversionError
from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.convert import Conversion, convert
from comfy_notebook.workflow.values import unwrap
from comfy_notebook.workflow.workflow import Workflow

from .support import ROOT, catalog, example

CORPUS = ROOT / "tests" / "data" / "ui2api"


def test_edited_values_go_back_where_they_came_from() -> None:
    wf = Workflow.load(example("txt2img.editor"), nodes=catalog())
    wf.update({"3.seed": 5, "3.cfg": 6.5, "5.width": 768, "Positive Prompt.text": "a harbour"})
    document = wf.extra_pnginfo["workflow"]
    nodes = {node["id"]: node for node in document["nodes"]}
    assert nodes[3]["widgets_values"] == [5, "randomize", 20, 6.5, "euler", "normal", 1]
    assert nodes[5]["widgets_values"] == [768, 512, 1]  # width, although height held the same value
    assert Workflow.load(document, nodes=catalog()).to_api() == wf.to_api()
    assert wf.editor == example("txt2img.editor")


def test_braces_are_escaped_where_the_editor_would_draw_a_branch() -> None:
    wf = Workflow.load(example("txt2img.editor"), nodes=catalog())
    wf["6"].text = "a {harbour|forest}"
    document = wf.extra_pnginfo["workflow"]
    assert next(n for n in document["nodes"] if n["id"] == 6)["widgets_values"] == [r"a \{harbour\|forest\}"]
    assert Workflow.load(document, nodes=catalog())["6"].text == "a {harbour|forest}"


def test_edits_of_more_than_values_cannot_go_back() -> None:
    for change in (
        lambda wf: wf.remove("5"),
        lambda wf: wf.add("PreviewImage"),
        lambda wf: setattr(wf["3"], "positive", wf["7"].output(0)),
        lambda wf: setattr(wf["3"], "title", "Sampler"),
        lambda wf: setattr(wf["6"], "text", Image.new("RGB", (2, 2))),
        lambda wf: setattr(wf["6"], "text", "see http://harbour"),  # the editor would drop the comment
    ):
        wf = Workflow.load(example("txt2img.editor"), nodes=catalog())
        change(wf)
        assert wf.edited
        assert wf.extra_pnginfo == {}


def test_another_option_goes_back_with_its_inputs() -> None:
    from .dynamic_nodes import catalog as dynamic

    values = ["scale dimensions", 64, 32, "disabled", "lanczos"]
    document = {
        "nodes": [
            {"id": 1, "type": "EmptyImage", "widgets_values": [8, 8], "inputs": [], "outputs": []},
            {
                "id": 2,
                "type": "ResizeImageMaskNode",
                "widgets_values": values,
                "inputs": [
                    {"name": "input", "type": "IMAGE,MASK", "link": 1},
                    {"name": "resize_type.width", "type": "INT", "widget": {"name": "resize_type.width"}},
                ],
            },
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
        "version": 0.4,
    }
    wf = Workflow.load(document, nodes=dynamic())
    wf["2"].resize_type = "scale by multiplier"
    wf.set("2.resize_type.multiplier", 2.5)
    written = wf.extra_pnginfo["workflow"]
    assert written["nodes"][1]["widgets_values"] == ["scale by multiplier", 2.5, "lanczos"]
    assert Workflow.load(written, nodes=dynamic()).to_api() == wf.to_api()
    assert document["nodes"][1]["widgets_values"] == values


FOLDERS = [CORPUS, *([Path(given)] if (given := os.environ.get("COMFY_NOTEBOOK_UI2API")) else [])]


@cache
def nodes_of(folder: Path) -> NodeCatalog:
    return NodeCatalog.load(folder / "object_info.json.gz")


@pytest.mark.parametrize(
    "path", [p for f in FOLDERS for p in sorted(f.glob("*.ui.json"))], ids=lambda path: path.name[:-8]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_value_that_is_set_comes_back_and_nothing_else_changes(path: Path, seed: int) -> None:
    """Set value, write back, convert again: for inputs that share one saved value, all at once."""
    nodes, draw = nodes_of(path.parent), random.Random(seed)
    document = json.loads(path.read_text(encoding="utf-8"))
    try:
        before = read(document, nodes)
    except ConversionError:
        return  # the editor refuses it as well
    shared: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for (node_id, name), source in before.sources.items():
        if settable(before.api, nodes, node_id, name):
            shared.setdefault(source.path, []).append((node_id, name))
    for saved in draw.sample(sorted(shared, key=str), min(len(shared), 5)):
        wf = Workflow(before.api, editor=document, nodes=nodes)
        node_id, name = shared[saved][0]
        value = another(wf[node_id][name], draw)
        for place in shared[saved]:
            wf.assign(*place, value)
        written = wf.extra_pnginfo["workflow"]
        after = read(written, nodes)
        assert {unwrap(after.api[n]["inputs"][i]) for n, i in shared[saved]} == {value}
        assert not Workflow(after.api).diff(wf)
        assert not changes(document, written) - {saved, saved[:-1]}


def read(document: dict[str, Any], nodes: NodeCatalog) -> Conversion:
    """A conversion that draws the same branches each time and leaves placeholders alone."""
    return convert(document, nodes, rng=FirstBranch(), keep_placeholders=True)


class FirstBranch(random.Random):
    def choice(self, seq: Any) -> Any:
        return seq[0]


def settable(graph: dict[str, Any], nodes: NodeCatalog, node_id: str, name: str) -> bool:
    """Whether an input holds a scalar that may take any other value of its type."""
    node = graph[node_id]
    info = nodes.get(node["class_type"])
    spec = info.spec_of(name, node["inputs"]) if info is not None else None
    value = node["inputs"].get(name)
    return isinstance(value, (bool, int, float, str)) and not (spec is not None and spec.dynamic)


def another(value: Any, draw: random.Random) -> Any:
    """A different value of the same type; numbers move by what every PrimitiveNode's step divides."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 64 * draw.randint(1, 9)
    return draw.choice(["a harbour", "x", "{one|two}", "%date%", "back\\slash"])


def changes(one: Any, other: Any, path: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    """The paths at which two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys: set[Any] = one.keys() | other.keys()
        return {p for k in keys for p in changes(one.get(k), other.get(k), (*path, k))}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return {p for k, pair in enumerate(zip(one, other, strict=True)) for p in changes(*pair, (*path, k))}
    return set() if one == other else {path}
