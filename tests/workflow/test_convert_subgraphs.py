"""Subgraphs: ids, links through their walls, promoted widgets, nesting, and graphs that never end."""

from __future__ import annotations

import random

import pytest

from comfy_notebook.workflow.editor.graph import MOST_NODES

from .editor_files import EditorFile, node_class, with_nodes

MUTED, BYPASSED = 2, 4


def resize() -> EditorFile:
    """Inside: an image is scaled, then inverted."""
    inner = EditorFile()
    inner.node("ImageScale", ["nearest-exact", 11, 12, "disabled"], id=5)
    inner.node("ImageInvert", id=6)
    inner.link(5, 0, 6, "image", "IMAGE")
    inner.link(-10, 0, 5, "image", "IMAGE")
    inner.link(-10, 1, 5, "width", "INT", widget=True)
    inner.link(-10, 2, 5, "height", "INT", widget=True)
    inner.link(6, 0, -20, "0", "IMAGE")
    return inner


INPUTS = [("image", "IMAGE"), ("width", "INT"), ("height", "INT")]
OUTPUTS = [("IMAGE", "IMAGE")]


@pytest.fixture
def file() -> EditorFile:
    """An image through one instance of `resize` (node 12) into a save node (node 3)."""
    made = EditorFile()
    made.definitions = [resize().definition("resize", INPUTS, OUTPUTS)]
    made.node("LoadImage", ["example.png"], id=1)
    made.node("resize", [640, 480], id=12)
    made.node("SaveImage", ["x"], id=3)
    made.link(1, 0, 12, "image", "IMAGE")
    made.link(12, 0, 3, "images", "IMAGE")
    return made


def scaled(width=640, height=480, image=None) -> dict:
    made = {"upscale_method": "nearest-exact", "width": width, "height": height, "crop": "disabled"}
    return {**made, "image": ["1", 0]} if image is None else made


def test_inner_nodes_carry_the_instances_id_and_its_values(file):
    assert file.inputs() == {
        "1": {"image": "example.png"},
        "3": {"filename_prefix": "x", "images": ["12:6", 0]},
        "12:5": scaled(),
        "12:6": {"image": ["12:5", 0]},
    }


def test_each_instance_has_its_own_values(file):
    file.node("resize", [100], id=13)
    got = file.inputs()
    assert got["12:5"]["width"] == 640
    assert (got["13:5"]["width"], got["13:5"]["height"]) == (100, 12)
    assert "image" not in got["13:5"]


def test_values_go_by_position_whether_linked_or_marked(file):
    file.node("PrimitiveInt", [48, "fixed"], id=7)
    file.link(7, 0, 12, "width", "INT")
    got = file.inputs()
    assert (got["12:5"]["width"], got["12:5"]["height"]) == (["7", 0], 480)


def test_an_object_of_values_is_not_read(file):
    file[12]["widgets_values"] = {"height": 5}
    got = file.inputs()["12:5"]
    assert (got["width"], got["height"]) == (11, 12)


def test_values_saved_both_ways_go_by_name_only_where_the_list_does_not_line_up(file):
    file[12]["widgets_values_named"] = {"width": 1, "height": 2}
    assert file.inputs()["12:5"]["width"] == 640
    file[12]["widgets_values"] = ["preview", 640, 480]
    got = file.inputs()["12:5"]
    assert (got["width"], got["height"]) == (1, 2)


def test_the_instances_links_are_matched_by_name(file):
    file[12]["inputs"] = [{"name": "height", "type": "INT", "link": None}, *file[12]["inputs"]]
    assert file.inputs()["12:5"]["image"] == ["1", 0]


def test_an_unlinked_input_leaves_the_inner_widget_alone(file):
    file[12]["widgets_values"] = []
    got = file.inputs()["12:5"]
    assert (got["width"], got["height"]) == (11, 12)


def test_one_input_may_reach_many_widgets(file):
    inner = resize()
    inner.node("EmptyImage", [1, 2, 3, 4], id=8)
    inner.link(-10, 1, 8, "color", "INT", widget=True)
    file.definitions = [inner.definition("resize", INPUTS, OUTPUTS)]
    got = file.inputs()
    assert (got["12:5"]["width"], got["12:8"]["color"]) == (640, 640)


def test_promoted_values_are_handed_down_as_they_are():
    inner = EditorFile()
    inner.node("CLIPTextEncode", ["inner"], id=1)
    inner.node("SaveImage", ["p"], id=2)
    inner.link(-10, 0, 1, "text", "STRING", widget=True)
    inner.link(-10, 1, 2, "filename_prefix", "STRING", widget=True)
    file = EditorFile()
    file.definitions = [inner.definition("texts", [("text", "STRING"), ("prefix", "STRING")], [])]
    file.node("texts", ["{a|b}", "%date:yyyy%"])
    file.node("texts", ["other", ["a", "list"]])
    got = file.inputs(rng=random.Random(1))
    assert got["1:1"]["text"] == "{a|b}"
    assert got["1:2"]["filename_prefix"] == "%date:yyyy%"
    assert got["2:1"]["text"] == "other"
    assert got["2:2"]["filename_prefix"] == {"__value__": ["a", "list"]}


def test_a_promoted_seed_has_no_control_slot():
    inner = EditorFile()
    inner.node("KSampler", [1, "randomize", 9, 8.0, "euler", "simple", 1.0], id=1)
    inner.link(-10, 0, 1, "seed", "INT", widget=True)
    inner.link(-10, 1, 1, "steps", "INT", widget=True)
    file = EditorFile()
    file.definitions = [inner.definition("sample", [("seed", "INT"), ("steps", "INT")], [])]
    file.node("sample", [5, 6])
    got = file.inputs()["1:1"]
    assert (got["seed"], got["steps"], got["cfg"]) == (5, 6, 8.0)


def test_muted_instances_take_their_inside_with_them(file):
    file[12]["mode"] = MUTED
    assert file.inputs() == {"1": {"image": "example.png"}, "3": {"filename_prefix": "x"}}


def test_bypassed_instances_hand_on_their_input(file):
    file[12]["mode"] = BYPASSED
    assert file.inputs() == {"1": {"image": "example.png"}, "3": {"filename_prefix": "x", "images": ["1", 0]}}


@pytest.mark.parametrize("mode", [MUTED, BYPASSED])
def test_the_mode_of_an_inner_instance_redirects_links_only(mode):
    deepest = EditorFile()
    deepest.node("ImageInvert", id=7)
    deepest.link(-10, 0, 7, "image", "IMAGE")
    deepest.link(7, 0, -20, "0", "IMAGE")
    middle = EditorFile()
    middle.node("deepest", id=5, mode=mode)
    middle.link(-10, 0, 5, "image", "IMAGE")
    middle.link(5, 0, -20, "0", "IMAGE")
    file = EditorFile()
    ends = [("image", "IMAGE")], [("OUT", "IMAGE")]
    file.definitions = [middle.definition("middle", *ends), deepest.definition("deepest", *ends)]
    file.node("LoadImage", ["example.png"])
    file.node("middle", id=12)
    file.node("SaveImage", ["x"])
    file.link(1, 0, 12, "image", "IMAGE")
    file.link(12, 0, 3, "images", "IMAGE")
    got = file.inputs()
    assert got["12:5:7"] == {"image": ["1", 0]}
    assert got["3"].get("images") == (None if mode == MUTED else ["1", 0])


def test_inner_modes_work_as_outside(file):
    file.definitions[0]["nodes"][0]["mode"] = BYPASSED
    assert file.inputs()["12:6"] == {"image": ["1", 0]}
    file.definitions[0]["nodes"][1]["mode"] = MUTED
    assert "images" not in file.inputs()["3"]


def test_an_output_that_nothing_inside_feeds_is_open(file):
    file.definitions[0]["outputs"][0]["linkIds"] = []
    assert "images" not in file.inputs()["3"]


def test_an_input_wired_straight_to_an_output_is_passed_through(file):
    inner = resize()
    inner.link(-10, 0, -20, "1", "IMAGE")
    file.definitions = [inner.definition("resize", INPUTS, [*OUTPUTS, ("raw", "IMAGE")])]
    file.links[1][2] = 1
    assert file.inputs()["3"]["images"] == ["1", 0]


def nested(file: EditorFile, outer_first: bool) -> None:
    """Node 12 becomes an instance of an outer subgraph that holds an instance of `resize` (inner node 7)."""
    outer = EditorFile()
    outer.node("resize", [21, 22], id=7)
    outer.link(-10, 0, 7, "image", "IMAGE")
    outer.link(-10, 1, 7, "width", "INT", widget=True)
    outer.link(7, 0, -20, "0", "IMAGE")
    made = outer.definition("outer", INPUTS[:2], OUTPUTS)
    file.definitions = [made, *file.definitions] if outer_first else [*file.definitions, made]
    file[12]["type"] = "outer"


@pytest.mark.parametrize("outer_first", [True, False])
def test_values_travel_down_any_number_of_levels_in_whatever_order(file, outer_first):
    nested(file, outer_first)
    got = file.inputs()
    assert (got["12:7:5"]["width"], got["12:7:5"]["height"]) == (640, 22)
    assert got["12:7:5"]["image"] == ["1", 0]
    assert got["3"]["images"] == ["12:7:6", 0]


def test_an_outer_instance_without_a_value_shows_the_inner_instances(file):
    nested(file, True)
    file[12]["widgets_values"] = []
    assert file.inputs()["12:7:5"]["width"] == 21


def test_definitions_may_stand_inside_definitions(file):
    nested(file, True)
    outer, inner = file.definitions
    outer["definitions"] = {"subgraphs": [inner]}
    file.definitions = [outer]
    assert file.inputs()["12:7:5"]["width"] == 640


def test_a_primitive_inside_works_as_outside(file):
    inner = resize()
    inner.links = [link for link in inner.links if link[2:5] != [1, 5, 1]]
    inner.node("PrimitiveNode", [77, "fixed"], id=9)
    inner.link(9, 0, 5, "width", "INT", widget=True)
    file.definitions = [inner.definition("resize", INPUTS, OUTPUTS)]
    assert file.inputs()["12:5"]["width"] == 77


def test_a_primitive_outside_sets_a_promoted_widget(file):
    file.node("PrimitiveNode", [33.4, "fixed"], id=9)
    file.link(9, 0, 12, "width", "INT", widget=True)
    assert file.inputs()["12:5"]["width"] == 33


def test_names_of_files_find_inner_nodes(file):
    file[3]["widgets_values"] = ["%ImageScale.upscale_method%-%resize.width%"]
    file[12]["title"] = "resize"
    assert file.inputs()["3"]["filename_prefix"] == "nearest-exact-640"


def test_an_instance_of_a_missing_definition_is_an_unknown_class(file):
    file.definitions = []
    file[12]["type"] = "96b776f4-50c5-5a75-b14e-9ca850f318f3"
    got = file.convert()
    assert got.api["3"]["inputs"]["images"] == ["12", 0]
    assert got.api["12"]["class_type"] == "96b776f4-50c5-5a75-b14e-9ca850f318f3"
    assert [(problem.kind, problem.node_id) for problem in got.problems] == [("missing_subgraph", "12")]


def test_problems_inside_name_the_flattened_node(file):
    file.definitions[0]["nodes"][1]["type"] = "Nowhere"
    file.definitions[0]["links"][0]["origin_id"] = 99
    assert {(p.kind, p.node_id) for p in file.convert().problems} == {
        ("missing_node_type", "12:6"),
        ("dangling_link", "12:6"),
    }


# Widgets listed by instances themselves (frontends 1.28 and later)


def test_values_go_by_the_listed_widgets(file):
    file[12]["properties"] = {"proxyWidgets": [["-1", "height"], ["5", "width"], ["6", "$$preview"]]}
    file[12]["widgets_values"] = [1, 2, "ignored"]
    got = file.inputs()["12:5"]
    assert (got["width"], got["height"]) == (2, 1)


@pytest.mark.parametrize("text", ['[["5", "height"]]', "[", "[" * 100_000, "7"])
def test_the_list_may_be_saved_as_text(file, text):
    file[12]["properties"] = {"proxyWidgets": text}
    file[12]["widgets_values"] = [9]
    got = file.inputs()["12:5"]
    assert (got["width"], got["height"]) == ((11, 9) if "height" in text else (9, 12))


def test_a_listed_widget_no_input_reaches_is_set_in_this_instance_alone(file):
    file[12]["properties"] = {"proxyWidgets": [["5", "crop"]]}
    file[12]["widgets_values"] = ["center"]
    file.node("resize", [1, 2], id=13)
    got = file.inputs()
    assert (got["12:5"]["crop"], got["13:5"]["crop"]) == ("center", "disabled")
    assert got["12:5"]["width"] == 11


def test_a_listed_widget_of_an_inner_instance_is_set_there(file):
    nested(file, True)
    file[12]["properties"] = {"proxyWidgets": [["7", "height"]]}
    file[12]["widgets_values"] = [3]
    assert file.inputs()["12:7:5"]["height"] == 3


def test_a_listed_widget_may_carry_the_number_of_the_node_it_is_nested_in(file):
    nested(file, True)
    file[12]["properties"] = {"proxyWidgets": [["7", "5: height"]]}
    file[12]["widgets_values"] = [3]
    assert file.inputs()["12:7:5"]["height"] == 3


def test_a_listed_widget_of_a_primitive_sets_what_it_feeds(file):
    inner = resize()
    inner.links = [link for link in inner.links if link[2:5] != [1, 5, 1]]
    inner.node("PrimitiveNode", [77, "fixed"], id=9)
    inner.link(9, 0, 5, "width", "INT", widget=True)
    file.definitions = [inner.definition("resize", INPUTS, OUTPUTS)]
    file[12]["properties"] = {"proxyWidgets": [["9", "value"]]}
    file[12]["widgets_values"] = [5]
    assert file.inputs()["12:5"]["width"] == 5


def test_a_listed_widget_that_is_not_there_is_a_warning(file):
    file[12]["properties"] = {"proxyWidgets": [["99", "width"]]}
    file[12]["widgets_values"] = [3]
    [problem] = file.convert().problems
    assert (problem.kind, problem.severity, problem.input_name) == ("missing_input", "warning", "width")


# Graphs that never end


def test_a_subgraph_inside_itself_is_left_out_and_named(file):
    inner = resize()
    inner.node("resize", [1, 2], id=7)
    inner.link(7, 0, 6, "image", "IMAGE")
    file.definitions = [inner.definition("resize", INPUTS, OUTPUTS)]
    got = file.convert()
    assert sorted(got.api) == ["1", "12:5", "12:6", "3"]
    assert [(p.kind, p.node_id) for p in got.problems] == [("cyclic_subgraph", "12:7")]


def test_two_subgraphs_inside_each_other_end_too(file):
    for one, other in (("a", "b"), ("b", "a")):
        inner = EditorFile()
        inner.node(other, id=1)
        inner.link(-10, 0, 1, "x", "INT", widget=True)
        inner.link(1, 0, -20, "0", "IMAGE")
        file.definitions.append(inner.definition(one, [("x", "INT")], OUTPUTS))
    file[12]["type"] = "a"
    got = file.convert()
    assert "images" not in got.api["3"]["inputs"]
    assert "cyclic_subgraph" in {problem.kind for problem in got.problems}


def chain(length: int, copies: int) -> EditorFile:
    """Definitions in a row, each holding so many instances of the next."""
    file = EditorFile()
    for level in range(length):
        inner = EditorFile()
        for copy in range(copies):
            inner.node(f"d{level + 1}" if level + 1 < length else "ImageInvert", id=copy)
            inner.link(-10, 0, copy, "image", "IMAGE")
        inner.link(0, 0, -20, "0", "IMAGE")
        file.definitions.append(inner.definition(f"d{level}", [("image", "IMAGE")], OUTPUTS))
    file.node("d0")
    return file


@pytest.mark.slow
def test_subgraphs_nested_fifty_thousand_deep_end_with_a_problem():
    got = chain(50_000, 1).convert()
    assert [problem.kind for problem in got.problems] == ["subgraph_too_deep"]


def test_subgraphs_that_unfold_without_bound_end_with_a_problem():
    got = chain(60, 2).convert()
    assert [problem.kind for problem in got.problems] == ["too_many_nodes"]
    assert len(got.api) <= MOST_NODES


def test_a_malformed_definition_raises_nothing(file):
    for broken in (
        None,
        [],
        "x",
        {"id": "resize"},
        {"id": "resize", "nodes": 3, "inputs": [None], "outputs": {}},
    ):
        file.definitions = [broken]
        assert "3" in file.inputs()


def test_an_unknown_class_inside_still_counts_among_the_promoted():
    inner = EditorFile()
    inner.node("Nowhere", [1], id=1)
    inner.node("EmptyImage", [8], id=2)
    inner.link(-10, 0, 1, "amount", "INT", widget=True)
    inner.link(-10, 1, 2, "width", "INT", widget=True)
    file = EditorFile()
    file.definitions = [inner.definition("mixed", [("amount", "INT"), ("width", "INT")], [])]
    file.node("mixed", [5, 6])
    got = file.inputs(with_nodes(Other=node_class()))
    assert (got["1:1"]["amount"], got["1:2"]["width"]) == (5, 6)


def test_a_link_from_an_input_that_the_definition_lacks_is_open(file):
    inside = file.definitions[0]
    inside["links"][1]["origin_slot"] = 7
    assert "image" not in file.inputs()["12:5"]


def test_a_listed_link_that_is_gone_hides_no_widget_behind_it(file):
    file.definitions[0]["inputs"][1]["linkIds"].insert(0, 999)
    assert file.inputs()["12:5"]["width"] == 640
