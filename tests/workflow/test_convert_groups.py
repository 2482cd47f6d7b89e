"""Group nodes of older editors: expanded into nodes with the ids that frontend 1.58.1 gives them."""

from __future__ import annotations

from typing import Any

from comfy_notebook.workflow.editor.graph import BYPASSED, MUTED

from .editor_files import EditorFile, node_class, with_nodes


def inner(kind: str, values: Any = None, *inputs: str, **more: Any) -> dict[str, Any]:
    made = {"type": kind, "inputs": [{"name": name, "type": "*"} for name in inputs], "outputs": [], **more}
    return made if values is None else {**made, "widgets_values": values}


def grouped(
    nodes: list[Any], links: list[Any], values: Any = None, name: str = "G", **more: Any
) -> EditorFile:
    """A file whose node 12 is a group of these nodes, between a loaded picture (1) and a saved one (3)."""
    file = EditorFile()
    file.extra = {"groupNodes": {name: {"nodes": nodes, "links": links, "external": [], **more}}}
    file.node("LoadImage", ["example.png"], id=1)
    file.node(f"workflow>{name}", values, id=12)
    file.node("SaveImage", ["x"], id=3)
    return file


SCALE = inner("ImageScale", ["nearest-exact", 11, 12, "disabled"], "image")
INVERT = inner("ImageInvert", None, "image")
THEN = [[0, 0, 1, 0, 5, "IMAGE"]]


def test_inner_nodes_get_the_ids_that_follow_the_files():
    file = grouped([SCALE, INVERT], THEN, ["bilinear", 640, 480, "center"])
    file.link(1, 0, 12, "image", "IMAGE")
    file.link(12, 0, 3, "images", "IMAGE")
    got = file.convert()
    assert got.problems == []
    assert {key: node["inputs"] for key, node in got.api.items()} == {
        "1": {"image": "example.png"},
        "3": {"filename_prefix": "x", "images": ["15:14", 0]},
        "15:13": {
            "upscale_method": "bilinear",
            "width": 640,
            "height": 480,
            "crop": "center",
            "image": ["1", 0],
        },
        "15:14": {"image": ["15:13", 0]},
    }


def test_the_older_spelling_is_known_and_missing_values_are_the_class_defaults():
    file = grouped([SCALE, INVERT], THEN)
    file[12]["type"] = "workflow/G"
    assert file.inputs()["15:13"]["width"] == 512


def test_names_that_are_taken_are_prefixed_with_the_title():
    nodes = [SCALE, inner("ImageScale", ["lanczos", 1, 2, "disabled"], "image", title="Second")]
    file = grouped(nodes, [], ["area", 5, 6, "disabled", "bicubic", 7, 8, "center"])
    file.link(1, 0, 12, "Second image", "IMAGE")
    got = file.inputs()
    assert (got["15:13"]["width"], got["15:14"]["width"], got["15:14"]["crop"]) == (5, 7, "center")
    assert "image" not in got["15:13"]
    assert got["15:14"]["image"] == ["1", 0]


def test_controls_keep_their_slots_among_the_groups_values():
    sampler = inner("KSampler", [1, "fixed", 9, 8.0, "euler", "simple", 1.0])
    file = grouped(
        [sampler, SCALE], [], [5, "randomize", 6, 7.0, "heun", "karras", 0.5, "area", 1, 2, "center"]
    )
    got = file.inputs()
    assert (got["15:13"]["seed"], got["15:13"]["denoise"], got["15:14"]["crop"]) == (5, 0.5, "center")


def test_widgets_turned_into_sockets_come_after_all_others():
    first = inner("ImageScale", ["nearest-exact", 11, 12, "disabled"], "image", "height", "width")
    for entry in first["inputs"][1:]:
        entry["widget"] = {"name": entry["name"]}
    file = grouped([first, inner("EmptyImage", [1, 2, 3, 4])], [], ["area", "center", 5, 6, 7, 8, 12, 11])
    got = file.inputs()
    assert (got["15:13"]["crop"], got["15:13"]["height"], got["15:13"]["width"]) == ("center", 12, 11)
    # The second node's size is prefixed: `width` and `height` are taken only after it has been named.
    assert got["15:14"] == {"width": 5, "height": 6, "batch_size": 7, "color": 8}


def test_a_name_set_by_the_author_is_the_name_of_the_input():
    config = {"0": {"input": {"image": {"name": "picture"}, "width": {"name": "w"}}}}
    file = grouped([SCALE], [], None, config=config)
    file.node("PrimitiveInt", [48, "fixed"], id=4)
    file.link(1, 0, 12, "picture", "IMAGE")
    file.link(4, 0, 12, "w", "INT")
    got = file.inputs()["14:13"]
    assert (got["image"], got["width"]) == (["1", 0], ["4", 0])


def test_outputs_used_inside_are_hidden_unless_used_outside_too():
    file = grouped([SCALE, INVERT], THEN, external=[[0, 0, "IMAGE"]])
    file.link(12, 0, 3, "images", "IMAGE")
    assert file.inputs()["3"]["images"] == ["15:13", 0]
    file = grouped([SCALE, INVERT], THEN)
    file.link(12, 0, 3, "images", "IMAGE")
    assert file.inputs()["3"]["images"] == ["15:14", 0]


def test_primitives_inside_take_the_groups_value():
    primitive = inner("PrimitiveNode", [64, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": []}])
    target = inner("EmptyImage", [1, 2, 3, 4], "width")
    target["inputs"][0]["widget"] = {"name": "width"}
    file = grouped([primitive, target], [[0, 0, 1, 0, 5, "INT"]], [96, "fixed", 7, 8, 9])
    assert file.inputs()["15:14"] == {"width": 96, "height": 7, "batch_size": 8, "color": 9}


def test_primitives_outside_set_the_inner_widget():
    file = grouped([SCALE], [], ["area", 5, 6, "center"])
    file.node("PrimitiveNode", [33.6, "fixed"], id=4)
    file.link(4, 0, 12, "width", "INT", widget=True)
    assert file.inputs()["14:13"]["width"] == 34


def test_reroutes_inside_pass_on():
    nodes = [SCALE, inner("Reroute", None, ""), INVERT]
    file = grouped(nodes, [[0, 0, 1, 0, 5, "IMAGE"], [1, 0, 2, 0, 6, "IMAGE"]])
    file.link(12, 0, 3, "images", "IMAGE")
    got = file.inputs()
    assert sorted(got) == ["1", "16:13", "16:15", "3"]
    assert got["16:15"]["image"] == ["16:13", 0]
    assert got["3"]["images"] == ["16:15", 0]


def test_inner_prompts_are_still_drawn():
    file = grouped([inner("CLIPTextEncode", ["old"])], [], ["{new}"])
    assert file.inputs()["14:13"]["text"] == "new"


def test_the_mode_of_a_group_is_not_that_of_its_inside():
    file = grouped([SCALE, INVERT], THEN)
    file.link(1, 0, 12, "image", "IMAGE")
    file.link(12, 0, 3, "images", "IMAGE")
    file[12]["mode"] = MUTED
    assert file.inputs()["3"]["images"] == ["15:14", 0]
    file[12]["mode"] = BYPASSED
    assert file.inputs()["3"]["images"] == ["15:14", 0]
    nodes = file.extra["groupNodes"]["G"]["nodes"]
    file.extra["groupNodes"]["G"]["nodes"] = [{**node, "mode": MUTED} for node in nodes]
    assert file.inputs().keys() == {"1", "3"}


def test_groups_may_hold_groups():
    file = grouped([SCALE, INVERT], THEN, None, "Inner")
    outer = {
        "nodes": [inner("workflow>Inner", ["area", 1, 2, "center"], "image")],
        "links": [],
        "external": [],
    }
    file.extra["groupNodes"]["Outer"] = outer
    file[12]["type"] = "workflow>Outer"
    file.link(1, 0, 12, "image", "IMAGE")
    file.link(12, 0, 3, "images", "IMAGE")
    got = file.inputs()
    assert got["14:13:0"]["width"] == 1
    assert got["14:13:0"]["image"] == ["1", 0]
    assert got["3"]["images"] == ["14:13:1", 0]


def test_a_group_inside_itself_is_named():
    file = grouped([inner("workflow>G")], [])
    assert "cyclic_subgraph" in {problem.kind for problem in file.convert().problems}


def test_groups_that_unfold_without_bound_end_with_a_problem():
    file = EditorFile()
    groups = {f"g{n}": {"nodes": [inner(f"workflow>g{n + 1}")] * 9, "links": []} for n in range(15)}
    file.extra = {"groupNodes": {**groups, "g15": {"nodes": [INVERT], "links": []}}}
    file.node("workflow>g0")
    assert "too_many_nodes" in {problem.kind for problem in file.convert().problems}


def test_a_group_the_file_does_not_define_is_an_unknown_class():
    file = grouped([SCALE], [])
    file.extra = {}
    got = file.convert()
    assert got.api["12"]["class_type"] == "workflow>G"
    assert [problem.kind for problem in got.problems] == ["missing_node_type"]


def test_unknown_classes_inside_are_reported_where_they_stand():
    file = grouped([inner("Nowhere", [1], "image")], [])
    file.link(1, 0, 12, "image", "IMAGE")
    got = file.convert(with_nodes(Other=node_class()))
    assert got.api["14:13"]["inputs"] == {"image": ["1", 0]}
    assert [(p.kind, p.node_id) for p in got.problems] == [("missing_node_type", "14:13")]


def test_an_empty_title_counts_as_none():
    nodes = [SCALE, inner("ImageScale", ["lanczos", 1, 2, "disabled"], "image", title="")]
    file = grouped(nodes, [])
    file.link(1, 0, 12, "ImageScale image", "IMAGE")
    assert file.inputs()["15:14"]["image"] == ["1", 0]


def test_links_to_nodes_or_inputs_that_a_group_lacks_are_ignored():
    beyond = [[2, 0, 1, 0, 5, "IMAGE"], [0, 0, 2, 0, 5, "IMAGE"], [0, 0, 1, 7, 5, "IMAGE"]]
    file = grouped([SCALE, INVERT], beyond)
    file.link(1, 0, 12, "ImageInvert image", "IMAGE")
    assert file.inputs()["15:14"]["image"] == ["1", 0]


def test_an_input_that_a_file_does_not_name_is_the_classes():
    nodes = [SCALE, {**INVERT, "inputs": [{"name": None, "type": "IMAGE"}]}]
    assert grouped(nodes, THEN).inputs()["15:14"]["image"] == ["15:13", 0]


def test_a_primitive_that_feeds_nothing_inside_has_no_input_on_the_group():
    primitive = inner("PrimitiveNode", [64, "fixed"], outputs=[])
    file = grouped([primitive, inner("EmptyImage", [1, 2, 3, 4])], [], [5, 6, 7, 8])
    assert file.inputs()["15:14"] == {"width": 5, "height": 6, "batch_size": 7, "color": 8}


def test_a_reroute_used_only_inside_is_not_an_output_of_the_group():
    nodes = [SCALE, inner("Reroute", None, ""), INVERT]
    file = grouped(nodes, [[0, 0, 1, 0, 5, "IMAGE"], [1, 0, 2, 0, 6, "IMAGE"]])
    file.link(12, 1, 3, "images", "IMAGE")
    assert "images" not in file.inputs()["3"]


def test_an_open_reroute_inside_is_an_input_and_an_output_of_the_group():
    reroute = inner("Reroute", None, "")
    reroute["outputs"] = [{"name": "", "type": "IMAGE"}]
    file = grouped([reroute], [])
    file.link(1, 0, 12, "IMAGE", "IMAGE")
    file.link(12, 0, 3, "images", "IMAGE")
    assert file.inputs()["3"]["images"] == ["1", 0]


def test_a_primitive_that_feeds_a_group_inside_itself_raises_nothing():
    file = grouped([inner("workflow>G"), SCALE], [])
    file.node("PrimitiveNode", [33, "fixed"], id=4)
    file.link(4, 0, 12, "width", "INT", widget=True)
    assert "cyclic_subgraph" in {problem.kind for problem in file.convert().problems}
