"""PrimitiveNode: one value written into widgets, fitted to what they take."""

from __future__ import annotations

import pytest

from .editor_files import EditorFile, node_class, with_nodes


def fed(value, *targets: tuple[str, str], catalog=None, now=None, **more) -> list:
    """What the named widgets of those classes hold when one PrimitiveNode feeds them all."""
    file = EditorFile()
    file.node("PrimitiveNode", value, **more)
    for kind, name in targets:
        file.link(1, 0, file.node(kind), name, "INT", widget=True)
    got = file.inputs(catalog)
    assert "1" not in got
    return [got[str(at + 2)].get(name) for at, (_, name) in enumerate(targets)]


def test_it_writes_its_value_into_every_widget_it_feeds():
    assert fed([640, "fixed"], ("EmptyImage", "width"), ("EmptyImage", "height")) == [640, 640]


@pytest.mark.parametrize("mode", [0, 2, 4])
def test_muting_or_bypassing_a_primitive_changes_nothing(mode):
    assert fed([640, "fixed"], ("EmptyImage", "width"), mode=mode) == [640]


def test_without_a_saved_value_it_takes_its_first_targets():
    file = EditorFile()
    file.node("PrimitiveNode")
    for width in (64, 32):
        file.link(1, 0, file.node("EmptyImage", [width]), "width", "INT", widget=True)
    got = file.inputs()
    assert (got["2"]["width"], got["3"]["width"]) == (64, 64)


@pytest.mark.parametrize(
    ("value", "kind", "name", "held"),
    [
        (517, "EmptyLatentImage", "width", 520),
        (3, "EmptyLatentImage", "width", 16),
        (10**9, "KSampler", "steps", 10000),
        (20.5, "KSampler", "steps", 21),
        (7.123456, "KSampler", "cfg", 7.1),
        (7.25, "KSampler", "cfg", 7.3),
        (1e300, "KSampler", "cfg", 100.0),
        (0.123456, "KSampler", "denoise", 0.12),
        (-3.0, "KSampler", "cfg", 0.0),
        ("12.6", "KSampler", "steps", 13),
        (None, "KSampler", "steps", 1),
        (2**64 - 1, "KSampler", "seed", 2**64 - 1),
        ("no such", "KSampler", "sampler_name", "no such"),
        (12, "CLIPTextEncode", "text", "12"),
        (True, "KSampler", "steps", 1),
        ("many", "KSampler", "steps", None),
        ("many", "KSampler", "cfg", None),
    ],
)
def test_a_number_is_fitted_to_range_and_step_and_nothing_else_is_checked(value, kind, name, held):
    assert fed([value, "fixed"], (kind, name)) == [held]


def test_several_targets_narrow_the_range():
    narrow = node_class({"n": ["INT", {"default": 5, "min": 10, "max": 20}]})
    wide = node_class({"n": ["INT", {"default": 5, "min": 0, "max": 100}]})
    catalog = with_nodes(Narrow=narrow, Wide=wide)
    assert fed([90, "fixed"], ("Wide", "n"), ("Narrow", "n"), catalog=catalog) == [20, 20]
    assert fed([3, "fixed"], ("Wide", "n"), ("Narrow", "n"), catalog=catalog) == [10, 10]


def test_ranges_that_do_not_meet_leave_the_value_to_each_target():
    low = node_class({"n": ["INT", {"min": 0, "max": 5}]})
    high = node_class({"n": ["INT", {"min": 10, "max": 20}]})
    assert fed([90, "fixed"], ("Low", "n"), ("High", "n"), catalog=with_nodes(Low=low, High=high)) == [5, 5]


def test_targets_without_a_widget_get_nothing():
    catalog = with_nodes(
        Any=node_class({"any": ["*"]}), Forced=node_class({"n": ["INT", {"forceInput": True}]})
    )
    assert fed([5, "fixed"], ("Forced", "n"), ("EmptyImage", "width"), ("Any", "any"), catalog=catalog) == [
        None,
        5,
        None,
    ]


def test_a_widget_reached_through_a_reroute_keeps_its_value():
    file = EditorFile()
    file.node("PrimitiveNode", [5, "fixed"])
    file.node("Reroute")
    file.node("EmptyImage", [64])
    file.link(1, 0, 2, "")
    file.link(2, 0, 3, "width", "INT", widget=True)
    assert file.inputs()["3"]["width"] == 64


def test_a_target_renamed_since_is_found_by_its_widget():
    file = EditorFile()
    file.node("PrimitiveNode", [5, "fixed"])
    file.node("EmptyImage", [64])
    file.link(1, 0, 2, "w", "INT")
    file[2]["inputs"][0]["widget"] = {"name": "width"}
    assert file.inputs()["2"]["width"] == 5


def test_placeholders_in_its_text_are_filled_in_when_asked():
    file = EditorFile()
    file.node("PrimitiveNode", ["w%EmptyImage.width%"], properties={"Run widget replace on values": True})
    file.node("EmptyImage", [64])
    file.node("CLIPTextEncode", ["old"])
    file.link(1, 0, 3, "text", "STRING", widget=True)
    assert file.inputs()["3"]["text"] == "w64"
    file[1]["properties"] = {}
    assert file.inputs()["3"]["text"] == "w%EmptyImage.width%"


def test_a_primitive_saved_without_an_output_writes_nothing():
    file = EditorFile()
    file.node("PrimitiveNode", [640, "fixed"])
    file.node("EmptyImage", [8])
    file.link(1, 0, 2, "width", "INT", widget=True)
    file[1]["outputs"] = []
    assert file.inputs()["2"]["width"] == 8


def test_a_primitive_that_feeds_nothing_is_left_out():
    file = EditorFile()
    file.node("PrimitiveNode", [5, "fixed"])
    assert file.convert().api == {}


def test_a_link_the_output_does_not_list_counts_all_the_same():
    file = EditorFile()
    file.node("PrimitiveNode", [5, "fixed"])
    file.node("EmptyImage")
    file.link(1, 0, 2, "width", "INT", widget=True)
    file[1]["outputs"] = [{"name": "INT", "type": "INT", "links": None}]
    assert file.inputs()["2"]["width"] == 5
