"""A workflow inside another document: the one graph is found and its place is said; several are listed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfy_notebook.errors import InvalidWorkflow, NotAWorkflow
from comfy_notebook.workflow.workflow import Workflow

API: dict[str, Any] = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}
OTHER: dict[str, Any] = {"3": {"class_type": "KSampler", "inputs": {"seed": 2}}}
EDITOR: dict[str, Any] = {"nodes": [{"id": 3, "type": "KSampler"}], "links": []}
RECORD = [5, "b4c5", API, {"extra_pnginfo": {"workflow": EDITOR}}, ["3"]]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"input": {"workflow": API}}, "input.workflow"),
        ({"input": {"workflow_json": json.dumps(API)}, "version": "abc"}, "input.workflow_json"),
        ({"workflow_api": API, "name": "mine"}, "workflow_api"),
        ({"data": [{"payload": {"graph": API}}]}, "data.0.payload.graph"),
        ({"queue_running": [RECORD], "queue_pending": []}, "queue_running.0.2"),
        ({"b4c5": {"prompt": RECORD, "outputs": {}}}, "b4c5.prompt.2"),
        ({"first": API, "again": API}, "first"),
        ([API], "0"),
    ],
    ids=["RunPod", "Replicate", "workflow_api", "deep", "queue", "history", "twice the same", "list"],
)
def test_the_one_graph_is_found_wherever_it_is(document: Any, place: str) -> None:
    wf = Workflow.load(json.dumps(document).encode())
    assert wf.to_api() == API
    both = " with the editor's workflow" if wf.editor is not None else ""
    assert str(wf.source) == f"from bytes (JSON, API format{both}, at {place})"


def test_the_editors_document_of_a_record_is_kept() -> None:
    assert Workflow.load({"queue_running": [RECORD], "queue_pending": []}).editor == EDITOR
    assert Workflow.load({"3": API["3"], "workflow": EDITOR}).editor == EDITOR


def test_an_editor_document_alone_is_found_too() -> None:
    wf = Workflow.load({"project": {"canvas": EDITOR}})
    assert wf.editor == EDITOR
    assert "editor format, at project.canvas" in str(wf.source)


def test_several_graphs_are_listed_with_how_to_choose() -> None:
    history = {"aa": {"prompt": [1, "aa", API, {}, []]}, "bb": {"prompt": [2, "bb", OTHER, {}, []]}}
    with pytest.raises(NotAWorkflow) as refused:
        Workflow.load(history)
    assert str(refused.value) == (
        "The dict holds 2 different workflows: ['aa']['prompt'][2] (1 nodes), ['bb']['prompt'][2] (1 nodes). "
        "Choose one of the parsed JSON: Workflow.load(document['aa']['prompt'][2])."
    )
    assert Workflow.load(history["bb"]).to_api() == OTHER


@pytest.mark.parametrize("key", ["extra", "extraMetadata", "version"])
def test_what_civitai_puts_beside_the_nodes_is_left_out(key: str) -> None:
    beside = {"extra": {"airs": ["urn:air:x"]}, "extraMetadata": '{"steps": 25}', "version": 1}
    wf = Workflow.load({**API, key: beside[key]})
    assert wf.to_api() == API


def test_a_broken_node_is_still_refused() -> None:
    with pytest.raises(InvalidWorkflow, match="Node 'seed'"):
        Workflow.load({**API, "seed": 7})


def test_graphs_of_other_programs_are_not_taken_for_the_editors() -> None:
    with pytest.raises(NotAWorkflow, match="another program, such as InvokeAI"):
        Workflow.load({"nodes": [{"id": "x", "type": "invocation"}], "edges": []})


def test_a_document_full_of_values_is_searched_briefly() -> None:
    with pytest.raises(NotAWorkflow):
        Workflow.load({"rows": [{"a": [1, "{x}"]} for _ in range(100_000)]})
