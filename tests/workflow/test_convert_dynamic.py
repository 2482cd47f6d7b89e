"""V3 inputs that come and go: dynamic combos and autogrow groups."""

from __future__ import annotations

from .editor_files import EditorFile, node_class, with_nodes

SEED = ["INT", {"control_after_generate": True}]
MODE = [
    "COMFY_DYNAMICCOMBO_V3",
    {
        "options": [
            {"key": "plain", "inputs": {"required": {}}},
            {
                "key": "scale",
                "inputs": {
                    "required": {"width": ["INT", {"default": 8}], "mask": ["MASK"], "seed": SEED},
                    "optional": {"note": ["STRING", {"default": "n"}]},
                },
            },
        ]
    },
]
IMAGES = [
    "COMFY_AUTOGROW_V3",
    {"template": {"input": {"required": {"image": ["IMAGE"]}}, "prefix": "image", "min": 1}},
]
NUMBERS = [
    "COMFY_AUTOGROW_V3",
    {"template": {"input": {"required": {"n": ["INT", {"default": 3}]}}, "names": ["a", "b", "c"], "min": 1}},
]
NESTED = [
    "COMFY_DYNAMICCOMBO_V3",
    {"options": [{"key": "many", "inputs": {"required": {"values": NUMBERS}}}]},
]
CATALOG = with_nodes(
    Nested=node_class({"mode": NESTED, "last": ["STRING", {}]}),
    Dynamic=node_class({"image": ["IMAGE"], "mode": MODE, "last": ["STRING", {}]}),
    OfAPack={
        **node_class({"mode": MODE, "last": ["STRING", {}]}),
        "python_module": "custom_nodes.a_pack",
    },
    Batch=node_class({"images": IMAGES, "last": ["STRING", {}]}),
    Sum=node_class({"values": NUMBERS, "last": ["STRING", {}]}),
    Any=node_class(
        {"a": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "IMAGE,MASK"}}]}
    ),
)


def only(kind: str, values=None, **more) -> dict:
    file = EditorFile()
    file.node(kind, values, **more)
    return file.inputs(CATALOG)["1"]


def test_the_chosen_options_inputs_follow_the_choice():
    got = only("Dynamic", ["scale", 64, 5, "fixed", "hello", "end"])
    assert got == {"mode": "scale", "mode.width": 64, "mode.seed": 5, "mode.note": "hello", "last": "end"}
    assert list(got) == ["mode", "mode.width", "mode.seed", "mode.note", "last"]


def test_an_option_without_inputs_brings_none():
    assert only("Dynamic", ["plain", "end"]) == {"mode": "plain", "last": "end"}


def test_the_first_option_is_the_default_and_inputs_have_theirs():
    assert only("Dynamic") == {"mode": "plain", "last": ""}
    assert only("Dynamic", ["scale"]) == {
        "mode": "scale",
        "mode.width": 8,
        "mode.seed": 0,
        "mode.note": "n",
        "last": "",
    }


def test_an_option_that_is_gone_keeps_its_name():
    assert only("Dynamic", ["gone", "end"]) == {"mode": "gone", "last": "end"}


def test_an_option_that_is_gone_is_reported():
    file = EditorFile()
    file.node("Dynamic", ["gone", "end"])
    (problem,) = file.convert(CATALOG).problems
    assert (problem.kind, problem.input_name, problem.severity) == ("unknown_option", "mode", "warning")
    assert "'scale'" in problem.message


def test_values_by_name_reach_nested_inputs():
    got = only("OfAPack", {"mode": "scale", "mode.width": 3, "last": "end"})
    assert (got["mode.width"], got["last"]) == (3, "end")


def test_nested_inputs_are_linked_by_their_full_name():
    file = EditorFile()
    file.node("Dynamic", ["scale", 64, 5, "fixed", "", "end"])
    file.node("PrimitiveInt", [1, "fixed"])
    file.node("ImageToMask", ["red"])
    file.link(2, 0, 1, "mode.width", "INT", widget=True)
    file.link(3, 0, 1, "mode.mask", "MASK")
    got = file.convert(CATALOG)
    assert got.api["1"]["inputs"]["mode.width"] == ["2", 0]
    assert got.api["1"]["inputs"]["mode.mask"] == ["3", 0]
    assert got.problems == []


def test_autogrow_inputs_are_exported_as_far_as_they_are_linked():
    file = EditorFile()
    file.node("Batch", ["end"])
    file.node("LoadImage", ["a.png"])
    for number in range(4):
        file.link(2, 0, 1, f"images.image{number}", "IMAGE")
    file[1]["inputs"].append({"name": "images.image4", "type": "IMAGE", "link": None})
    got = file.inputs(CATALOG)["1"]
    assert got == {"last": "end", **{f"images.image{number}": ["2", 0] for number in range(4)}}


def test_autogrow_values_come_in_order_of_their_widgets():
    assert only("Sum", [1, 2, "end"]) == {"last": "end", "values.a": 1, "values.b": 2}
    grown = [(f"values.{name}", "INT") for name in "abc"]
    assert only("Sum", [1, 2, "end", 4], inputs=grown) == {
        "values.a": 1,
        "values.b": 2,
        "last": "end",
        "values.c": 4,
    }


def test_groups_may_stand_inside_options():
    grown = [(f"mode.values.{name}", "INT") for name in "abc"]
    got = only("Nested", ["many", 1, 2, "end", 4], inputs=grown)
    assert got == {"mode": "many", "mode.values.a": 1, "mode.values.b": 2, "last": "end", "mode.values.c": 4}
    file = EditorFile()
    file.node("PrimitiveInt", [5, "fixed"])
    file.node("Nested", ["many", 1, 2, "end", 4])
    file.link(1, 0, 2, "mode.values.c", "INT", widget=True)
    converted = file.convert(CATALOG)
    assert converted.api["2"]["inputs"]["mode.values.c"] == ["1", 0]
    assert converted.problems == []


def test_a_matched_type_is_bypassed_as_what_it_allows():
    file = EditorFile()
    file.node("LoadImage", ["a.png"])
    file.node("Any", mode=4)
    file.node("SaveImage", ["x"])
    file.link(1, 0, 2, "a", "IMAGE")
    file.link(2, 0, 3, "images", "IMAGE")
    assert file.inputs(CATALOG)["3"]["images"] == ["1", 0]
