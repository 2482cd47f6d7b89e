"""What is refused, and in which words, beside what a real ComfyUI answered to the same graphs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import ClassVar

import pytest

from comfy_notebook.embedded.nodes.base import Input, Node, Output
from comfy_notebook.embedded.nodes.registry import default_registry
from comfy_notebook.embedded.validation import validate_prompt
from comfy_notebook.embedded.walk import types_match

RECORDED = json.loads(
    (Path(__file__).parents[1] / "data" / "embedded" / "validation_errors.json").read_text()
)
NODES = default_registry()


class Files:
    """A server with the checkpoint of the recording, and no files."""

    def path(self, name):
        raise FileNotFoundError(name)

    def names(self, folder):
        return {"checkpoints": ["tiny_sd15.safetensors"]}.get(folder, [])


def check(prompt, nodes=NODES, **options):
    return validate_prompt(copy.deepcopy(prompt), nodes, Files(), **options)


def plain(value):
    """Without what is ComfyUI's own: tooltips, and the lines of its source in tracebacks."""

    def strip(value):
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key not in ("tooltip", "traceback")}
        if isinstance(value, list):
            return [strip(item) for item in value if not (isinstance(item, dict) and not strip(item))]
        return value

    return strip(value)


@pytest.mark.parametrize(
    "recorded",
    [
        record
        for record in RECORDED
        # There are fewer samplers here; see test_a_long_list_is_only_counted.
        if record["status"] == 400 and "prompt" in record["request"] and "long list" not in record["case"]
    ],
    ids=lambda record: record["case"],
)
def test_refused_as_comfyui_refuses(recorded):
    verdict = check(recorded["request"]["prompt"])
    assert plain(verdict.body) == plain(recorded["answer"])


def test_a_graph_with_a_good_and_a_bad_output_runs_the_good_one():
    [recorded] = [record for record in RECORDED if record["case"].startswith("two outputs")]
    verdict = check(recorded["request"]["prompt"])
    assert verdict.error is None
    assert verdict.outputs == ("2",)
    assert plain(dict(verdict.node_errors)) == plain(recorded["answer"]["node_errors"])


def test_values_are_coerced_in_place_and_unknown_inputs_ignored():
    [recorded] = [record for record in RECORDED if record["case"].startswith("coercions")]
    prompt = copy.deepcopy(recorded["request"]["prompt"])
    assert validate_prompt(prompt, NODES, Files()).error is None
    assert prompt["1"]["inputs"] == {
        "width": 64, "height": 64, "batch_size": 1, "color": 6216863, "nonsense": 1,
    }  # fmt: skip


def test_an_unknown_class_is_named_with_its_title():
    graph = {"3": {"class_type": "NoSuchNode", "inputs": {}, "_meta": {"title": "My node"}}}
    error = check(graph).error
    assert error["type"] == "missing_node_type"
    assert error["extra_info"] == {"node_id": "3", "class_type": "NoSuchNode", "node_title": "My node"}


def test_the_nodes_of_a_cycle_are_named():
    loop = {
        "1": {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    [error] = check(loop).node_errors["1"]["errors"]
    assert error["type"] == "dependency_cycle"
    assert error["details"] == "1 (ImageInvert) -> 2 (ImageInvert) -> 1 (ImageInvert)"
    assert error["extra_info"] == {"node_id": "1", "cycle_nodes": ["1", "2"]}


class Everything(Node):
    """One input of each kind."""

    inputs: ClassVar = {
        "whole": Input("INT", {"default": 0, "min": 0, "max": 10}),
        "real": Input("FLOAT", {"default": 0.0}, optional=True),
        "word": Input("STRING", optional=True),
        "flag": Input("BOOLEAN", optional=True),
        "pick": Input("COMBO", choices=("a", "b"), optional=True),
        "other": Input("INT,FLOAT", optional=True),
        "any": Input("*", optional=True),
        "listed": Input("*", optional=True),
    }
    outputs = (Output("INT"),)
    output_node = True


ONE = {"Everything": Everything}


def graph(**inputs):
    return {"1": {"class_type": "Everything", "inputs": {"whole": 1, **inputs}}}


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ({"whole": "x"}, "invalid_input_type"),
        ({"whole": 11}, "value_bigger_than_max"),
        ({"whole": -1}, "value_smaller_than_min"),
        ({"real": "nan"}, "invalid_input_type"),
        ({"real": {}}, "invalid_input_type"),
        ({"pick": "c"}, "value_not_in_list"),
        ({"word": [1, 2, 3]}, "bad_linked_input"),
        ({"word": ["1"]}, "bad_linked_input"),
    ],
)
def test_what_a_value_can_be_refused_for(inputs, kind):
    verdict = check(graph(**inputs), ONE)
    [error] = verdict.node_errors["1"]["errors"]
    assert error["type"] == kind
    assert error["extra_info"]["input_name"] in inputs


def test_a_nodes_own_check_is_not_hidden_by_another_mistake():
    """Both are told, in ComfyUI's order; a file that comes from another node is not checked at all."""
    load = {"class_type": "LoadImageMask", "inputs": {"image": "no.png", "channel": "mauve"}}
    show = {"class_type": "MaskPreview", "inputs": {"mask": ["1", 0]}}
    verdict = check({"1": load, "2": show})
    assert [(error["type"], error["details"]) for error in verdict.node_errors["1"]["errors"]] == [
        ("value_not_in_list", "channel: 'mauve' not in ['alpha', 'red', 'green', 'blue']"),
        ("custom_validation_failed", "image - Invalid image file: no.png"),
    ]
    name = {"class_type": "PrimitiveString", "inputs": {"value": "no.png"}}
    load["inputs"] = {"image": ["3", 0], "channel": "alpha"}
    verdict = check({"1": load, "2": show, "3": name})
    assert [error["type"] for error in verdict.node_errors["1"]["errors"]] == ["return_type_mismatch"]


def test_a_long_list_is_only_counted():
    class Many(Node):
        inputs: ClassVar = {"pick": Input("COMBO", choices=[str(number) for number in range(42)])}
        output_node = True

    verdict = check({"1": {"class_type": "Many", "inputs": {"pick": "nope"}}}, {"Many": Many})
    [error] = verdict.node_errors["1"]["errors"]
    assert error["details"] == "pick: 'nope' not in (list of length 42)"
    assert error["extra_info"]["input_config"] is None


@pytest.mark.parametrize(
    "link", [["9", 0], ["1", 5], ["1", "0"], ["1", True], [1, 0], [["1"], 0], [None, 0], ["1", -9]]
)
def test_a_link_to_nothing_says_what_python_said_inside_comfyui(link):
    verdict = check(graph(any=link), ONE)
    assert verdict.error["type"] == "prompt_outputs_failed_validation"


def test_a_list_is_a_value_when_wrapped():
    prompt = graph(listed={"__value__": [1, "two"]})
    assert validate_prompt(prompt, ONE, Files()).error is None
    assert prompt["1"]["inputs"]["listed"] == [1, "two"]


@pytest.mark.parametrize(
    ("received", "wanted", "match"),
    [
        ("INT", "INT", True),
        ("INT", "INT,FLOAT", True),
        ("INT,FLOAT", "FLOAT", True),
        ("*", "MODEL", True),
        ("MODEL", "*", True),
        ("MODEL", "CLIP", False),
    ],
)
def test_unions_and_any(received, wanted, match):
    assert types_match(received, wanted) is match


def test_targets_choose_among_the_outputs():
    two = graph() | {"2": {"class_type": "Everything", "inputs": {"whole": 2}}}
    assert check(two, ONE, targets=["2"]).outputs == ("2",)
    assert check(two, ONE, targets=["nope"]).error["type"] == "prompt_no_outputs"


@pytest.mark.parametrize(
    "entry", [None, [], "x", 1, {"inputs": {}}, {"class_type": 5}, {"class_type": ["a"]}]
)
def test_what_is_no_node_is_refused(entry):
    assert check({"1": entry}).error["type"] == "missing_node_type"


def test_ten_thousand_nodes_in_a_row_are_no_deeper_than_one():
    chain = {"0": {"class_type": "Everything", "inputs": {"whole": 1}}}
    for number in range(1, 10_000):
        chain[str(number)] = {"class_type": "Everything", "inputs": {"whole": [str(number - 1), 0]}}
    last = "9999"
    assert check(chain, ONE, targets=[last]).outputs == (last,)
    chain["0"]["inputs"]["whole"] = ["9999", 0]
    [(_, wrong)] = check(chain, ONE, targets=[last]).node_errors.items()
    assert [error["type"] for error in wrong["errors"]] == ["dependency_cycle"]
    assert len(wrong["errors"][0]["details"]) < 1000
