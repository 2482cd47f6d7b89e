from __future__ import annotations

import pytest

from comfy_notebook.protocol.graph import node_class, node_order, node_title, visible_node


def test_a_node_has_a_class_and_may_have_a_title() -> None:
    node = {"class_type": "KSampler", "_meta": {"title": "Second pass"}}
    assert (node_class(node), node_title(node)) == ("KSampler", "Second pass")
    assert node_title({"class_type": "KSampler"}) is None


@pytest.mark.parametrize(
    "node",
    [
        None,
        [],
        "node",
        {},
        {"class_type": 3, "_meta": None},
        {"_meta": {"title": 7}},
        {"_meta": {"title": ""}},
    ],
    ids=str,
)
def test_malformed_nodes_have_neither(node: object) -> None:
    assert (node_class(node), node_title(node)) == (None, None)


@pytest.mark.parametrize(
    ("node_id", "display", "found"),
    [
        ("2", None, "2"),
        ("2.0.0.1", "2", "2"),
        ("2.0.0.1", None, "2"),
        ("12:5", None, "12:5"),
        ("12:5.0.0.1", None, "12:5"),
        ("12:6", None, "12"),
        ("2.0.0.1", "12", "12"),
        ("99", None, "99"),
        ("99.0", "98", "98"),
        (".5", None, ".5"),
    ],
)
def test_the_visible_node(node_id: str, display: str | None, found: str) -> None:
    assert visible_node(node_id, {"2", "12", "12:5"}, display) == found


def test_the_order_of_node_ids() -> None:
    assert sorted(["10", "2", "x", "2.0.0.10", "2.0.0.9", "2:3"], key=node_order) == [
        "2", "2.0.0.9", "2.0.0.10", "2:3", "10", "x"
    ]  # fmt: skip
