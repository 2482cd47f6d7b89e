"""Any file at all: only our errors, the input unchanged, and no link to a missing node in the result."""

from __future__ import annotations

import copy
import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_notebook.errors import ComfyError
from comfy_notebook.workflow.convert import Conversion, convert

from .editor_files import node_class, with_nodes

OPTION = {"key": "more", "inputs": {"required": {"n": ["INT"], "i": ["IMAGE"]}}}
GROWING = {"input": {"required": {"x": ["FLOAT", {"step": 0.1}]}}, "prefix": "x", "min": 1}
CATALOG = with_nodes(
    Dynamic=node_class({"mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "none"}, OPTION]}]}),
    Growing=node_class({"values": ["COMFY_AUTOGROW_V3", {"template": GROWING}], "seed": ["INT"]}),
    Forced=node_class({"n": ["INT", {"forceInput": True}], "any": ["*"], "image": ["IMAGE,MASK"]}),
)


def often(usual: st.SearchStrategy, *others: st.SearchStrategy) -> st.SearchStrategy:
    """Mostly the first, now and then any of the others."""
    return st.integers(0, 9).flatmap(lambda n: usual if n else st.one_of(*others))


def record(required: dict, **optional: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries(required, optional=optional)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(
    [
        *("KSampler", "LoadImage", "EmptyImage", "SaveImage", "CLIPTextEncode", "ImageScale", "PreviewImage"),
        *("PrimitiveNode", "PrimitiveNode", "Reroute", "Note", "Load3D", "RecordAudio", "PrimitiveInt"),
        *("Dynamic", "Growing", "Forced", "Nowhere", "d0", "d0", "d1", "d2", "workflow>g0", "workflow/g1"),
    ]
)
IDS = often(st.integers(1, 5), st.sampled_from(["1", "2", "a", 3.0, None, True, 1.5, [], 10**40]))
ENDS = often(IDS, st.sampled_from([-10, -20]))
SLOTS = often(st.integers(0, 2), st.sampled_from([-1, "0", None, 1.0, "x", [], 10**40]))
NAMES = st.sampled_from(
    ["image", "images", "width", "seed", "text", "", "n", "mode", "mode.n", "values.x0", "values.x2"]
)
KINDS = st.sampled_from(["IMAGE", "INT", "*", "", "IMAGE,MASK", 0, None, ["a"], -1])
VALUES = st.lists(SCALARS | JSON | st.sampled_from(["{a|b}", "%KSampler.seed%", "more", "fixed"]), max_size=8)
INPUT = record({"name": NAMES, "type": KINDS, "link": IDS}, widget=often(record({"name": NAMES}), JSON))
OUTPUT = record({"type": KINDS, "links": often(st.lists(IDS, max_size=3), JSON)})
PROPERTIES = record(
    {},
    **{
        "proxyWidgets": st.lists(often(st.tuples(IDS, NAMES).map(list), JSON), max_size=3),
        "Run widget replace on values": st.booleans(),
        "Node name for S&R": JSON,
    },
)
NODE = record(
    {"id": IDS, "type": TYPES, "inputs": often(st.lists(often(INPUT, JSON), max_size=4), JSON)},
    mode=often(st.just(0), st.sampled_from([1, 2, 3, 4, "4", None, 2.0])),
    outputs=often(st.lists(often(OUTPUT, JSON), max_size=3), JSON),
    widgets_values=often(VALUES, st.dictionaries(NAMES, JSON, max_size=3), JSON),
    properties=often(PROPERTIES, JSON),
    title=JSON,
)
LINK_KEYS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
LISTED = st.tuples(IDS, ENDS, SLOTS, ENDS, SLOTS, KINDS).map(list)
LINK = LISTED | LISTED.map(lambda link: dict(zip(LINK_KEYS, link, strict=True)))
NODES = st.lists(often(NODE, JSON), min_size=1, max_size=6)
LINKS = often(st.lists(often(LINK, JSON), max_size=8), JSON)
BOUNDARY = st.lists(
    often(record({"name": NAMES, "type": KINDS}, linkIds=often(st.lists(IDS, max_size=3), JSON)), JSON),
    max_size=3,
)
DEFINITION = record(
    {"id": st.sampled_from(["d0", "d1", "d2"]), "nodes": NODES, "links": LINKS},
    inputs=BOUNDARY,
    outputs=BOUNDARY,
    name=JSON,
)
GROUP = record(
    {
        "nodes": st.lists(NODE, max_size=4),
        "links": st.lists(often(st.lists(SLOTS, min_size=4), JSON), max_size=4),
    },
    external=often(st.lists(often(st.lists(SLOTS, max_size=3), JSON), max_size=3), JSON),
    config=JSON,
)
GROUPS = st.dictionaries(st.sampled_from(["g0", "g1"]), often(GROUP, JSON))
FILE = record(
    {
        "nodes": NODES,
        "links": LINKS,
        "definitions": often(record({"subgraphs": st.lists(often(DEFINITION, JSON), max_size=3)}), JSON),
        "extra": often(record({"groupNodes": GROUPS}), JSON),
    },
    version=JSON,
)


def converted(data: object) -> Conversion | None:
    """The conversion, or None when it is refused as it should be; the input must not change."""
    before = copy.deepcopy(data)
    try:
        return convert(data, CATALOG, rng=random.Random(1))  # type: ignore[arg-type]
    except ComfyError:
        return None
    finally:
        assert repr(data) == repr(before)


@settings(max_examples=150, deadline=None)
@given(FILE)
def test_anything_like_a_workflow_converts_or_is_refused(data):
    got = converted(data)
    if got is None:
        return
    json.dumps(got.api, allow_nan=False)
    for node in got.api.values():
        assert isinstance(node["class_type"], str)
        assert isinstance(node["_meta"]["title"], str)
        for value in node["inputs"].values():
            if isinstance(value, list):
                origin, slot = value
                assert origin in got.api
                assert type(slot) is int
    for problem in got.problems:
        assert problem.kind
        assert str(problem)


@settings(max_examples=50, deadline=None)
@given(FILE)
def test_converting_again_changes_nothing(data):
    got = converted(data)
    if got is not None and got.api:
        assert repr(convert(got.api, CATALOG).api) == repr(got.api)
        assert convert(got.api, CATALOG).problems == []


@settings(max_examples=50, deadline=None)
@given(FILE)
def test_the_same_draws_give_the_same_graph(data):
    first, second = converted(data), converted(data)
    assert repr(first) == repr(second)


@given(JSON)
def test_any_json_converts_or_is_refused(data):
    converted(data)


def test_values_nested_too_deeply_are_named_and_left_out():
    value: list = []
    for _ in range(100_000):
        value = [value]
    file = {"nodes": [{"id": 1, "type": "EmptyImage", "widgets_values": [value, 32]}]}
    got = convert(file, CATALOG)
    assert got.api["1"]["inputs"] == {"height": 32, "batch_size": 1, "color": 0}
    assert [(p.kind, p.input_name) for p in got.problems] == [("invalid_values", "width")]
