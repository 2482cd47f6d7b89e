"""Edited values back in the editor's document: only when it then converts to exactly the edited graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from comfy_notebook.workflow.catalog import NodeCatalog
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


def test_what_changes_more_than_values_cannot_go_back() -> None:
    for change in (
        lambda wf: wf.remove("5"),
        lambda wf: wf.add("PreviewImage"),
        lambda wf: setattr(wf["3"], "positive", wf["7"].output(0)),
        lambda wf: setattr(wf["3"], "title", "Sampler"),
        lambda wf: setattr(wf["6"], "text", Image.new("RGB", (2, 2))),
        lambda wf: setattr(wf["6"], "text", "a {harbour|forest}"),  # the editor would draw one
    ):
        wf = Workflow.load(example("txt2img.editor"), nodes=catalog())
        change(wf)
        assert wf.edited
        assert wf.extra_pnginfo == {}


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.ui.json")), ids=lambda path: path.name[:-8])
def test_whatever_goes_back_converts_to_the_edited_graph(path: Path) -> None:
    nodes = NodeCatalog.load(CORPUS / "object_info.json.gz")
    wf = Workflow.load(path, nodes=nodes)
    rows = [row for row in wf.inputs() if row.given and type(row.value) is int]
    for n, row in enumerate(rows[:4]):
        wf.set(row.address, row.value + 100 + n)
    extra = wf.extra_pnginfo
    if wf.edited and extra:
        again = Workflow.load(json.dumps(extra["workflow"]), nodes=nodes)
        changed = {(c.node_id, c.input_name) for c in Workflow.load(path, nodes=nodes).diff(again)}
        assert {tuple(row.address.rsplit(".", 1)) for row in rows[:4]} <= changed
