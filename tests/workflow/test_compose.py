"""A graph saved in the editor's format converts back to the same graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_notebook.errors import ComfyError, ConversionError
from comfy_notebook.workflow.workflow import Workflow
from comfy_notebook.workflow.writeback import editor_document

from .editor_files import DATA, core_nodes
from .support import EXAMPLES, catalog, example

NAMES = sorted(
    path.stem
    for path in EXAMPLES.glob("*.json")
    if not path.stem.endswith(".editor")
    and all(node["class_type"] in catalog() for node in json.loads(path.read_text(encoding="utf-8")).values())
)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_saved_for_the_editor_is_the_same_graph(name: str, tmp_path: Path) -> None:
    wf = Workflow.load(example(name), nodes=catalog())
    again = Workflow.load(wf.save(tmp_path / "a.json", format="editor"), nodes=catalog())
    assert str(again.source) == "from a.json (JSON, editor format)"
    assert list(again.problems) == []
    assert again.to_api() == wf.to_api()


@pytest.mark.parametrize("path", sorted(DATA.glob("*.api.json")), ids=lambda path: path.name)
def test_what_the_editor_exports_can_be_laid_out_again(path: Path) -> None:
    graph = json.loads(path.read_text(encoding="utf-8"))
    document = editor_document(graph, core_nodes())
    again = Workflow.load(document, nodes=core_nodes()).to_api()
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            assert again[node_id]["inputs"].get(name, "") == value or "%" in str(value)


def test_nodes_stand_in_columns_and_do_not_overlap(tmp_path: Path) -> None:
    wf = Workflow.load(example("txt2img"), nodes=catalog())
    document = json.loads(wf.save(tmp_path / "a.json", format="editor").read_text(encoding="utf-8"))
    places = {node["id"]: (*node["pos"], *node["size"]) for node in document["nodes"]}
    left = {link[1]: link[3] for link in document["links"]}
    assert all(places[source][0] + places[source][2] < places[target][0] for source, target in left.items())
    boxes = list(places.values())
    for at, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[at + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y


@settings(deadline=None)
@given(text=st.text(alphabet='ab{}|\\/*# \n"'), seed=st.integers(0, 2**64 - 1), cfg=st.floats(0, 100))
def test_any_values_come_back_or_are_named(text: str, seed: int, cfg: float) -> None:
    wf = Workflow.load(example("txt2img"), nodes=catalog())
    wf.update({"6.text": text, "KSampler.seed": seed, "KSampler.cfg": cfg})
    lost: list[Any] = []
    try:
        again = Workflow.load(wf._editor_document(), nodes=catalog())
    except ConversionError as error:
        lost = error.problems
        again = wf
    assert [(problem.node_id, problem.input_name) for problem in lost] in ([], [("6", "text")])
    assert again.to_api() == wf.to_api()


def test_the_document_that_was_loaded_is_kept_with_new_values(tmp_path: Path) -> None:
    editor = example("txt2img.editor")
    wf = Workflow.load(editor, nodes=catalog())
    wf["KSampler"].seed = 7
    saved = json.loads(wf.save(tmp_path / "a.json", format="editor").read_text(encoding="utf-8"))
    assert [node["pos"] for node in saved["nodes"]] == [node["pos"] for node in editor["nodes"]]
    assert Workflow.load(saved, nodes=catalog())["KSampler"].seed == 7


def test_what_the_editors_format_needs_is_said(tmp_path: Path) -> None:
    wf = Workflow.load(example("txt2img"))
    with pytest.raises(ConversionError, match="needs the node definitions"):
        wf.save(tmp_path / "a.json", format="editor")
    with pytest.raises(ComfyError, match="Use 'api' or 'editor'"):
        wf.save(tmp_path / "a.json", format="png")
    odd: dict[str, Any] = {"1": {"class_type": "NoSuchClass", "inputs": {}}}
    with pytest.raises(ConversionError, match=r"NoSuchClass \(node 1\): The server's definitions lack"):
        Workflow(odd, nodes=catalog()).save(tmp_path / "a.json", format="editor")
    undeclared = {**example("txt2img")}
    undeclared["3"]["inputs"]["magic"] = 5
    with pytest.raises(ConversionError, match="magic: The editor's format cannot hold 5 here"):
        Workflow(undeclared, nodes=catalog()).save(tmp_path / "a.json", format="editor")


def test_a_file_of_the_other_format_is_not_replaced(tmp_path: Path) -> None:
    wf = Workflow.load(example("txt2img"), nodes=catalog())
    path = wf.save(tmp_path / "a.json")
    with pytest.raises(ComfyError, match="not an editor-format workflow"):
        wf.save(path, format="editor")
    path = wf.save(tmp_path / "b.json", format="editor")
    assert wf.save(path, format="editor") == path
    with pytest.raises(ComfyError, match="not an API-format workflow"):
        wf.save(path)
