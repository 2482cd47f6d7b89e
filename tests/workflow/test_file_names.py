"""Placeholders in the names of saved files are filled in when the graph is sent, not when it is loaded."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

import pytest

from comfy_notebook.workflow.file_names import fill_names
from comfy_notebook.workflow.workflow import Workflow

from .support import catalog, example

NOW = datetime(2026, 8, 7, 6, 5, 4)


def graph(prefix: Any) -> dict[str, Any]:
    return {
        "3": {"class_type": "KSampler", "inputs": {"seed": 5, "cfg": 7.0, "model": ["1", 0]}},
        "4": {"class_type": "KSampler", "inputs": {"seed": 6}, "_meta": {"title": "Second pass"}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": prefix}, "_meta": {"title": "Save"}},
    }


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("%date:yyyy-MM-dd%/%KSampler.seed%", "2026-08-07/5"),
        ("%Second pass.seed%", "6"),
        ("%KSampler.cfg%", "7"),
        (
            "%KSampler.model% %nobody.seed% %KSampler.steps%",
            "%KSampler.model% %nobody.seed% %KSampler.steps%",
        ),
        ("%width%x%height%", "%width%x%height%"),
        ("%SaveImage.filename_prefix%", "%SaveImage.filename_prefix%"),
        ("100 %", "100 %"),
        (["3", 0], ["3", 0]),
    ],
)
def test_names_in_a_graph(prefix: Any, name: Any) -> None:
    given = graph(prefix)
    fill_names(given, now=NOW)
    assert given == graph(name)


def test_only_names_of_saved_files() -> None:
    given = graph("x")
    given["7"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "%KSampler.seed%"}}
    given["8"] = {"class_type": "SaveImageWebsocket", "inputs": {"filename_prefix": "%KSampler.seed%"}}
    kept = copy.deepcopy(given)
    fill_names(given, now=NOW)
    assert given == kept


def test_the_seed_of_the_run_is_in_the_name() -> None:
    wf = Workflow(graph("%KSampler.seed%"))
    wf.set("3.seed", 42)
    assert wf.to_api()["9"]["inputs"]["filename_prefix"] == "42"
    assert wf.graph["9"]["inputs"]["filename_prefix"] == "%KSampler.seed%", "and the next run has its own"


@pytest.fixture
def edited() -> Workflow:
    """The example in the editor's format, its file name made of placeholders."""
    document = copy.deepcopy(example("txt2img.editor"))
    for node in document["nodes"]:
        if node["type"] == "SaveImage":
            node["widgets_values"] = ["%date:yyyy%_%The sampler.seed%_%KSampler.steps%"]
        if node["type"] == "KSampler":
            node["properties"] = {**node.get("properties", {}), "Node name for S&R": "The sampler"}
    return Workflow.load(document, nodes=catalog())


def test_a_file_of_the_editor_keeps_its_placeholders_until_it_is_sent(edited: Workflow) -> None:
    before = edited.seed
    edited.set_seed(77)
    assert before != 77
    (save,) = [node_id for node_id, node in edited.graph.items() if node["class_type"] == "SaveImage"]
    year = datetime.now().year
    sent = edited.to_api()[save]["inputs"]["filename_prefix"]
    assert sent.startswith(f"{year}_77_"), "by the name for search and replace, which the graph has not"
    assert edited.graph[save]["inputs"]["filename_prefix"].startswith("%date:yyyy%_")


def test_the_editors_document_agrees_with_the_graph(edited: Workflow) -> None:
    edited.to_api()
    assert not edited.edited
    edited.set_seed(77)
    document = edited.extra_pnginfo["workflow"]
    assert not edited.diff(Workflow.load(document, nodes=catalog()))
