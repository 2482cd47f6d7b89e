"""NodeCatalog: object_info typed, searched, shown; a bad definition degrades and never breaks the rest."""

from __future__ import annotations

import gzip
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.errors import ComfyError, UnknownNode
from comfy_notebook.workflow.catalog import NodeCatalog, NodeInfo
from comfy_notebook.workflow.specs import InputSpec, types_accept

KSAMPLER = {
    "input": {
        "required": {
            "model": ["MODEL", {"tooltip": "The model."}],
            "seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}],
            "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}],
            "sampler_name": [["euler", "heun"], {"tooltip": "How."}],
        },
        "optional": {"note": ["STRING", {"multiline": True, "dynamicPrompts": True}]},
        "hidden": {"unique_id": "UNIQUE_ID", "prompt": ["PROMPT"]},
    },
    "input_order": {"required": ["sampler_name", "model", "gone"], "optional": ["note"]},
    "output": ["LATENT", ["euler", "heun"]],
    "output_is_list": [False, True],
    "output_name": ["LATENT", "name"],
    "name": "KSampler",
    "display_name": "K Sampler",
    "description": "Denoises a latent.",
    "python_module": "nodes",
    "category": "sampling",
    "output_node": False,
}
OBJECT_INFO = {
    "KSampler": KSAMPLER,
    "LoadImage": {
        "input": {"required": {"image": [["a.png"], {"image_upload": True}]}},
        "output": ["IMAGE", "MASK"],
        "category": "image",
    },
    "ImageUpscaleWithModel": {
        "input": {"required": {"image": ["IMAGE"]}},
        "output": ["IMAGE"],
        "display_name": "Upscale Image (using Model)",
        "category": "image/upscaling",
    },
    "LatentBlend": {
        "input": {},
        "output": ["LATENT"],
        "category": "latent",
        "description": "Not an upscale.",
        "search_aliases": ["mix"],
    },
    "broken": None,
    "also broken": ["a", "list"],
}


@pytest.fixture
def catalog() -> NodeCatalog:
    return NodeCatalog.from_object_info(OBJECT_INFO)


def test_a_node_has_its_inputs_in_the_declared_order(catalog):
    node = catalog["KSampler"]
    assert list(node.inputs) == ["sampler_name", "model", "seed", "cfg", "note"]
    assert list(node.hidden) == ["unique_id", "prompt"]
    assert [node.hidden[name].type for name in node.hidden] == ["UNIQUE_ID", "PROMPT"]
    assert [(o.name, o.type, o.is_list, o.index) for o in node.outputs] == [
        ("LATENT", "LATENT", False, 0),
        ("name", "COMBO", True, 1),
    ]
    assert (node.display_name, node.category, node.python_module) == ("K Sampler", "sampling", "nodes")


def test_an_input_says_what_it_takes(catalog):
    inputs = catalog["KSampler"].inputs
    seed, cfg, note, model = inputs["seed"], inputs["cfg"], inputs["note"], inputs["model"]
    assert (seed.min, seed.max, seed.default, seed.control_after_generate) == (0, 2**64 - 1, 0, True)
    assert (cfg.step, cfg.round, cfg.is_widget) == (0.1, 0.01, True)
    assert (note.section, note.multiline, note.dynamic_prompts, note.default) == ("optional", True, True, "")
    assert (model.is_widget, model.tooltip, model.default) == (False, "The model.", None)
    assert inputs["sampler_name"].choices == ("euler", "heun")
    assert inputs["sampler_name"].default == "euler"
    assert catalog["LoadImage"].inputs["image"].upload == "image"


@pytest.mark.parametrize(
    ("raw", "choices", "default"),
    [
        ([["a", "b"]], ("a", "b"), "a"),
        ([["a", "b"], {"default": "b"}], ("a", "b"), "b"),
        (["COMBO", {"options": ["a", "b"], "default": ""}], ("a", "b"), "a"),
        (["COMBO", {"options": [1, 2], "default": 2}], (1, 2), 2),
        (["COMBO", {"options": [0, 1], "default": 0}], (0, 1), 0),
        ([[]], (), None),
        (["COMBO", {"remote": {"route": "/files"}}], None, None),
        ([[], {"remote": {"route": "/files"}}], None, None),
        (["COMBO"], None, None),
    ],
)
def test_every_form_of_a_combo_reads_as_one(raw, choices, default):
    spec = InputSpec.parse("x", raw, "required")
    assert (spec.type, spec.choices, spec.default) == ("COMBO", choices, default)
    assert spec.is_widget


def test_a_dynamic_combo_offers_its_keys():
    options = [{"key": "small", "inputs": {}}, {"key": "large", "inputs": {"required": {"n": ["INT"]}}}]
    spec = InputSpec.parse("size", ["COMFY_DYNAMICCOMBO_V3", {"options": options}], "required")
    assert spec.choices == ("small", "large")
    assert spec.default == "small"


def test_forced_inputs_take_links_only():
    assert not InputSpec.parse("x", ["INT", {"forceInput": True}], "required").is_widget
    assert not InputSpec.parse("x", ["INT", {"defaultInput": True}], "optional").is_widget
    assert InputSpec.parse("x", ["INT", {"defaultInput": True}], "required").is_widget


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "image", True),
        ("IMAGE", "MASK", False),
        ("*", "MASK", True),
        ("MASK", "*", True),
        ("", "MASK", True),
        ("FLOAT,INT", "INT", True),
        ("FLOAT, INT", "STRING,INT", True),
        ("FLOAT,INT", "STRING", False),
    ],
)
def test_types_fit_as_the_editor_decides(wanted, given, fits):
    assert types_accept(wanted, given) is fits
    assert InputSpec.parse("x", [wanted], "required").accepts(given) is fits


def test_a_matched_type_takes_what_its_template_allows():
    raw = ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "IMAGE,MASK"}}]
    spec = InputSpec.parse("x", raw, "required")
    assert spec.accepts("MASK")
    assert not spec.accepts("MODEL")


def test_it_is_a_mapping_and_an_unknown_class_names_the_closest(catalog):
    assert len(catalog) == 4
    assert "KSampler" in catalog
    assert "broken" not in catalog
    assert 3 not in catalog
    assert catalog.get("nothing") is None
    assert catalog["KSampler"] is catalog["KSampler"]
    with pytest.raises(UnknownNode, match="Did you mean 'KSampler'"):
        catalog["ksampler"]
    assert NodeCatalog.from_object_info(catalog) is catalog


def test_search_ranks_names_over_descriptions(catalog):
    assert [n.class_type for n in catalog.search("upscale")] == ["ImageUpscaleWithModel", "LatentBlend"]
    assert [n.class_type for n in catalog.search("ksampler")] == ["KSampler"]
    assert [n.class_type for n in catalog.search("K Sampler")] == ["KSampler"]
    assert [n.class_type for n in catalog.search("image model")] == ["ImageUpscaleWithModel"]
    assert [n.class_type for n in catalog.search("mix")] == ["LatentBlend"]
    assert catalog.search("nonsense") == []
    assert len(catalog.search("")) == 4
    assert len(catalog.search("", limit=2)) == 2


def test_it_is_saved_and_loaded_plain_or_compressed(catalog, tmp_path):
    plain, packed = tmp_path / "o.json", tmp_path / "o.json.gz"
    plain.write_text(json.dumps(catalog.raw))
    packed.write_bytes(gzip.compress(json.dumps(catalog.raw).encode()))
    assert NodeCatalog.load(plain) == NodeCatalog.load(packed) == catalog
    assert catalog["KSampler"].display_name == "K Sampler"
    assert pickle.loads(pickle.dumps(catalog)) == catalog


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        gzip.compress(b"{}")[:-6],
        b"\x1f\x8bnot gzip at all",
    ],
    ids=["empty", "cut", "list", "not-text", "deep", "cut-gzip", "no-gzip"],
)
def test_a_bad_file_is_one_short_message(data, tmp_path):
    path = tmp_path / "object_info.json"
    path.write_bytes(data)
    with pytest.raises(ComfyError, match="is not a file of node definitions"):
        NodeCatalog.load(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ComfyError, match="cannot be read"):
        NodeCatalog.load(tmp_path / "none.json")


def test_a_node_is_shown_as_a_table_with_the_servers_text_escaped():
    hostile = {"X": {**KSAMPLER, "display_name": "<script>alert(1)</script>", "description": "<b>bold</b>"}}
    node = NodeCatalog(hostile)["X"]
    html = node._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    endless = dict.fromkeys(("name", "display_name", "category", "description"), "x" * 1_000_000)
    long = NodeCatalog({"X" * 1_000_000: {**KSAMPLER, **endless, "output": ["Y" * 1_000_000]}})
    assert all(len(node._repr_html_()) < 10_000 and len(str(node)) < 10_000 for node in long.values())
    text = str(NodeCatalog(OBJECT_INFO)["KSampler"])
    assert "0 … 18446744073709551615" in text
    assert "euler, heun" in text
    assert "(list)" in text
    assert "note (optional)" in text
    assert repr(NodeCatalog(OBJECT_INFO)["LoadImage"]) == "<LoadImage(image: COMBO) -> IMAGE, MASK>"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "input": st.dictionaries(
            st.sampled_from(["required", "optional", "hidden"]),
            st.dictionaries(st.text(max_size=3), JSON) | JSON,
        )
        | JSON,
        **{key: JSON for key in KSAMPLER if key != "input"},
        "search_aliases": JSON,
    },
)


@given(st.dictionaries(st.text(max_size=4), ENTRY | JSON, max_size=3))
def test_no_definition_is_fatal(raw):
    catalog = NodeCatalog(raw)
    for node in catalog.values():
        assert isinstance(node, NodeInfo)
        assert node._repr_html_()
        assert str(node)
        for spec in node.inputs.values():
            for name in (
                "default",
                "min",
                "step",
                "is_widget",
                "upload",
                "control_after_generate",
                "multiselect",
            ):
                getattr(spec, name)
            spec.accepts("IMAGE")
    catalog.search("a")


@pytest.mark.parametrize(("default", "wanted"), [("", ""), ("b", "b"), (None, "a"), (0, "a")])
def test_the_default_of_a_choice_is_the_one_given_or_the_first(default: object, wanted: str) -> None:
    assert InputSpec.parse("mode", [["a", "b", ""], {"default": default}], "required").default == wanted
