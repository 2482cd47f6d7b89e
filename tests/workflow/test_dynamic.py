"""Dynamic inputs (V3): one meaning in addresses, edits, tables, checks and drawings."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_notebook.errors import InvalidWorkflow, UnknownInput
from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.workflow import Workflow

from .dynamic_nodes import catalog


@pytest.fixture
def wf() -> Workflow:
    """Two pictures (1, 2), resized by dimensions (3), batched (4) and shown (5)."""
    wf = Workflow(nodes=catalog())
    first, second = wf.add("EmptyImage"), wf.add("EmptyImage", width=64)
    wf.add("ResizeImageMaskNode", input=first, resize_type="scale dimensions")
    batch = wf.add("BatchImagesNode")
    batch.images = [first, second]
    wf.add("PreviewImage", images=batch)
    return wf


def kinds(wf: Workflow) -> list[tuple[str, str | None]]:
    return [(problem.kind, problem.input_name) for problem in wf.validate()]


def errors(wf: Workflow, change: Any) -> list[str]:
    wf["PreviewImage"].images = wf["ResizeImageMaskNode"]
    change(wf.graph["3"]["inputs"])
    return [str(problem) for problem in wf.validate().errors]


# -- options that bring inputs -------------------------------------------------------------------


def test_a_new_node_has_the_inputs_of_its_first_option(wf: Workflow) -> None:
    assert list(wf["3"].inputs) == [
        "resize_type",
        "resize_type.width",
        "resize_type.height",
        "resize_type.crop",
        "scale_method",
        "input",
    ]
    assert wf["3"]["resize_type.crop"] == "center"
    assert wf.get("ResizeImageMaskNode.resize_type.width") == 512


def test_another_option_brings_its_inputs_and_takes_the_old_ones_out(wf: Workflow) -> None:
    wf["3"].resize_type = "scale by multiplier"
    assert "resize_type.width" not in wf["3"]
    assert wf["3"]["resize_type.multiplier"] == 1.0
    wf["3"].resize_type = "keep"
    assert [name for name in wf["3"] if "." in name] == []


def test_choosing_the_same_option_again_keeps_its_values(wf: Workflow) -> None:
    wf.set("3.resize_type.width", 64)
    wf["3"].resize_type = "scale dimensions"
    assert wf["3"]["resize_type.width"] == 64


def test_an_input_of_another_option_names_the_option(wf: Workflow) -> None:
    with pytest.raises(UnknownInput, match=r"comes with resize_type = 'scale by multiplier'.*Choose"):
        wf.set("3.resize_type.multiplier", 2)


def test_a_misspelt_nested_input_names_the_closest(wf: Workflow) -> None:
    with pytest.raises(UnknownInput, match=r"Did you mean 'resize_type\.width'"):
        wf.set("3.resize_type.widht", 2)


def test_nested_values_are_read_from_text_by_their_own_type(wf: Workflow) -> None:
    assert wf.set_text("3.resize_type.width", "96") == 96
    with pytest.raises(InvalidWorkflow, match="not a whole number"):
        wf.set_text("3.resize_type.width", "wide")
    with pytest.raises(InvalidWorkflow, match="'center'"):
        wf.set_text("3.resize_type.crop", "centre")
    with pytest.raises(InvalidWorkflow, match="'scale dimensions'"):
        wf.set_text("3.resize_type", "scale dimension")
    wf.set_text("3.resize_type", "scale by multiplier")
    assert wf["3"]["resize_type.multiplier"] == 1.0


def test_nested_inputs_are_rows_of_the_table_with_range_and_help(wf: Workflow) -> None:
    rows = {row.name: row for row in wf.inputs() if row.node_id == "3"}
    assert rows["resize_type.width"].allowed == "0 … 16384"
    assert rows["resize_type.width"].help == "Target width in pixels."
    assert rows["resize_type.crop"].choices == ("disabled", "center")
    assert rows["resize_type"].choices == ("scale dimensions", "scale by multiplier", "match size", "keep")


# -- checks before sending -----------------------------------------------------------------------


def test_a_right_graph_has_no_problems(wf: Workflow) -> None:
    assert errors(wf, lambda inputs: None) == []


def test_a_missing_option_is_refused_once(wf: Workflow) -> None:
    (text,) = errors(wf, lambda inputs: inputs.pop("resize_type"))
    assert "resize_type: is missing. Try 'scale dimensions'" in text


def test_a_misspelt_option_is_refused_with_the_closest(wf: Workflow) -> None:
    (text,) = errors(wf, lambda inputs: inputs.__setitem__("resize_type", "scale dimension"))
    assert "Try 'scale dimensions'" in text


def test_nested_values_are_checked(wf: Workflow) -> None:
    (text,) = errors(wf, lambda inputs: inputs.__setitem__("resize_type.width", -1))
    assert "resize_type.width: -1 is below the minimum. Try 0." in text
    wf.set("3.resize_type.width", 8)
    (text,) = errors(wf, lambda inputs: inputs.pop("resize_type.height"))
    assert "resize_type.height: is missing. Try 512." in text


def test_an_input_of_another_option_is_refused(wf: Workflow) -> None:
    (text,) = errors(wf, lambda inputs: inputs.__setitem__("resize_type.multiplier", 2.0))
    assert "comes with resize_type = 'scale by multiplier'" in text


def test_a_misspelt_nested_name_is_refused_with_the_right_one(wf: Workflow) -> None:
    def misspell(inputs: dict[str, Any]) -> None:
        inputs["resize_type.widht"] = inputs.pop("resize_type.width")

    found = errors(wf, misspell)
    assert any("renaming 'resize_type.widht'" in text for text in found)


def test_a_linked_input_of_an_option_is_needed(wf: Workflow) -> None:
    wf["3"].resize_type = "match size"
    wf["PreviewImage"].images = wf["3"]
    assert kinds(wf) == [("required_input_missing", "resize_type.match")]
    wf.set("3.resize_type.match", wf["2"].output(0))
    assert kinds(wf) == []


def test_a_match_type_takes_what_its_template_allows(wf: Workflow) -> None:
    sampler = wf.add("KSamplerSelect")
    (text,) = errors(wf, lambda inputs: inputs.__setitem__("input", [sampler.id, 0]))
    assert "takes IMAGE,MASK, but is linked to SAMPLER" in text


# -- groups that grow ----------------------------------------------------------------------------


def test_a_list_fills_a_group_and_replaces_what_it_held(wf: Workflow) -> None:
    batch = wf["BatchImagesNode"]
    assert wf.graph["4"]["inputs"] == {"images.image0": ["1", 0], "images.image1": ["2", 0]}
    assert batch.images == [wf["1"].output(0), wf["2"].output(0)]
    batch.images = [wf["2"]]
    assert wf.graph["4"]["inputs"] == {"images.image0": ["2", 0]}
    batch.images = wf["1"].output(0)
    assert batch.images == [["1", 0]]
    batch.images = ["2", 0]
    assert wf.graph["4"]["inputs"] == {"images.image0": ["2", 0]}


def test_a_group_takes_no_more_than_its_most(wf: Workflow) -> None:
    with pytest.raises(UnknownInput, match="at most 4 values, not 5"):
        wf["BatchImagesNode"].images = [wf["1"]] * 5
    with pytest.raises(UnknownInput, match=r"no input 'images\.image4'"):
        wf.set("4.images.image4", wf["1"])
    wf.set("4.images.image3", wf["1"])
    assert kinds(wf) == []


def test_a_group_needs_its_least(wf: Workflow) -> None:
    wf["BatchImagesNode"].images = []
    assert kinds(wf) == [("required_input_missing", "images.image0")]


def test_a_misspelt_member_is_refused_with_the_closest(wf: Workflow) -> None:
    with pytest.raises(UnknownInput, match=r"images\.image2"):
        wf.set("4.images.imag2", wf["1"])
    wf.graph["4"]["inputs"]["images.imag2"] = ["1", 0]
    (problem,) = wf.validate()
    assert (problem.kind, problem.input_name) == ("unknown_input", "images.imag2")
    assert problem.suggestion == "'images.image2'"


def test_members_of_a_group_are_completed(wf: Workflow) -> None:
    assert wf["4"]._ipython_key_completions_() == ["images.image0", "images.image1", "images.image2"]


def test_links_of_members_are_drawn_with_their_type(wf: Workflow) -> None:
    assert "images.image1" in wf.to_svg()


# -- what is shown of a class --------------------------------------------------------------------


def test_a_class_is_shown_with_the_inputs_of_its_options() -> None:
    text = str(catalog()["ResizeImageMaskNode"])
    assert "with scale by multiplier; 0.01 … 8" in text
    assert "COMFY_" not in text
    assert "1 to 4: images.image0, …" in str(catalog()["BatchImagesNode"])


def test_the_facts_of_an_input_are_read() -> None:
    raw = {
        "input": {
            "required": {
                "on": ["BOOLEAN", {"label_on": "yes", "label_off": "no", "advanced": True, "hidden": True}],
                "name": ["STRING", {"display_name": "A name", "socketless": True, "lazy": True}],
            },
            "hidden": {"key": "AUTH_TOKEN_COMFY_ORG"},
        },
        "output": ["STRING"],
        "output_tooltips": ["What was said."],
        "output_matchtypes": ["switch"],
        "price_badge": {"expr": '{"type":"range_usd","usd":[0.04,0.12],"format":{"suffix":"/Run"}}'},
    }
    info = NodeCatalog({"Said": raw})["Said"]
    on, name = info.inputs["on"], info.inputs["name"]
    assert (on.labels, on.advanced, on.hidden) == (("no", "yes"), True, True)
    assert (name.display_name, name.socketless, name.lazy) == ("A name", True, True)
    assert on.display_name == "on"
    assert info.outputs[0].tooltip == "What was said."
    assert info.outputs[0].template == "switch"
    assert info.price == "$0.04 to $0.12/Run"
    assert "a run costs $0.04 to $0.12/Run" in str(info)
    assert "yes or no" in str(info)
    assert "key" in info.hidden


def test_a_node_knows_its_declared_inputs(wf: Workflow) -> None:
    assert list(wf["4"].specs) == ["images.image0", "images.image1", "images.image2"]
    assert wf["3"].specs["resize_type.width"].max == 16384


def test_text_for_a_whole_group_is_refused(wf: Workflow) -> None:
    with pytest.raises(InvalidWorkflow, match="takes several links"):
        wf.set_text("4.images", "a.png")
