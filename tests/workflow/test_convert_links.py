"""Links: where they come from, what they pass through, and links that lead nowhere."""

from __future__ import annotations

import pytest

from .editor_files import EditorFile, node_class, with_nodes


@pytest.fixture
def file() -> EditorFile:
    """An image loaded, inverted and saved."""
    made = EditorFile()
    made.node("LoadImage", ["example.png", "image"])
    made.node("ImageInvert")
    made.node("SaveImage", ["ComfyUI"])
    made.link(1, 0, 2, "image", "IMAGE")
    made.link(2, 0, 3, "images", "IMAGE")
    return made


def test_plain_links_name_node_and_slot(file):
    assert file.inputs() == {
        "1": {"image": "example.png"},
        "2": {"image": ["1", 0]},
        "3": {"filename_prefix": "ComfyUI", "images": ["2", 0]},
    }


def test_slots_and_ids_written_as_text_are_read_as_numbers(file):
    file.links[0][1:5] = ["1", "0", "2", "0"]
    file.nodes[1]["inputs"][0]["link"] = "1"
    assert file.inputs()["2"] == {"image": ["1", 0]}


def test_ids_may_be_any_text(file):
    for link, origin, target in zip(file.links, ("load", "2"), ("2", "a b"), strict=True):
        link[1], link[3] = origin, target
    for node, name in zip(file.nodes, ("load", "2", "a b"), strict=True):
        node["id"] = name
    assert file.inputs() == {
        "2": {"image": ["load", 0]},
        "load": {"image": "example.png"},
        "a b": {"filename_prefix": "ComfyUI", "images": ["2", 0]},
    }


def test_numbered_nodes_come_first_and_ascending():
    file = EditorFile()
    for key in ("z", 10, 9, "a"):
        file.node("ImageInvert", id=key)
    assert list(file.convert().api) == ["9", "10", "z", "a"]


def test_more_elements_in_a_link_are_ignored(file):
    file.links[0] += [{"extra": True}, None, 7]
    assert file.inputs()["2"] == {"image": ["1", 0]}


def test_links_may_be_objects_whatever_the_version(file):
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    saved = file.saved()
    saved["links"] = [dict(zip(keys, link, strict=True)) for link in file.links]
    file.links = saved["links"]
    assert file.inputs()["3"]["images"] == ["2", 0]


def test_the_targets_link_and_the_table_decide_not_the_other_ends(file):
    file.links[0][3:5] = [99, 7]
    file.nodes[0]["outputs"] = []
    assert file.inputs()["2"] == {"image": ["1", 0]}


def test_a_link_that_its_target_does_not_list_is_restored(file):
    file.nodes[1]["inputs"][0]["link"] = None
    assert file.inputs()["2"] == {"image": ["1", 0]}


def test_a_forgotten_link_replaces_one_that_does_not_exist(file):
    file.nodes[1]["inputs"][0]["link"] = 999
    got = file.convert()
    assert got.api["2"]["inputs"] == {"image": ["1", 0]}
    assert got.problems == []


@pytest.mark.parametrize("inputs", [None, []])
@pytest.mark.parametrize("kind", ["ImageInvert", "Reroute"])
def test_forgotten_links_of_a_node_saved_without_inputs_are_restored(file, kind, inputs):
    file.nodes[1].update(type=kind, inputs=inputs)
    got = file.inputs()
    through = got["2"]["image"] if kind == "ImageInvert" else got["3"]["images"]
    assert through == ["1", 0]


def test_a_link_only_the_table_knows_is_stale(file):
    file.nodes[1]["inputs"][0]["link"] = None
    file.nodes[0]["outputs"][0]["links"] = []
    assert file.inputs()["2"] == {}


@pytest.mark.parametrize("broken", ["missing from the table", "from a missing node"])
def test_a_link_from_nowhere_is_a_problem_and_the_rest_is_converted(file, broken):
    if broken == "from a missing node":
        file.links[0][1] = 99
    else:
        del file.links[0]
    got = file.convert()
    assert got.api["2"]["inputs"] == {}
    assert got.api["3"]["inputs"]["images"] == ["2", 0]
    [problem] = got.problems
    assert (problem.kind, problem.node_id, problem.input_name) == ("dangling_link", "2", "image")


def test_malformed_links_are_named_and_skipped(file):
    file.links += [None, [], "x", {"id": 5}]
    got = file.convert()
    assert got.api["2"]["inputs"] == {"image": ["1", 0]}
    assert {problem.kind for problem in got.problems} == {"invalid_link"}
    assert len(got.problems) == 4


def test_a_later_node_of_the_same_id_wins_and_is_a_problem(file):
    file.node("SaveImage", ["other"], id=3)
    got = file.convert()
    assert got.api["3"]["inputs"] == {"filename_prefix": "other"}
    assert [problem.kind for problem in got.problems] == ["duplicate_node_id"]


def test_inputs_are_matched_by_name_in_whatever_order():
    file = EditorFile()
    file.node("LoadImage", ["example.png"])
    file.node("PrimitiveInt", [48, "fixed"])
    file.node("ImageScale", ["nearest-exact", 1, 2, "disabled"])
    file.link(2, 0, 3, "height", "INT")
    file.link(1, 0, 3, "image", "IMAGE")
    assert file.inputs()["3"] == {
        "upscale_method": "nearest-exact",
        "width": 1,
        "height": ["2", 0],
        "crop": "disabled",
        "image": ["1", 0],
    }


def test_an_input_only_the_file_has_is_kept_when_it_is_linked(file):
    file.link(1, 0, 3, "more", "IMAGE")
    file[3]["inputs"].append({"name": "unlinked", "type": "IMAGE", "link": None})
    assert file.inputs()["3"] == {"filename_prefix": "ComfyUI", "images": ["2", 0], "more": ["1", 0]}


def test_a_link_into_a_removed_widget_is_dropped_and_reported(file):
    file.link(1, 0, 3, "gone", "INT", widget=True)
    got = file.convert()
    assert got.api["3"]["inputs"] == {"filename_prefix": "ComfyUI", "images": ["2", 0]}
    assert [(p.kind, p.input_name) for p in got.problems] == [("missing_input", "gone")]


def test_a_node_may_have_no_slots_or_properties_at_all():
    file = EditorFile()
    file.nodes = [{"id": 1, "type": "EmptyImage"}, {"id": 2, "type": "PreviewImage"}]
    got = file.inputs()
    assert got["1"] == {"width": 512, "height": 512, "batch_size": 1, "color": 0}
    assert got["2"] == {}


def test_a_reroute_passes_its_link_on_and_is_left_out(file):
    file.node("Reroute", id=4)
    file.node("Reroute", id=5)
    file.link(2, 0, 4, "")
    file.link(4, 0, 5, "")
    file.link(5, 0, 3, "images")
    got = file.inputs()
    assert sorted(got) == ["1", "2", "3"]
    assert got["3"]["images"] == ["2", 0]


def test_a_widget_keeps_its_value_when_its_reroute_is_open():
    file = EditorFile()
    file.node("Reroute")
    file.node("EmptyImage", [64, 32, 1, 0])
    file.link(1, 0, 2, "width")
    assert file.inputs()["2"]["width"] == 64


def test_reroutes_drawn_on_links_change_nothing(file):
    file.extra = {
        "reroutes": [{"id": 1, "pos": [0, 0], "linkIds": [1]}],
        "linkExtensions": [{"id": 1, "parentId": 1}],
    }
    assert file.inputs()["2"] == {"image": ["1", 0]}


def test_a_long_chain_of_reroutes_does_not_recurse(file):
    last = 2
    for key in range(10, 20_010):
        file.nodes.append({"id": key, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": key}]})
        file.links.append([key, last, 0, key, 0, "*"])
        last = key
    file.links[1][1] = last
    assert file.inputs()["3"]["images"] == ["2", 0]


def test_an_ordinary_loop_is_exported(file):
    file.node("ImageBatch", id=4)
    file.link(4, 0, 4, "image1", "IMAGE")
    assert file.inputs()["4"] == {"image1": ["4", 0]}


def test_a_loop_of_reroutes_is_a_problem(file):
    file.node("Reroute", id=4)
    file.node("Reroute", id=5)
    file.link(4, 0, 5, "")
    file.link(5, 0, 4, "")
    file.link(5, 0, 3, "images")
    got = file.convert()
    assert "images" not in got.api["3"]["inputs"]
    assert [(p.kind, p.node_id) for p in got.problems] == [("cyclic_link", "3")]


def test_old_class_names_are_read_as_the_new_ones():
    file = EditorFile()
    file.node("T2IAdapterLoader", ["a.safetensors"])
    file.node("ConditioningAverage ", [0.5])
    got = file.convert()
    assert got.api["1"]["class_type"] == "ControlNetLoader"
    assert got.api["2"]["class_type"] == "ConditioningAverage"
    assert got.problems == []


def test_an_output_beyond_the_declared_ones_is_kept():
    catalog = with_nodes(Two=node_class({}, ("IMAGE", "MASK")))
    file = EditorFile()
    file.node("Two")
    file.node("PreviewImage")
    file.link(1, 4, 2, "images")
    assert file.inputs(catalog)["2"] == {"images": ["1", 4]}


def test_a_link_without_an_origin_slot_is_a_problem():
    file = EditorFile()
    file.node("EmptyImage")
    file.link(1, 0, file.node("ImageInvert"), "image")
    file.links[0][2] = "first"
    got = file.convert()
    assert "image" not in got.api["2"]["inputs"]
    assert [problem.kind for problem in got.problems] == ["dangling_link"]
