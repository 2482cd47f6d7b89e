"""Muted and bypassed nodes, virtual nodes, unknown classes."""

from __future__ import annotations

from typing import Any

import pytest

from .editor_files import EditorFile, node_class, with_nodes

MUTED, BYPASSED = 2, 4


@pytest.fixture
def file() -> EditorFile:
    """An int into the width of an empty image, which is saved; node 9 is a second image."""
    made = EditorFile()
    made.node("PrimitiveInt", [48, "fixed"])
    made.node("EmptyImage", [64, 32, 1, 0])
    made.node("SaveImage", ["x"])
    made.link(1, 0, 2, "width", "INT", widget=True)
    made.link(2, 0, 3, "images", "IMAGE")
    return made


@pytest.mark.parametrize("mode", [0, 1, 3, None, "2", True])
def test_other_modes_are_ordinary(file, mode):
    file[2]["mode"] = mode
    assert file.inputs()["3"]["images"] == ["2", 0]


def test_a_muted_node_is_left_out_and_what_it_fed_stays_open(file):
    file[2]["mode"] = MUTED
    assert file.inputs() == {"1": {"value": 48}, "3": {"filename_prefix": "x"}}


def test_a_widget_fed_by_a_muted_node_keeps_its_value(file):
    file[1]["mode"] = MUTED
    assert file.inputs()["2"]["width"] == 64


def test_a_muted_reroute_cuts_its_link(file):
    file.node("Reroute", id=5, mode=MUTED)
    file.link(2, 0, 5, "")
    file.link(5, 0, 3, "images")
    assert "images" not in file.inputs()["3"]


def test_nodes_without_links_stay(file):
    file.node("ImageInvert", id=7)
    assert file.inputs()["7"] == {}


def test_notes_are_left_out_and_titles_kept(file):
    file.node("Note", ["text"], id=7)
    file.node("MarkdownNote", ["text"], id=8)
    file[2]["title"] = "My image"
    file[3]["title"] = ""
    got = file.convert()
    assert got.titles == {"1": "Int", "2": "My image", "3": "Save Image"}


def bypassed(*inputs: tuple[str, str], output: str, wanted: str, linked: int) -> object:
    """What a node wanting a type gets through a bypassed node with those inputs, one of them linked."""
    sockets = {name: [kind] for name, kind in inputs}
    catalog = with_nodes(
        Through=node_class(sockets, ("IMAGE", output)),
        Wants=node_class({"wanted": [wanted]}, ()),
        Gives=node_class({}, ("IMAGE",)),
    )
    file = EditorFile()
    file.node("Gives")
    file.node("Through", [1, 2, 3], mode=BYPASSED)
    file.node("Wants")
    file.link(1, 0, 2, inputs[linked][0])
    file.link(2, 1, 3, "wanted")
    return file.inputs(catalog)["3"].get("wanted")


GIVEN = ["1", 0]


def test_a_bypassed_node_hands_on_the_input_of_the_same_number():
    image = [("a", "IMAGE"), ("b", "IMAGE")]
    assert bypassed(*image, output="IMAGE", wanted="IMAGE", linked=1) == GIVEN
    assert bypassed(*image, output="IMAGE", wanted="IMAGE", linked=0) is None


def test_a_bypass_falls_back_to_the_first_input_of_exactly_the_wanted_type():
    sockets = [("a", "IMAGE,MASK"), ("b", "MODEL"), ("c", "IMAGE")]
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE", linked=2) == GIVEN
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE", linked=0) is None


def test_a_bypass_falls_back_to_the_first_input_that_fits():
    sockets = [("a", "image,mask"), ("b", "MODEL")]
    assert bypassed(*sockets, output="IMAGE", wanted="IMAGE", linked=0) == GIVEN
    assert bypassed(("a", "LATENT"), ("b", "MODEL"), output="IMAGE", wanted="IMAGE", linked=0) is None


def test_a_bypass_of_any_type_takes_the_input_of_the_same_number():
    assert bypassed(("a", "MODEL"), ("b", "LATENT"), output="IMAGE", wanted="*", linked=1) == GIVEN
    assert bypassed(("a", "MODEL"), output="IMAGE", wanted="*", linked=0) == GIVEN


def test_widgets_count_as_inputs_after_the_sockets():
    sockets = [("n", "INT"), ("a", "MODEL"), ("b", "LATENT")]
    assert bypassed(*sockets, output="IMAGE", wanted="*", linked=2) == GIVEN
    assert bypassed(*sockets, output="IMAGE", wanted="*", linked=0) is None


def test_a_bypassed_number_hands_on_what_feeds_its_value(file):
    file.node("PrimitiveInt", [9, "fixed"], id=5)
    file.link(5, 0, 1, "value", "INT", widget=True)
    file[1]["mode"] = BYPASSED
    assert file.inputs()["2"]["width"] == ["5", 0]


def test_a_bypass_that_fits_nothing_leaves_the_widget_its_value(file):
    file[1]["mode"] = BYPASSED
    assert file.inputs()["2"]["width"] == 64


def test_bypasses_in_a_circle_are_a_problem():
    file = EditorFile()
    file.node("ImageInvert", mode=BYPASSED)
    file.node("ImageInvert", mode=BYPASSED)
    file.node("SaveImage", ["x"])
    file.link(1, 0, 2, "image", "IMAGE")
    file.link(2, 0, 1, "image", "IMAGE")
    file.link(2, 0, 3, "images", "IMAGE")
    got = file.convert()
    assert got.api == {
        "3": {"inputs": {"filename_prefix": "x"}, "class_type": "SaveImage", "_meta": {"title": "Save Image"}}
    }
    assert [problem.kind for problem in got.problems] == ["cyclic_link"]


# Classes the server does not have


def test_an_unknown_class_is_kept_by_its_type_and_reported(file):
    file.node("Nowhere", [5, "randomize", "high"], id=7, title="Mine", properties={"cnr_id": "some-pack"})
    file.link(2, 0, 7, "image", "IMAGE")
    file[7]["inputs"] += [
        {"name": "seed", "type": "INT", "widget": {"name": "seed"}, "link": None},
        {"name": "level", "type": "COMBO", "widget": {"name": "level"}, "link": None},
    ]
    file.link(7, 0, 3, "images", "IMAGE")
    got = file.convert()
    assert got.api["7"] == {
        "inputs": {"seed": 5, "level": "high", "image": ["2", 0]},
        "class_type": "Nowhere",
        "_meta": {"title": "Mine"},
    }
    assert got.api["3"]["inputs"]["images"] == ["7", 0]
    [problem] = got.problems
    assert (problem.kind, problem.node_id, problem.class_type) == ("missing_node_type", "7", "Nowhere")
    assert "some-pack" in problem.message
    assert "without it" not in problem.message


def test_an_unknown_class_without_links_is_reported_as_unneeded(file):
    file.node("Nowhere", id=7, inputs=[("image", "IMAGE")])
    [problem] = file.convert().problems
    assert "runs the same without it" in problem.message


def test_values_that_match_no_names_are_not_guessed():
    file = EditorFile()
    file.node("Nowhere", [1, 2, 3], inputs=[("image", "IMAGE")])
    got = file.convert()
    assert got.api["1"]["inputs"] == {}
    assert got.problems[0].details == {"widgets_values": [1, 2, 3]}


def test_values_an_unknown_class_saves_by_name_are_kept_by_name():
    file = EditorFile()
    file.node("Nowhere", {"rate": 8, "frames": [1, 2]})
    assert file.inputs()["1"] == {"rate": 8, "frames": {"__value__": [1, 2]}}


def test_an_unknown_class_is_muted_and_bypassed_like_any_other(file):
    file.node("Nowhere", id=7, mode=BYPASSED)
    file.link(2, 0, 7, "image", "IMAGE")
    file.link(7, 0, 3, "images", "IMAGE")
    got = file.convert()
    assert got.api["3"]["inputs"]["images"] == ["2", 0]
    assert got.problems == []
    file[7]["mode"] = MUTED
    assert "images" not in file.inputs()["3"]


def through_set_and_get() -> EditorFile:
    """A picture held by a SetNode and fetched by a GetNode, then through another pack's reroute."""
    file = EditorFile()
    file.node("LoadImage", ["a.png"])
    file.node("SetNode", ["picture"])
    file.node("GetNode", ["picture"])
    file.node("Reroute (rgthree)")
    file.node("SaveImage", ["x"])
    file.node("Label (rgthree)", id=9)
    file.link(1, 0, 2, "IMAGE", "IMAGE")
    file.link(3, 0, 4, "", "IMAGE")
    file.link(4, 0, 5, "images", "IMAGE")
    return file


PACKS = with_nodes(
    A={**node_class(), "python_module": "custom_nodes.comfyui-kjnodes"},
    B={**node_class(), "python_module": "custom_nodes.rgthree-comfy"},
)


def test_nodes_a_pack_adds_to_the_browser_pass_links_on_where_the_server_has_the_pack():
    got = through_set_and_get().convert(PACKS)
    assert sorted(got.api) == ["1", "5"]
    assert got.api["5"]["inputs"]["images"] == ["1", 0]
    assert got.problems == []


def test_nodes_of_the_browser_pass_links_on_and_are_reported_without_their_pack():
    got = through_set_and_get().convert()
    assert sorted(got.api) == ["1", "5"]
    assert got.api["5"]["inputs"]["images"] == ["1", 0]
    assert {(problem.kind, problem.severity) for problem in got.problems} == {("browser_only", "warning")}
    assert all("editor only" in problem.message for problem in got.problems)


def test_a_get_node_that_reads_what_nothing_holds_is_a_problem():
    file = through_set_and_get()
    file[2]["widgets_values"] = ["other"]
    got = file.convert(PACKS)
    assert "images" not in got.api["5"]["inputs"]
    assert [(problem.kind, problem.node_id) for problem in got.problems] == [("dangling_link", "3")]


EVERYWHERE = with_nodes(
    **{"Anything Everywhere": node_class(output=())},
    UnusedHere={**node_class(), "python_module": "custom_nodes.cg-use-everywhere"},
)


def everywhere(**entry: Any) -> EditorFile:
    """A picture (1) that "Anything Everywhere" (2) sends to an inverter (3), by a link in `extra`."""
    file = EditorFile()
    file.node("LoadImage", ["a.png"], outputs=[{"name": "IMAGE", "type": "IMAGE", "links": []}])
    file.node("Anything Everywhere")
    file.link(1, 0, 2, "anything", "IMAGE")
    file.node("ImageInvert", inputs=[("image", "IMAGE")])
    link = {"downstream": 3, "downstream_slot": 0, "upstream": "1", "upstream_slot": 0, "controller": 2}
    file.extra = {"ue_links": [{**link, "type": "IMAGE", **entry}]}
    return file


def test_links_of_use_everywhere_are_added():
    got = everywhere().convert(EVERYWHERE)
    assert got.api["3"]["inputs"] == {"image": ["1", 0]}
    assert got.api["2"]["inputs"] == {"anything": ["1", 0]}
    assert got.problems == []


def test_nodes_of_use_everywhere_are_left_out_without_the_pack():
    got = everywhere().convert()
    assert got.api["3"]["inputs"] == {"image": ["1", 0]}
    assert "2" not in got.api
    assert [problem.kind for problem in got.problems] == ["browser_only"]


@pytest.mark.parametrize(
    ("entry", "kinds"),
    [
        ({"upstream": "99"}, ["invalid_link"]),
        ({"downstream_slot": 7}, ["invalid_link"]),
        ({"upstream_slot": 1}, ["invalid_link"]),  # a MASK
    ],
)
def test_stale_links_of_use_everywhere_are_left_out_and_reported(entry: dict, kinds: list[str]):
    got = everywhere(**entry).convert(EVERYWHERE)
    assert "image" not in got.api["3"]["inputs"]
    assert [problem.kind for problem in got.problems] == kinds


def test_links_of_use_everywhere_never_replace_real_ones_and_stop_with_their_node():
    file = everywhere()
    file.node("EmptyImage", [1, 2, 1, 0])
    file.link(4, 0, 3, "image", "IMAGE")
    assert file.inputs(EVERYWHERE)["3"]["image"] == ["4", 0]
    file = everywhere()
    file[2]["mode"] = BYPASSED
    assert "image" not in file.inputs(EVERYWHERE)["3"]


def test_use_everywhere_without_saved_links_is_reported():
    file = everywhere()
    file.extra = {}
    got = file.convert(EVERYWHERE)
    assert [(problem.kind, problem.node_id) for problem in got.problems] == [("unsupported_extension", "2")]
    file[2]["mode"] = BYPASSED
    assert file.convert(EVERYWHERE).problems == []


def test_links_into_inputs_that_use_everywhere_no_longer_has_are_cut():
    file = everywhere()
    file.link(1, 0, 2, "IMAGE", "IMAGE")
    assert file.inputs(EVERYWHERE)["2"] == {"anything": ["1", 0]}


def test_entries_that_are_not_nodes_are_named_and_left_out():
    file = EditorFile()
    file.node("ImageInvert")
    file.nodes += [None, [], {"id": 5}, {"id": 6, "type": 3}, {"type": "ImageInvert"}]
    got = file.convert()
    assert {node["class_type"] for node in got.api.values()} == {"ImageInvert"}
    assert len(got.api) == 2
    kinds = [problem.kind for problem in got.problems]
    assert kinds.count("invalid_node") == 3
    assert "missing_node_id" in kinds
