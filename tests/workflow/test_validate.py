"""What a server would refuse, found before anything is sent: one test a kind of problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comfy_notebook.client.records import FileRef
from comfy_notebook.errors import ComfyError, ConversionError, InvalidWorkflow, Problem
from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.validate import validate
from comfy_notebook.workflow.workflow import Workflow

from .support import ROOT, catalog, example


def problems(change: Any = None, name: str = "txt2img", **kwargs: Any) -> list[Problem]:
    graph = example(name)
    if change is not None:
        change(graph)
    return validate(graph, catalog(), **kwargs)


def one(change: Any, name: str = "txt2img", **kwargs: Any) -> Problem:
    found = problems(change, name, **kwargs)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def put(node_id: str, name: str, value: Any) -> Any:
    return lambda graph: graph[node_id]["inputs"].__setitem__(name, value)


@pytest.mark.parametrize("name", ["txt2img", "img2img", "inpaint", "postprocess"])
def test_the_examples_have_none(name: str) -> None:
    assert problems(name=name) == []


@pytest.mark.parametrize(
    ("node_id", "name", "value", "kind", "suggestion"),
    [
        ("3", "sampler_name", "eular", "value_not_in_list", "'euler'"),
        (
            "4",
            "ckpt_name",
            "old\\Analytic-Scenes.safetensors",
            "value_not_in_list",
            "'analytic-scenes.safetensors'",
        ),
        ("3", "steps", 0, "value_smaller_than_min", "1"),
        ("3", "cfg", 100.5, "value_bigger_than_max", "100.0"),
        ("3", "steps", "many", "invalid_input_type", "20"),
        ("3", "steps", None, "invalid_input_type", "20"),
        ("3", "cfg", float("nan"), "invalid_input_type", "8.0"),
        ("3", "model", ["5", 0], "return_type_mismatch", None),
        ("8", "vae", ["4", 0], "return_type_mismatch", "['4', 2], its VAE"),
        ("8", "samples", ["99", 0], "bad_linked_input", None),
        ("8", "vae", ["4", 7], "bad_linked_input", "['4', 2], its VAE"),
        ("3", "model", ["4", 0, 1], "bad_linked_input", "wrapping a list as {'__value__': […]}"),
    ],
)
def test_a_wrong_value_or_link_is_named_with_the_right_one(
    node_id: str, name: str, value: Any, kind: str, suggestion: str | None
) -> None:
    problem = one(put(node_id, name, value))
    assert (problem.node_id, problem.input_name, problem.kind) == (node_id, name, kind)
    assert problem.severity == "error"
    if suggestion is not None:
        assert problem.suggestion == suggestion


@pytest.mark.parametrize(("name", "value"), [("steps", "64"), ("steps", 6.0), ("cfg", 7), ("seed", True)])
def test_values_the_server_converts_are_accepted(name: str, value: Any) -> None:
    assert problems(put("3", name, value)) == []


def test_a_fraction_for_a_whole_number_is_refused() -> None:
    problem = one(put("3", "steps", 6.9))
    assert (problem.kind, problem.suggestion) == ("invalid_input_type", "7")


def test_a_missing_input_offers_its_default_or_the_misspelt_name() -> None:
    problem = one(lambda graph: graph["3"]["inputs"].pop("steps"))
    assert (problem.kind, problem.suggestion) == ("required_input_missing", "20")
    problem = one(lambda graph: graph["3"]["inputs"].pop("positive"))
    assert "CONDITIONING" in problem.message
    problem = one(lambda graph: graph["3"]["inputs"].__setitem__("sede", graph["3"]["inputs"].pop("seed")))
    assert "'sede'" in (problem.suggestion or "")
    assert problem.input_name == "seed"


def test_an_unknown_class_names_the_closest_or_its_pack() -> None:
    problem = one(lambda graph: graph["8"].__setitem__("class_type", "VAEDecod"))
    assert (problem.kind, problem.suggestion) == ("missing_node_type", "'VAEDecode'")
    editor = {
        "nodes": [],
        "definitions": {
            "subgraphs": [
                {"nodes": [{"id": 8, "type": "FancyDecode", "properties": {"cnr_id": "fancy-pack"}}]}
            ]
        },
    }
    problem = one(lambda graph: graph["8"].__setitem__("class_type", "FancyDecode"), editor=editor)
    assert "'fancy-pack'" in problem.message
    assert one(lambda graph: graph["8"].pop("class_type")).kind == "missing_node_type"


def test_a_loop_is_named_once() -> None:
    def loop(graph: dict[str, Any]) -> None:
        graph["20"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0], "vae": ["4", 2]}}
        graph["3"]["inputs"]["latent_image"] = ["20", 0]

    problem = one(loop)
    assert problem.kind == "dependency_cycle"
    assert {"3", "8", "20"} <= set(problem.message.replace(".", "").split())


def test_a_graph_without_output_nodes_is_refused() -> None:
    assert one(lambda graph: graph.pop("9")).kind == "prompt_no_outputs"
    assert [p.kind for p in validate({}, catalog())] == ["prompt_no_outputs"]


def test_only_what_the_outputs_need_is_checked() -> None:
    def stray(graph: dict[str, Any]) -> None:
        graph["20"] = {"class_type": "VAEDecode", "inputs": {}}

    assert problems(stray) == []


def test_a_partial_run_checks_its_targets_alone() -> None:
    def second(graph: dict[str, Any]) -> None:
        graph["20"] = {"class_type": "PreviewImage", "inputs": {"images": ["99", 0]}}

    assert [p.node_id for p in problems(second)] == ["20"]
    assert problems(second, targets=["9"]) == []
    assert one(second, targets=["8"]).kind == "prompt_no_outputs"


def test_upload_inputs_take_any_file_and_any_picture() -> None:
    problem = one(put("1", "image", "just uploaded.png"), "img2img")
    assert problem.severity == "warning"  # the list may be older than the file
    assert "lists no file 'just uploaded.png'" in problem.message
    for unlisted in ("folder/a.png", "a.png [output]"):
        assert problems(put("1", "image", unlisted), "img2img") == []
    assert problems(put("1", "image", np.zeros((2, 2, 3), np.uint8)), "img2img") == []
    problem = one(put("2", "pixels", np.zeros((2, 2, 3), np.uint8)), "img2img")
    assert "LoadImage" in (problem.suggestion or "")


def test_a_picture_in_a_text_input_is_refused() -> None:
    problem = one(put("6", "text", np.zeros((2, 2, 3), np.uint8)))
    assert (problem.kind, problem.input_name) == ("invalid_input_type", "text")
    assert problem.message.endswith("but takes text.")
    assert problems(put("6", "text", FileRef("uploaded.png"))) == []


def test_a_misspelt_optional_input_is_a_warning() -> None:
    object_info = {
        "Save": {"input": {"optional": {"quality": ["INT", {}]}}, "output": [], "output_node": True}
    }
    found = validate({"1": {"class_type": "Save", "inputs": {"qualty": 3}}}, type(catalog())(object_info))
    assert [(p.severity, p.kind, p.suggestion) for p in found] == [("warning", "unknown_input", "'quality'")]


RECORDED = [
    json.loads(line)
    for line in (ROOT / "tests" / "data" / "validation.jsonl").read_text("utf-8").splitlines()
]
# Where the server trips over a link it reports its own exception; what we say is the cause.
CAUSES = {"exception_during_inner_validation": {"bad_linked_input", "required_input_missing"}}


@pytest.mark.parametrize("said", RECORDED, ids=[said["case"] for said in RECORDED])
def test_a_real_comfyui_said_the_same(said: dict[str, Any]) -> None:
    try:
        graph = Workflow(said["prompt"]).graph
    except (ConversionError, InvalidWorkflow):
        assert said["error"] == "invalid_prompt"
        return
    found = [
        p
        for p in validate(graph, catalog(), targets=said.get("targets"))
        if p.severity == "error" and "cut it to" not in p.message  # stricter than the server: 3.9 for an INT
    ]
    for node_id, kind, name in said["node_errors"]:
        if kind != "custom_validation_failed":  # only the server knows whether an uploaded file is there
            assert {p.kind for p in found if p.node_id == node_id} & CAUSES.get(kind, {kind})
        if kind in {p.kind for p in found}:
            assert (node_id, name) in {(p.node_id, p.input_name) for p in found}
    named = [kind for _, kind, _ in said["node_errors"]]
    assert bool(found) == (said["status"] == 400 or bool(named)) or named == ["custom_validation_failed"]


CORPUS = ROOT / "tests" / "data" / "ui2api"


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.ui.json")), ids=lambda path: path.name[:-8])
def test_every_conversion_validates_or_names_its_problems(path: Path) -> None:
    """Whatever the editor saved: it is drawn, converted and checked, and each problem says where it is."""
    nodes = NodeCatalog.load(CORPUS / "object_info.json.gz")
    wf = Workflow.load(path)
    assert "<svg" in wf.to_svg()
    found = wf.validate(nodes)
    for problem in found:
        assert problem.message
        assert problem.kind != "invalid"
        assert problem.node_id is not None or problem.kind in ("prompt_no_outputs", "needs_editor")
    assert Workflow.load(json.dumps(wf.to_api()), nodes=nodes).to_api() == wf.to_api()
    assert repr(found)
    assert wf.inputs()._repr_html_()
    assert "<svg" in wf.to_svg()


def test_the_workflow_checks_itself() -> None:
    wf = Workflow.load(example("txt2img"))
    with pytest.raises(ComfyError, match=r"wf.validate\(client.nodes\)"):
        wf.validate()
    assert repr(wf.validate(catalog())) == "No problems found."
    wf["3"].sampler_name = "<b>"
    found = wf.validate()
    assert "value_not_in_list" in {problem.kind for problem in found.errors}
    assert "&lt;b&gt;" in found._repr_html_()
    assert "KSampler" in repr(found)
    assert [p.node_id for p in wf.validate(targets=["Save Image"])] == ["3"]


def test_each_thing_is_said_once_and_by_the_conversion() -> None:
    document = example("txt2img.editor")
    decode = next(node for node in document["nodes"] if node["type"] == "VAEDecode")
    decode |= {"type": "VAEDecod", "properties": {"cnr_id": "a-pack"}}
    (problem,) = Workflow.load(document, nodes=catalog()).validate()
    assert problem.kind == "missing_node_type"
    assert "a-pack" in problem.message


def test_an_open_link_is_not_also_a_missing_input() -> None:
    document = example("txt2img.editor")
    document["links"] = [link for link in document["links"] if link[5] != "VAE"]
    (problem,) = Workflow.load(document, nodes=catalog()).validate()
    assert (problem.kind, problem.input_name) == ("dangling_link", "vae")


def test_what_an_edit_has_settled_is_not_said_again() -> None:
    document = example("txt2img.editor")
    document["links"] = [link for link in document["links"] if link[5] != "VAE"]
    wf = Workflow.load(document, nodes=catalog())
    wf["VAEDecode"].vae = wf["CheckpointLoaderSimple"].output("VAE")
    assert not wf.validate()
    wf = Workflow.load(document, nodes=catalog())
    wf.remove("VAEDecode")
    assert {problem.kind for problem in wf.validate()} == {"required_input_missing"}


def test_no_suggestion_links_a_node_to_itself() -> None:
    graph = {
        "1": {"class_type": "ImageScale", "inputs": {"image": ["9", 0]}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    scale = {"input": {"required": {"image": ["IMAGE", {}]}}, "output": ["IMAGE"]}
    nodes = NodeCatalog({**catalog().raw, "ImageScale": scale})
    (problem,) = validate(graph, nodes)
    assert (problem.kind, problem.suggestion) == ("bad_linked_input", None)


def test_a_class_of_another_pack_is_not_taken_for_a_misspelt_one() -> None:
    nodes = NodeCatalog({**catalog().raw, "TestingText": {}, "Text Multiline": {}})
    assert nodes.closest("ttN text") is None
    assert nodes.closest("VAEDecod") == "VAEDecode"


def test_a_replaced_class_names_its_successor() -> None:
    replacements = {"OldDecode": [{"new_node_id": "VAEDecode", "old_node_id": "OldDecode"}]}
    nodes = NodeCatalog(catalog().raw, replacements)
    graph = example("txt2img")
    graph["8"]["class_type"] = "OldDecode"
    (problem,) = validate(graph, nodes)
    assert (problem.kind, problem.severity) == ("replaced_node_type", "warning")
    assert "'VAEDecode'" in problem.message
    document = example("txt2img.editor")
    next(node for node in document["nodes"] if node["type"] == "VAEDecode")["type"] = "OldDecode"
    (problem,) = Workflow.load(document, nodes=nodes).validate()
    assert (problem.kind, problem.severity) == ("replaced_node_type", "warning")


def test_choices_that_the_server_judges_itself_are_warnings() -> None:
    raw = {
        **catalog().raw,
        "CustomCombo": {"input": {"required": {"choice": ["COMBO", {"options": []}]}}, "output": ["STRING"]},
        "LoadLatent": {"input": {"required": {"latent": [["a.latent"]]}}, "output": ["LATENT"]},
        "Show": {"input": {"required": {"a": ["*"], "b": ["*"]}}, "output": [], "output_node": True},
    }
    graph = {
        "1": {"class_type": "CustomCombo", "inputs": {"choice": "anything"}},
        "2": {"class_type": "LoadLatent", "inputs": {"latent": "x.latent [output]"}},
        "3": {"class_type": "Show", "inputs": {"a": ["1", 0], "b": ["2", 0]}},
    }
    found = validate(graph, NodeCatalog(raw))
    assert [(p.node_id, p.kind, p.severity) for p in found] == [
        ("1", "value_not_in_list", "warning"),
        ("2", "value_not_in_list", "warning"),
    ]
    assert "on the server" not in str(found)


def test_many_unknown_classes_are_compared_with_a_large_catalog_once() -> None:
    raw = {f"{name} {number}": node for number in range(210) for name, node in catalog().raw.items()}
    nodes = NodeCatalog(raw)
    graph = {str(n): {"class_type": f"Unheard Of {n % 3}", "inputs": {}} for n in range(300)}
    wf = Workflow(graph, nodes=nodes)
    assert len(wf.validate().errors) == 300
    assert len(nodes._closest) == 3


def test_up_to_three_choices_are_all_named() -> None:
    def refused(count: int) -> str | None:
        raw = {
            "Show": {"input": {"required": {"n": [list(range(count))]}}, "output_node": True, "output": []}
        }
        (problem,) = validate({"1": {"class_type": "Show", "inputs": {"n": "?"}}}, NodeCatalog(raw))
        return problem.suggestion

    assert refused(3) == "0 or 1 or 2"
    assert refused(4) == "one of 0, 1, 2, …"


def test_an_old_input_that_a_class_still_takes_replaces_the_nested_one() -> None:
    """ComfyUI 0.33 runs graphs of older versions: `codec` beside `format`, in place of `format.codec`."""
    facts = json.loads((ROOT / "tests" / "data" / "object_info.nodes.json").read_text())
    nodes = NodeCatalog({name: facts[name] for name in ("CreateVideo", "EmptyImage", "SaveVideo")})
    graph: dict[str, Any] = {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 0},
        },
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8.0}},
        "3": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["2", 0], "filename_prefix": "v", "format": "mp4", "codec": "h264"},
        },
    }
    assert validate(graph, nodes) == []
    del graph["3"]["inputs"]["codec"]
    (problem,) = validate(graph, nodes)
    assert (problem.kind, problem.input_name) == ("required_input_missing", "format.codec")
