"""Workflow: addressed, edited, linked and copied without ever creating anything by a typo."""

from __future__ import annotations

import json
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from comfy_notebook.errors import ComfyError, ConversionError, InvalidWorkflow, UnknownInput, UnknownNode
from comfy_notebook.workflow.workflow import Workflow

from .support import catalog, example


@pytest.fixture
def wf() -> Workflow:
    return Workflow.load(example("txt2img"))


@pytest.fixture
def known() -> Workflow:
    return Workflow.load(example("txt2img"), nodes=catalog())


# -- finding nodes -----------------------------------------------------------------------------


def test_a_node_is_found_by_id_title_or_class(wf: Workflow) -> None:
    assert wf["3"].class_type == "KSampler"
    assert wf[3].id == "3"
    assert wf["Positive Prompt"].id == "6"
    assert wf["VAEDecode"].title == "VAE Decode"
    assert wf[wf["9"]].id == "9"


def test_an_ambiguous_name_lists_who_has_it(wf: Workflow) -> None:
    with pytest.raises(UnknownNode, match=r"2 nodes have the class 'CLIPTextEncode'.*Positive.*Negative"):
        wf["CLIPTextEncode"]


def test_a_mistyped_name_names_the_closest(wf: Workflow) -> None:
    with pytest.raises(UnknownNode, match="KSampler") as caught:
        wf["KSampelr"]
    assert "Did you mean 'KSampler'" in caught.value.hint
    assert "KSampelr" not in wf
    assert "KSampler" in wf


def test_a_title_beats_a_class() -> None:
    wf = Workflow.load(example("txt2img"))
    wf["8"].title = "KSampler"
    wf["3"].title = "Refiner"
    assert wf["KSampler"].id == "8"


def test_display_names_count_as_titles_when_the_file_has_none() -> None:
    graph = example("txt2img")
    del graph["4"]["_meta"]
    assert Workflow.load(graph)["CheckpointLoaderSimple"].id == "4"
    assert Workflow.load(graph, nodes=catalog())["Load Checkpoint"].id == "4"


# -- reading and setting inputs ----------------------------------------------------------------


def test_inputs_are_attributes_and_items(wf: Workflow) -> None:
    wf["KSampler"].seed = 42
    wf["6"]["text"] = "a harbour"
    assert wf.to_api()["3"]["inputs"]["seed"] == 42
    assert wf["6"].text == "a harbour"
    assert wf.get("Positive Prompt.text") == "a harbour"


def test_a_typo_creates_nothing(wf: Workflow) -> None:
    before = wf.to_api()
    with pytest.raises(UnknownInput, match="Did you mean 'seed'"):
        wf["3"].sede = 1
    with pytest.raises(UnknownInput, match="sampler_name"):
        wf.set("3.sampler", "euler")
    with pytest.raises(UnknownInput):
        wf["3"].nothing_like_it  # noqa: B018
    assert wf.to_api() == before


def test_an_attribute_that_is_missing_looks_missing_to_python(wf: Workflow) -> None:
    assert hasattr(wf["3"], "seed")
    assert not hasattr(wf["3"], "sede")
    assert not hasattr(wf["3"], "_repr_html_")
    assert "seed" in dir(wf["3"])


def test_names_that_clash_are_reached_as_items() -> None:
    wf = Workflow({"1": {"class_type": "Card", "inputs": {"title": "ace", "id": 7}}})
    wf["1"]["title"] = "king"
    assert wf["1"]["title"] == "king"
    assert wf["1"].title == "Card"
    wf["1"].title = "My card"
    assert wf.to_api()["1"] == {
        "class_type": "Card",
        "inputs": {"title": "king", "id": 7},
        "_meta": {"title": "My card"},
    }
    with pytest.raises(ComfyError, match=r"node\['id'\]"):
        wf["1"].id = 3


def test_an_address_takes_the_longest_node_then_the_longest_input() -> None:
    wf = Workflow(
        {
            "1": {"class_type": "A", "inputs": {"b.c": 1, "d": 2}, "_meta": {"title": "v1.5 loader"}},
            "2": {"class_type": "B", "inputs": {"c": 3}, "_meta": {"title": "v1.5 loader.b"}},
            "12:5": {"class_type": "C", "inputs": {"two words": 4}},
        }
    )
    assert wf.split("v1.5 loader.d") == ("1", "d")
    assert wf.split("v1.5 loader.b.c") == ("2", "c")
    assert wf.split("1.b.c") == ("1", "b.c")
    assert wf.split("12:5.two words") == ("12:5", "two words")
    with pytest.raises(UnknownNode):
        wf.split("v2 loader.d")
    with pytest.raises(UnknownInput, match=r"12:5\.two words"):
        wf.split("two words")
    with pytest.raises(UnknownInput, match=r"v1\.5 loader.* no input 'e'"):
        wf.split("v1.5 loader.e")
    for text in ("", ".", "1.", ".d", "..."):
        with pytest.raises((UnknownInput, UnknownNode)):
            wf.split(text)


def test_update_sets_all_or_nothing(wf: Workflow) -> None:
    before = wf.to_api()
    with pytest.raises(UnknownInput):
        wf.update({"3.seed": 1, "3.stpes": 2})
    assert wf.to_api() == before
    wf.update({"3.seed": 1, "3.steps": 2})
    assert (wf["3"].seed, wf["3"].steps) == (1, 2)


def test_an_optional_input_may_be_set_once_its_definition_is_known() -> None:
    graph = {"1": {"class_type": "KSampler", "inputs": {"seed": 1}}}
    with pytest.raises(UnknownInput, match="nodes="):
        Workflow(graph)["1"].cfg = 4.0
    wf = Workflow(graph, nodes=catalog())
    assert wf["1"].cfg == 8.0  # the default
    wf["1"].cfg = 4.0
    assert wf.to_api()["1"]["inputs"] == {"seed": 1, "cfg": 4.0}
    del wf["1"].cfg
    assert wf.to_api()["1"]["inputs"] == {"seed": 1}


# -- links ---------------------------------------------------------------------------------------


def test_links_are_read_and_rerouted(known: Workflow) -> None:
    link = known["3"].positive
    assert (link.node.title, link.name, link.type) == ("Positive Prompt", "CONDITIONING", "CONDITIONING")
    known["3"].positive = known["7"].output(0)
    assert known.to_api()["3"]["inputs"]["positive"] == ["7", 0]
    known["8"].vae = known["4"].output("VAE")
    assert known["8"].vae == ["4", 2]
    known["3"].latent_image = known["5"]
    assert known["3"].latent_image.node == known["5"]


def test_an_output_that_is_not_there_is_refused(known: Workflow) -> None:
    with pytest.raises(UnknownInput, match="Did you mean 'CLIP'"):
        known["4"].output("CLPI")
    with pytest.raises(UnknownInput, match="It has 3"):
        known["4"].output(3)
    with pytest.raises(UnknownInput, match="Say which output"):
        known["3"].model = known["4"]


def test_output_names_come_from_the_editor_file_when_there_is_no_catalog() -> None:
    wf = Workflow(example("txt2img"), editor=example("txt2img.editor"))
    assert wf["4"].output("CLIP") == ["4", 1]


def test_a_list_that_is_not_a_link_is_wrapped_on_the_wire(wf: Workflow) -> None:
    wf["6"].text = [1, "two"]
    assert wf.to_api()["6"]["inputs"]["text"] == {"__value__": [1, "two"]}
    assert wf["6"].text == [1, "two"]
    wf["6"].text = ("no such node", 0)
    assert wf["6"].text == ["no such node", 0]
    wf["6"].clip = ["4", 1]
    assert wf.to_api()["6"]["inputs"]["clip"] == ["4", 1]
    wf["6"].clip = [4, 1]
    assert wf.to_api()["6"]["inputs"]["clip"] == ["4", 1]


# -- values --------------------------------------------------------------------------------------


def test_numpy_scalars_become_numbers(wf: Workflow) -> None:
    wf.update({"3.seed": np.int64(7), "3.cfg": np.float32(0.5), "6.text": [np.int8(1)]})
    text = json.dumps(wf.to_api())
    assert '"seed": 7' in text
    assert '"cfg": 0.5' in text


def test_pictures_stay_what_they_are_until_submitted() -> None:
    wf = Workflow.load(example("img2img"))
    picture = Image.new("RGB", (4, 2))
    wf["LoadImage"].image = picture
    assert wf["LoadImage"].image is picture
    assert list(wf.pending_uploads()) == [("1", "image", picture)]
    with pytest.raises(InvalidWorkflow, match=r"image.*4×2 RGB"):
        wf.to_api()
    ready = wf.with_values({("1", "image"): "up.png"})
    assert ready.to_api()["1"]["inputs"]["image"] == "up.png"
    assert wf["LoadImage"].image is picture
    assert wf.copy()["LoadImage"].image is picture
    assert "4×2" in repr(wf)
    assert wf.edited


@pytest.mark.parametrize("value", [np.zeros((2, 3, 3), np.uint8), b"\x89PNG", Path("in.png")])
def test_arrays_bytes_and_paths_are_pending_too(value: object) -> None:
    wf = Workflow.load(example("img2img"))
    wf["1"].image = value
    assert [held is value for _, _, held in wf.pending_uploads()] == [True]
    assert len(wf.diff(wf.copy())) == 0


# -- seeds ---------------------------------------------------------------------------------------


def test_set_seed_reaches_every_free_seed(known: Workflow) -> None:
    assert known.set_seed(7) == 7
    assert known.seed == 7
    drawn = known.set_seed("random")
    assert known["3"].seed == drawn
    assert 0 <= drawn < 2**53


def test_a_linked_seed_is_set_at_its_source_and_a_plain_number_is_left_alone() -> None:
    graph = example("txt2img")
    graph["20"] = {"class_type": "PrimitiveInt", "inputs": {"value": 1}}
    graph["21"] = {"class_type": "PrimitiveInt", "inputs": {"value": 512}}
    graph["3"]["inputs"]["seed"] = ["20", 0]
    graph["5"]["inputs"]["width"] = ["21", 0]
    for nodes in (catalog(), None):
        wf = Workflow.load(graph, nodes=nodes)
        wf.set_seed(99)
        assert (wf["20"].value, wf["21"].value) == (99, 512)
        assert wf["3"].seed == ["20", 0]


def test_a_workflow_without_a_seed_says_so() -> None:
    with pytest.raises(ComfyError, match="no seed"):
        Workflow.load(example("postprocess")).set_seed(1)
    with pytest.raises(ComfyError, match="not a seed"):
        Workflow.load(example("txt2img")).set_seed("many")


# -- adding, removing, comparing -----------------------------------------------------------------


def test_add_and_remove(known: Workflow) -> None:
    node = known.add("PreviewImage", images=known["8"].output(0))
    assert node.id == "10"
    assert known.to_api()["10"] == {
        "inputs": {"images": ["8", 0]},
        "class_type": "PreviewImage",
        "_meta": {"title": "Preview Image"},
    }
    known.remove("8")
    assert "images" not in known["9"]
    assert "images" not in known["10"]
    assert repr(node).startswith("Preview Image")
    node.remove()
    assert "removed" in repr(node)


def test_add_takes_the_defaults_and_refuses_what_the_definition_lacks(known: Workflow) -> None:
    assert known.add("EmptyLatentImage", width=64).inputs == {"width": 64, "height": 512, "batch_size": 1}
    count = len(known)
    with pytest.raises(UnknownNode, match="EmptyLatentImage"):
        known.add("EmptyLatentImge")
    with pytest.raises(UnknownInput, match="width"):
        known.add("EmptyLatentImage", widht=64)
    assert len(known) == count


def test_diff_says_what_changes(wf: Workflow) -> None:
    other = wf.copy()
    other["3"].seed = 1
    other["3"].positive = other["7"].output(0)
    other["9"].title = "Final"
    other.remove("5")
    other.add("LoadImage", image="a.png")
    changes = wf.diff(other)
    assert {(c.kind, c.node_id, c.input_name) for c in changes} == {
        ("input", "3", "seed"),
        ("input", "3", "positive"),
        ("input", "3", "latent_image"),
        ("title", "9", None),
        ("removed", "5", None),
        ("added", "10", None),
    }
    assert "156680208700286" in repr(changes)
    assert "<table>" in changes._repr_html_()
    assert not wf.diff(wf.copy())


def test_a_whole_number_equals_the_same_number_with_a_point(wf: Workflow) -> None:
    other = wf.copy()
    other["3"].cfg, other["3"].denoise = 8.0, 1.0  # as a server saves them; the editor's files say 8 and 1
    assert not wf.diff(other)
    other["3"].denoise = True
    assert [change.input_name for change in wf.diff(other)] == ["denoise"]


def test_outputs_are_the_output_nodes(wf: Workflow, known: Workflow) -> None:
    assert [node.id for node in wf.outputs()] == ["9"]
    known.add("VAEDecode")  # no node reads it, and it still is not an output node
    assert [node.id for node in known.outputs()] == ["9"]


def test_inputs_are_a_table(wf: Workflow, known: Workflow) -> None:
    rows = {row.address: row for row in known.inputs()}
    assert rows["3.cfg"].allowed == "0.0 … 100.0, step 0.1"
    assert rows["3.sampler_name"].choices is not None
    assert "euler" in rows["3.sampler_name"].choices
    assert "3.model" not in rows
    assert "3.model" in {row.address for row in known.inputs(links=True)}
    assert {row.type for row in wf.inputs()} == {"INT", "STRING"} | {"FLOAT"} & {r.type for r in wf.inputs()}
    assert rows["3.sampler_name"].allowed.startswith("euler, euler_cfg_pp")
    assert rows["3.sampler_name"].allowed.endswith("(42 in all)")
    assert "lighthouse" in repr(known.inputs())
    assert known.inputs()[:2].to_dicts()[0]["address"] == known.inputs()[0].address
    assert "range" not in repr(wf.inputs())


def test_tables_escape_what_files_say() -> None:
    wf = Workflow({"1": {"class_type": "X", "inputs": {"a": "<script>"}, "_meta": {"title": "<b>"}}})
    html = wf.inputs()._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


# -- formats -------------------------------------------------------------------------------------


def test_the_editor_format_waits_for_the_definitions() -> None:
    wf = Workflow.load(example("txt2img.editor"))
    assert not wf.is_converted
    assert len(wf) == 7
    assert "not converted yet" in repr(wf)
    for use in (
        wf.to_api,
        lambda: wf["3"],
        lambda: wf.set("3.seed", 1),
        lambda: wf.inputs(),
        lambda: wf.validate(),
    ):
        with pytest.raises(ConversionError, match=r"nodes=client\.nodes"):
            use()


def test_definitions_convert_the_editors_format() -> None:
    wf = Workflow.load(example("txt2img.editor"))
    assert wf.to_api(catalog()) == Workflow.load(example("txt2img"), nodes=catalog()).to_api()
    assert wf.is_converted
    assert not wf.problems
    assert not wf.edited
    assert wf.extra_pnginfo == {"workflow": example("txt2img.editor")}
    wf.set("KSampler.seed", 1)
    assert Workflow.load(example("txt2img.editor"), nodes=catalog())["3"].seed == 156680208700286


def test_definitions_may_be_what_the_server_answers() -> None:
    plain = json.loads(json.dumps(catalog().raw))
    assert Workflow.load(example("txt2img.editor"), nodes=plain)["KSampler"].info is not None
    assert not Workflow.load(example("txt2img")).validate(plain)


def test_what_cannot_be_converted_is_named_and_the_rest_is() -> None:
    document = example("txt2img.editor")
    document["nodes"][5] |= {"type": "FancyDecode", "properties": {"cnr_id": "fancy-pack"}}
    wf = Workflow.load(document, nodes=catalog())
    assert wf["8"].class_type == "FancyDecode"
    assert [problem.kind for problem in wf.problems] == ["missing_node_type"]
    assert "fancy-pack" in str(wf.validate())
    assert len(wf.validate()) == 1
    assert "1 problem" in repr(wf)


def test_nothing_to_convert_is_an_error() -> None:
    with pytest.raises(ConversionError):
        Workflow.load({"nodes": [{"id": 1}, "x"], "links": []}, nodes=catalog())


def test_the_servers_own_notes_are_not_sent_back() -> None:
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "is_changed": [math.nan]}}
    assert "is_changed" not in Workflow(graph).to_api()["1"]


def test_a_loaded_workflow_is_independent_of_what_it_came_from() -> None:
    graph = example("txt2img")
    wf = Workflow.load(graph)
    wf["3"].seed = 5
    wf.to_api()["3"]["inputs"]["seed"] = 6
    assert graph == example("txt2img")
    assert wf["3"].seed == 5
    assert wf.edited
    assert not Workflow.load(graph).edited


def test_the_editors_document_is_sent_only_while_it_matches() -> None:
    wf = Workflow(example("txt2img"), editor=example("txt2img.editor"))
    assert wf.extra_pnginfo == {"workflow": example("txt2img.editor")}
    wf["3"].seed = 5
    assert wf.extra_pnginfo == {}  # no definitions at hand to put the seed back with


@pytest.mark.parametrize("graph", [{"1": 5}, {"1": {"class_type": "A", "inputs": [1]}}, {"_note": "hi"}])
def test_an_entry_that_is_not_a_node_is_named(graph: dict) -> None:
    with pytest.raises(InvalidWorkflow, match=next(iter(graph))):
        Workflow(graph)


def test_repr_is_an_outline(wf: Workflow) -> None:
    text = repr(wf)
    assert text.startswith("Workflow of 7 nodes, from a dict (JSON, API format)")
    assert text.index("Load Checkpoint") < text.index("Positive Prompt") < text.index("KSampler")
    assert "model←4" in text
    assert "seed = 156680208700286" in repr(wf["3"])


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(scalars, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=5)


@st.composite
def graphs(draw: st.DrawFn) -> dict:
    ids = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    link = st.tuples(st.sampled_from(ids), st.integers(0, 5)).map(list)
    node = st.fixed_dictionaries(
        {"class_type": names, "inputs": st.dictionaries(names, values | link, max_size=4)},
        optional={"_meta": st.fixed_dictionaries({"title": st.text(max_size=10)})},
    )
    return {node_id: draw(node) for node_id in ids}


@given(graphs())
def test_api_to_file_and_back_is_the_identity(graph: dict) -> None:
    wf = Workflow.load(json.dumps(graph))
    assert wf.to_api() == graph
    assert Workflow.load(json.dumps(wf.copy().to_api())).to_api() == graph
    assert not wf.diff(Workflow.load(graph))
    assert repr(wf)


@given(graphs(), st.data())
def test_every_input_that_is_listed_can_be_set(graph: dict, data: st.DataObject) -> None:
    wf = Workflow.load(graph)
    rows = list(wf.inputs())
    for row in rows[:3]:
        value = data.draw(values)
        wf[row.node_id][row.name] = value
        assert wf[row.node_id][row.name] == value


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_titles_are_found_however_their_accents_are_encoded(form: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    title = unicodedata.normalize(form, "día")  # type: ignore[arg-type]
    wf = Workflow({"3": {"class_type": "A", "inputs": {"text": ""}, "_meta": {"title": title}}})
    wf.set(f"{unicodedata.normalize(other, 'día')}.text", "x")  # type: ignore[arg-type]
    assert wf["3"].text == "x"


def test_an_editor_document_in_python_is_taken_as_one() -> None:
    document = example("txt2img.editor")
    wf = Workflow(document)
    assert not wf.is_converted
    assert wf.to_api(catalog()) == Workflow.load(document, nodes=catalog()).to_api()


def test_a_choice_of_a_custom_combo_sets_its_index() -> None:
    inputs = {"choice": "a", "index": 0, "option1": "a", "option2": "b"}
    wf = Workflow({"1": {"class_type": "CustomCombo", "inputs": inputs}})
    wf["1"].choice = "b"
    assert wf["1"].index == 1
