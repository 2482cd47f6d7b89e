"""Saved values onto widgets: by position with the editor's extra slots, defaults, old files, texts."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from comfy_notebook.workflow.catalog import NodeInfo
from comfy_notebook.workflow.editor.plans import upload_slot
from comfy_notebook.workflow.editor.texts import date_text, expand_prompt

from .editor_files import EditorFile, node_class, with_nodes

SAVED = [7, "randomize", 20, 8.0, "euler", "simple", 1.0]
NAMES = ["seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"]
KSAMPLER = {name: value for name, value in zip(NAMES, SAVED, strict=True) if name}


def only(kind: str, values=None, catalog=None, **more):
    """The inputs of one node of that class saved with those values."""
    file = EditorFile()
    file.node(kind, values, **more)
    return file.inputs(catalog)["1"]


def test_the_control_beside_a_seed_has_a_slot_and_is_not_exported():
    assert only("KSampler", SAVED) == KSAMPLER


def test_a_missing_control_value_shifts_what_follows():
    got = only("KSampler", [7, 20, 8.0, "euler", "simple", 1.0])
    assert (got["seed"], got["steps"], got["cfg"], got["denoise"]) == (7, 8.0, "euler", 1.0)


def test_a_control_is_there_by_option_or_by_name():
    catalog = with_nodes(
        Seeds=node_class(
            {
                "seed": ["INT", {}],
                "noise_seed": ["INT", {"control_after_generate": False}],
                "other": ["INT", {"control_after_generate": "fixed"}],
                "pick": [["a", "b"], {"control_after_generate": True}],
                "last": ["STRING", {}],
            }
        )
    )
    got = only("Seeds", [1, "fixed", 2, 3, "fixed", "b", "fixed", "", "end"], catalog)
    assert got == {"seed": 1, "noise_seed": 2, "other": 3, "pick": "b", "last": "end"}


def test_too_few_values_leave_defaults_and_too_many_are_ignored():
    assert only("EmptyImage", [64]) == {"width": 64, "height": 512, "batch_size": 1, "color": 0}
    assert only("EmptyImage", [64, 32, 2, 9, "more", None])["color"] == 9
    assert only("EmptyImage") == {"width": 512, "height": 512, "batch_size": 1, "color": 0}


def test_null_is_a_value_except_in_a_text_area():
    assert only("EmptyImage", [None, 32])["width"] is None
    assert only("CLIPTextEncode", [None]) == {"text": ""}


def test_values_a_node_pack_saved_by_name_are_taken_by_name():
    made = node_class({"rate": ["INT", {}], "skip": ["INT", {"default": 8}]})
    catalog = with_nodes(Load={**made, "python_module": "custom_nodes.a_pack"})
    saved = {"rate": 9, "unheard of": 1, "videopreview": {"params": {}}}
    assert only("Load", saved, catalog) == {"rate": 9, "skip": 8, "unheard of": 1}


def test_a_format_brings_its_values():
    formats = {"mp4": [["crf", "INT", {"default": 19}], ["pix_fmt", ["yuv420p", "rgba"]]], "gif": []}
    made = node_class({"format": [["mp4", "gif"], {"formats": formats}], "loop": ["INT", {}]})
    catalog = with_nodes(Combine={**made, "python_module": "custom_nodes.a_pack"})
    assert only("Combine", {"format": "mp4", "crf": 8, "loop": 1}, catalog) == {
        "format": "mp4",
        "crf": 8,
        "pix_fmt": "yuv420p",
        "loop": 1,
    }
    assert only("Combine", {"format": "gif", "loop": 1}, catalog) == {"format": "gif", "loop": 1}
    assert only("Combine", ["mp4", 7, "rgba", 2], catalog)["loop"] == 2


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ("Disabled", (0, 0)),
        ("Custom", (512, 384)),
        ("Custom Width", (512, 0)),
        ("Custom Height", (0, 384)),
        ("256x?", (256, 0)),
        ("?x256", (0, 256)),
        ("256x256", (256, 256)),
    ],
)
def test_the_old_force_size_of_video_loaders_decides_which_size_counts(size, wanted):
    made = node_class({"custom_width": ["INT", {}], "custom_height": ["INT", {}]})
    catalog = with_nodes(VHS_LoadVideo={**made, "python_module": "custom_nodes.vhs"})
    saved = {"force_size": size, "custom_width": 512, "custom_height": 384}
    got = only("VHS_LoadVideo", saved, catalog)
    assert got == {"custom_width": wanted[0], "custom_height": wanted[1]}


COMBO = with_nodes(CustomCombo=node_class({"choice": ["COMBO", {"options": []}]}, ("STRING", "INT")))


def test_a_custom_combo_is_sent_with_its_index_and_options():
    assert only("CustomCombo", ["c", 2, "a", "b", "c", ""], COMBO) == {
        "choice": "c",
        "index": 2,
        "option1": "a",
        "option2": "b",
        "option3": "c",
        "option4": "",
    }


def test_the_index_of_a_custom_combo_is_that_of_its_choice():
    assert only("CustomCombo", ["b", 0, "a", "b", ""], COMBO)["index"] == 1


def test_power_lora_rows_are_numbered_from_one():
    name = "Power Lora Loader (rgthree)"
    row = {"on": True, "lora": "a.safetensors", "strength": 0.8, "strengthTwo": None}
    saved = [{}, {"type": "PowerLoraLoaderHeaderWidget"}, row, {**row, "on": False}, {}, ""]
    assert only(name, saved, with_nodes(**{name: node_class()})) == {
        "lora_1": row,
        "lora_2": {**row, "on": False},
    }


def test_values_that_fit_no_input_are_reported():
    file = EditorFile()
    file.node("EmptyImage", [1, 2, 3, 4, None, "", "left over"])
    (problem,) = file.convert().problems
    assert (problem.kind, problem.severity) == ("unmatched_values", "warning")
    assert "'left over'" in problem.message


def test_values_of_comfyuis_own_nodes_saved_by_name_are_not_read_and_reported():
    file = EditorFile()
    file.node("EmptyImage", {"width": 64})
    got = file.convert()
    assert got.api["1"]["inputs"]["width"] == 512
    assert [(p.kind, p.severity) for p in got.problems] == [("invalid_values", "warning")]


def test_values_saved_both_ways_go_by_name_only_where_the_list_does_not_line_up():
    named = {"seed": 1, "control_after_generate": "fixed", "steps": 2, "cfg": 3.0}
    assert only("KSampler", SAVED, widgets_values_named=named) == KSAMPLER
    got = only("KSampler", ["added by a pack's page", *SAVED], widgets_values_named=named)
    assert (got["seed"], got["steps"], got["cfg"], got["denoise"]) == (1, 2, 3.0, 1.0)
    assert only("Nowhere", [1, 2, 3], widgets_values_named=named) == {"seed": 1, "steps": 2, "cfg": 3.0}


def test_values_of_no_known_shape_are_a_problem_and_defaults_are_used():
    file = EditorFile()
    file.node("EmptyImage", "512")
    got = file.convert()
    assert got.api["1"]["inputs"]["width"] == 512
    assert [problem.kind for problem in got.problems] == ["invalid_values"]


def test_defaults_are_those_a_fresh_node_has():
    catalog = with_nodes(
        Fresh=node_class(
            {
                "i": ["INT", {"min": 3}],
                "f": ["FLOAT", {"default": 2.5}],
                "s": ["STRING", {}],
                "b": ["BOOLEAN"],
                "c": ["COLOR", {}],
                "first": [["x", "y"], {"default": ""}],
                "chosen": ["COMBO", {"options": ["x", "y"], "default": "y"}],
                "empty": [[]],
                "fetched": ["COMBO", {"remote": {"route": "/r"}}],
                "many": [["x"], {"multi_select": {}}],
            }
        )
    )
    assert only("Fresh", None, catalog) == {
        "i": 0,
        "f": 2.5,
        "s": "",
        "b": False,
        "c": "#000000",
        "first": "x",
        "chosen": "y",
        "fetched": "Loading...",
        "many": {"__value__": []},
    }


def test_nothing_is_checked_or_clamped():
    got = only("KSampler", ["7", "fixed", -5, "high", "no such sampler", {"a": 1}, [0.5]])
    assert got == {
        "seed": "7",
        "steps": -5,
        "cfg": "high",
        "sampler_name": "no such sampler",
        "scheduler": {"a": 1},
        "denoise": {"__value__": [0.5]},
    }


def test_a_list_is_wrapped_so_that_it_is_not_taken_for_a_link():
    assert only("EmptyImage", [["1", 0], []])["width"] == {"__value__": ["1", 0]}
    assert only("EmptyImage", [["1", 0], []])["height"] == {"__value__": []}


def test_a_curve_is_marked_as_a_curve():
    catalog = with_nodes(Curved=node_class({"curve": ["CURVE", {"default": [[0, 0], [1, 1]]}]}))
    assert only("Curved", None, catalog) == {"curve": {"__type__": "CURVE", "__value__": [[0, 0], [1, 1]]}}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12, "12"),
        (8.0, "8"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (0.1, "0.1"),
        (True, "true"),
        (["a", None, 2], "a,,2"),
        ({"a": 1}, "[object Object]"),
        ("a\r\nb\rc ünï 図", "a\r\nb\rc ünï 図"),
    ],
)
def test_a_text_area_makes_text_of_anything(value, shown):
    assert only("CLIPTextEncode", [value]) == {"text": shown}


def test_the_result_shares_nothing_with_the_file():
    value = {"deep": [1]}
    file = EditorFile()
    file.node("EmptyImage", [value])
    got = file.inputs()["1"]["width"]
    got["deep"].append(2)
    assert value == {"deep": [1]}


def test_a_file_picker_makes_one_name_of_what_it_is_given():
    assert only("LoadImage", ["b.png", "image"]) == {"image": "b.png"}
    assert only("LoadImage", [["b.png", "c.png"], "image"]) == {"image": "b.png"}
    assert only("LoadImage", ["clipspace/c.png [input]", "image"]) == {"image": "clipspace/c.png [input]"}
    catalog = with_nodes(Pick=node_class({"image": [["a.png", "b.png"], {"image_upload": True}]}))
    for empty in (None, [None, "image"], ["", "image"], [[], "image"]):
        assert only("Pick", empty, catalog) == {"image": "a.png"}
    saved = {"filename": "c.png", "subfolder": "sub", "type": "output"}
    assert only("Pick", [saved, "image"], catalog) == {"image": "sub/c.png"}
    assert only("Pick", [12, "image"], catalog) == {"image": ""}
    empty = with_nodes(LoadVideo=node_class({"file": ["COMBO", {"options": [], "video_upload": True}]}))
    assert only("LoadVideo", [None, "image"], empty) == {"file": None}
    assert only("LoadImageMask", ["b.png", "red", "image"]) == {"image": "b.png", "channel": "red"}


def test_an_upload_button_follows_all_other_values():
    catalog = with_nodes(
        Upload=node_class(
            {"image": [["a.png"], {"image_upload": True}], "n": ["INT", {}], "seed": ["INT", {}]}
        )
    )
    assert only("Upload", ["b.png", 1, 2, "fixed", "image"], catalog) == {"image": "b.png", "n": 1, "seed": 2}


@pytest.mark.parametrize(
    ("saved", "shown"),
    [
        ("a.png", "a.png [output]"),
        ("a.png [temp]", "a.png [temp]"),
        (["a.png"], "a.png [output]"),
        ({"filename": "a.png", "subfolder": "s", "type": "input"}, "s/a.png [output]"),
    ],
)
def test_a_picker_of_another_folder_says_which(saved, shown):
    options = {"image_upload": True, "image_folder": "output"}
    catalog = with_nodes(Pick=node_class({"image": ["COMBO", {**options, "options": []}]}))
    assert only("Pick", [saved, "image"], catalog) == {"image": shown}


def test_a_batch_picker_keeps_its_list():
    catalog = with_nodes(
        Batch=node_class({"image": [["a.png"], {"image_upload": True, "allow_batch": True}]})
    )
    assert only("Batch", [["b.png", "c.png"]], catalog) == {"image": {"__value__": ["b.png", "c.png"]}}


def test_dummy_values_of_link_only_inputs_are_dropped():
    required = {"before": ["STRING", {}], "forced": ["INT", {"forceInput": True}], "after": ["INT", {}]}
    catalog = with_nodes(Old=node_class({"seed": ["INT", {}], **required}))
    assert only("Old", [1, "fixed", "b", 99, 5], catalog) == {"seed": 1, "before": "b", "after": 5}
    assert only("Old", [1, "fixed", "b", 5], catalog) == {"seed": 1, "before": "b", "after": 5}
    assert only("SaveLoRANode", ["loras/x", 10]) == {"prefix": "loras/x"}


def test_a_widget_an_old_file_does_not_know_keeps_its_default():
    catalog = with_nodes(Grown=node_class({"a": ["INT", {}]}, ("IMAGE",), b=["INT", {"default": 4}]))
    assert only("Grown", [1], catalog) == {"a": 1, "b": 4}


def test_inputs_come_in_declared_order_required_first():
    entry = node_class({"a": ["INT"], "b": ["INT"]}, ("IMAGE",), c=["INT"])
    entry["input_order"] = {"required": ["b", "a"], "optional": ["c"]}
    assert only("Order", [1, 2, 3], with_nodes(Order=entry)) == {"b": 1, "a": 2, "c": 3}


def test_a_type_may_name_its_widget():
    catalog = with_nodes(Both=node_class({"n": ["INT,FLOAT", {"widgetType": "INT"}], "o": ["IMAGE"]}))
    assert only("Both", [3], catalog) == {"n": 3}


def test_samplers_saved_under_old_names_are_renamed():
    assert only("KSampler", [7, "fixed", 20, 8.0, "sample_euler", "simple", 1.0]) == KSAMPLER


def test_values_only_the_page_can_make_are_named():
    file = EditorFile()
    file.node("WebcamCapture", ["", 640, 480, False])
    got = file.convert()
    assert got.api["1"]["inputs"]["width"] == 640
    assert [(p.kind, p.input_name) for p in got.problems] == [("needs_editor", "image")]


def test_the_saved_name_of_a_recording_is_not_exported():
    assert only("RecordAudio", [None, None]) == {"audio": ""}
    assert only("RecordAudio", ["rec.webm", ""]) == {"audio": ""}


def test_3d_values_follow_the_viewers_buttons():
    got = only("Load3D", ["m.glb", "upload3dmodel", "uploadExtraResources", "clear", "", 640, 480])
    assert (got["model_file"], got["width"], got["height"]) == ("m.glb", 640, 480)


def test_an_integer_too_large_for_a_browser_keeps_all_its_digits():
    assert only("KSampler", [2**64 - 1, "fixed"])["seed"] == 2**64 - 1


def test_what_json_cannot_write_becomes_null():
    assert only("EmptyImage", [float("nan"), float("inf")])["width"] is None


# Texts rewritten at export


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("plain", {"plain"}),
        ("a {red|blue} boat", {"a red boat", "a blue boat"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{only}", {"only"}),
        ("{}", {""}),
        ("x {a|b", {"x a", "x b"}),
        ("a } b | c", {"a } b | c"}),
        (r"\{a\|b\} C:\path", {r"{a|b} C:\path"}),
        (r"{a\|b|c}", {"a|b", "c"}),
        ("a /* not\nthis */ b // nor this\nc", {"a  b \nc"}),
        ("http://x", {"http:"}),
        ("a /* open // line\nb", {"a /* open \nb"}),
        ("a /*/ b */ c", {"a  c"}),
        ("one // x\r\ntwo", {"one \r\ntwo"}),
    ],
)
def test_a_dynamic_prompt_draws_one_branch_of_each_choice(prompt, drawn):
    rng = random.Random(0)
    assert {expand_prompt(prompt, rng) for _ in range(60)} == drawn


def test_prompts_are_drawn_where_the_input_says_so_and_by_the_generator_given():
    file = EditorFile()
    file.node("CLIPTextEncode", ["{a|b|c|d|e|f|g|h}"])
    file.node("PrimitiveString", ["{a|b}"])
    one, two = (file.inputs(rng=random.Random(4)) for _ in range(2))
    assert one == two
    assert one["2"] == {"value": "{a|b}"}
    assert len(one["1"]["text"]) == 1


def test_deeply_nested_choices_do_not_recurse():
    assert expand_prompt("{" * 50_000 + "x" + "}" * 50_000, random.Random(0)) == "x"


NOW = datetime(2025, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("yyyy-MM-dd", "2025-01-02"),
        ("yy.M.d", "25.1.2"),
        ("hh:mm:ss", "03:04:05"),
        ("h-m-s", "3-4-5"),
        ("yyy y at", "yyy y at"),
    ],
)
def test_dates_are_written_token_by_token(pattern, shown):
    assert date_text(pattern, NOW) == shown


@pytest.mark.parametrize(
    ("prefix", "shown"),
    [
        ("out/%date:yyyyMMdd%/x", "out/20250102/x"),
        ("%KSampler.seed%_%KSampler.sampler_name%", "7_euler"),
        ("%My sampler.steps%", "20"),
        ("%KSampler.control_after_generate%", "randomize"),
        ("%cat/dog.value%", "a_b_c"),
        ("%width%x%None.x%%KSampler.none%", "%width%x%None.x%%KSampler.none%"),
        ("%date:yyyy.MM%", "%date:yyyy.MM%"),
        ("100% sure", "100% sure"),
    ],
)
def test_names_of_saved_files_are_filled_in(prefix, shown):
    file = EditorFile()
    file.node("KSampler", SAVED, title="My sampler")
    file.node("PrimitiveString", ["a/b|c"], properties={"Node name for S&R": "cat/dog"})
    file.node("SaveImage", [prefix])
    assert file.inputs(now=NOW)["3"]["filename_prefix"] == shown


def test_only_nodes_the_editor_knows_to_save_have_their_names_filled_in():
    file = EditorFile()
    file.node("SaveOfAPack", ["%date:yyyy%"])
    file.node("SaveAudioMP3", ["%date:yyyy%", "V0"])
    file.node("SaveLatent", ["%date:yyyy%"])
    got = file.inputs(with_nodes(SaveOfAPack=node_class({"filename_prefix": ["STRING", {}]})), now=NOW)
    assert got["1"]["filename_prefix"] == "%date:yyyy%"
    assert got["2"]["filename_prefix"] == got["3"]["filename_prefix"] == "2025"


def test_a_name_that_is_not_text_stays_as_it_is():
    assert only("SaveImage", [None]) == {"filename_prefix": None}


@pytest.mark.parametrize(
    ("section", "name", "options", "slot"),
    [
        ("required", "audio", {"audio_upload": True}, "AUDIOUPLOAD"),
        ("required", "sound", {"audio_upload": True}, None),
        ("required", "anything", {"image_upload": True}, "IMAGEUPLOAD"),
        ("required", "anything", {"image_upload": "yes"}, None),
        ("optional", "anything", {"image_upload": True}, None),
    ],
)
def test_which_pickers_have_an_upload_button(section, name, options, slot):
    raw = {"input": {section: {name: [["a"], options]}}, "output": []}
    found = upload_slot(NodeInfo.parse("Load", raw))
    assert (found.coerce if found else None) == slot
