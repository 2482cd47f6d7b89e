"""Short names of inputs: `steps`, `prompt`, `negative`, `seed`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from comfy_notebook.errors import ComfyError, UnknownInput
from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.default import default_graph
from comfy_notebook.workflow.validate import validate
from comfy_notebook.workflow.workflow import Workflow

ROOT = Path(__file__).parents[2]
TXT2IMG = json.loads((ROOT / "notebooks" / "workflows" / "txt2img.json").read_text())


@pytest.fixture(scope="module")
def catalog() -> NodeCatalog:
    return NodeCatalog.load(ROOT / "tests" / "data" / "object_info.json")


def text(node_id: str, value: Any = "x") -> dict[str, Any]:
    return {node_id: {"class_type": "CLIPTextEncode", "inputs": {"text": value, "clip": ["4", 1]}}}


def sampler(positive: Any, negative: Any = None, node_id: str = "3", **more: Any) -> dict[str, Any]:
    inputs = {"seed": 1, "positive": positive, "negative": negative, **more}
    return {node_id: {"class_type": "KSampler", "inputs": {k: v for k, v in inputs.items() if v is not None}}}


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("prompt", [("6", "text")]),
        ("negative", [("7", "text")]),
        ("steps", [("3", "steps")]),
        ("seed", [("3", "seed")]),
        ("ckpt_name", [("4", "ckpt_name")]),
    ],
)
def test_short_names_in_a_standard_workflow(
    name: str, places: list[tuple[str, str]], catalog: NodeCatalog
) -> None:
    assert Workflow(TXT2IMG).places(name) == places
    assert Workflow(TXT2IMG, nodes=catalog).places(name) == places


def test_the_titles_and_the_order_of_the_file_do_not_matter() -> None:
    graph = {**text("7", "bad"), **text("6", "good"), **sampler(["6", 0], ["7", 0])}
    assert Workflow(graph).places("prompt") == [("6", "text")]
    assert Workflow(graph).places("negative") == [("7", "text")]


def test_a_prompt_is_found_through_other_nodes() -> None:
    graph = {
        **text("6", ["20", 0]),
        "20": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "good"}},
        **text("7", "bad"),
        "10": {
            "class_type": "ControlNetApplyAdvanced",
            "inputs": {"positive": ["6", 0], "negative": ["7", 0], "control_net": ["11", 0], "strength": 1.0},
        },
        "12": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["10", 0]}},
        **sampler(["12", 0], ["10", 1]),
    }
    assert Workflow(graph).places("prompt") == [("20", "value")]
    assert Workflow(graph).places("negative") == [("7", "text")]


def test_outputs_of_a_control_net_that_are_swapped() -> None:
    apply = {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["6", 0], "negative": ["7", 0]}}
    graph = {**text("6", "a"), **text("7", "b"), "10": apply, **sampler(["10", 1], ["10", 0], model=["4", 0])}
    assert Workflow(graph).places("prompt") == [("7", "text")]
    assert Workflow(graph).places("negative") == [("6", "text")]


def test_a_guider_takes_its_conditioning_for_the_prompt() -> None:
    graph = {
        **text("6"),
        "22": {"class_type": "BasicGuider", "inputs": {"model": ["4", 0], "conditioning": ["26", 0]}},
        "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}},
    }
    assert Workflow(graph).places("prompt") == [("6", "text")]
    with pytest.raises(UnknownInput, match="no negative prompt"):
        Workflow(graph).places("negative")


def test_a_zeroed_prompt_is_not_a_negative_prompt() -> None:
    zero = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
    for negative in (["13", 0], ["6", 0]):
        graph = {**text("6"), "13": zero, **sampler(["6", 0], negative)}
        assert Workflow(graph).places("prompt") == [("6", "text")]
        with pytest.raises(UnknownInput, match="no negative prompt"):
            Workflow(graph).places("negative")


def test_both_texts_of_an_sdxl_encoder_are_the_prompt() -> None:
    inputs = {"text_g": "a", "text_l": "b", "width": 1024, "clip": ["4", 1]}
    graph = {"6": {"class_type": "CLIPTextEncodeSDXL", "inputs": inputs}, **sampler(["6", 0])}
    assert Workflow(graph).places("prompt") == [("6", "text_g"), ("6", "text_l")]


def test_two_encoders_of_one_text_are_set_together_and_of_two_are_refused() -> None:
    def graph(second: str) -> dict[str, Any]:
        return {
            **text("6", "a boat"),
            **text("8", second),
            **sampler(["6", 0]),
            **sampler(["8", 0], node_id="9"),
        }

    assert Workflow(graph("a boat")).places("prompt") == [("6", "text"), ("8", "text")]
    with pytest.raises(
        UnknownInput, match=r"'prompt' could be any of 2 texts: 6\.text of .*, 8\.text of "
    ) as caught:
        Workflow(graph("a ship")).places("prompt")
    assert "6.text" in caught.value.hint


def test_an_input_named_prompt_stands_in_where_there_is_no_sampler() -> None:
    graph = {"1": {"class_type": "PartnerImage", "inputs": {"prompt": "x", "seed": 3}}}
    assert Workflow(graph).places("prompt") == [("1", "prompt")]


def test_links_that_run_in_a_circle_end() -> None:
    graph = {
        "1": {"class_type": "ConditioningConcat", "inputs": {"conditioning_to": ["2", 0]}},
        "2": {"class_type": "ConditioningConcat", "inputs": {"conditioning_to": ["1", 0]}},
        **sampler(["1", 0]),
    }
    with pytest.raises(UnknownInput, match="no input 'prompt'"):
        Workflow(graph).places("prompt")


def test_a_misspelt_name_gets_the_closest() -> None:
    with pytest.raises(UnknownInput, match=r"no input 'stepz' that can be set\. Did you mean 'steps'"):
        Workflow(TXT2IMG).places("stepz")


def test_a_name_of_several_nodes_is_refused_with_their_addresses() -> None:
    graph = {**sampler(None, steps=20), **sampler(None, node_id="10", steps=5)}
    with pytest.raises(
        UnknownInput, match=r"2 nodes have an input 'steps': 3\.steps of .*, 10\.steps of"
    ) as caught:
        Workflow(graph).places("steps")
    assert "'3.steps'" in caught.value.hint


def test_an_optional_input_of_the_definition() -> None:
    inputs = {
        "required": {"image": ["IMAGE"]},
        "optional": {"dither": [["none", "bayer-2"]], "mask": ["MASK"]},
    }
    known = NodeCatalog.from_object_info({"Quantize": {"input": inputs, "output": ["IMAGE"]}})
    graph = {"1": {"class_type": "Quantize", "inputs": {"image": ["2", 0], "colors": 8}}}
    with pytest.raises(UnknownInput):
        Workflow(graph, nodes=known).places("mask")
    assert Workflow(graph, nodes=known).places("dither") == [("1", "dither")]
    with pytest.raises(UnknownInput):
        Workflow(graph).places("dither")


def test_the_default_workflow_is_valid_on_the_server_it_is_made_for(catalog: NodeCatalog) -> None:
    graph, checkpoint = default_graph(catalog)
    assert checkpoint in (catalog["CheckpointLoaderSimple"].inputs["ckpt_name"].choices or ())
    assert [p for p in validate(graph, catalog) if p.severity == "error"] == []
    wf = Workflow(graph, nodes=catalog)
    assert wf.places("prompt") == [("6", "text")]
    assert wf.places("negative") == [("7", "text")]
    assert wf.get("4.ckpt_name") == checkpoint


def _with_checkpoints(catalog: NodeCatalog, names: list[str]) -> NodeCatalog:
    raw = json.loads(json.dumps(dict(catalog.raw)))
    raw["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"] = [names]
    return NodeCatalog.from_object_info(raw)


def test_the_default_workflow_avoids_checkpoints_for_other_uses(catalog: NodeCatalog) -> None:
    known = _with_checkpoints(catalog, ["sd-inpainting.ckpt", "svd_xt.safetensors", "sd15.safetensors"])
    assert default_graph(known)[1] == "sd15.safetensors"
    assert default_graph(_with_checkpoints(catalog, ["svd.safetensors"]))[1] == "svd.safetensors"


def test_no_default_workflow_without_a_checkpoint_or_a_class(catalog: NodeCatalog) -> None:
    with pytest.raises(ComfyError, match="needs a checkpoint, and this server has none"):
        default_graph(_with_checkpoints(catalog, []))
    with pytest.raises(ComfyError, match="needs CheckpointLoaderSimple"):
        default_graph(NodeCatalog.from_object_info({}))
