from __future__ import annotations

import pytest

from comfy_notebook.protocol.graph import node_class, node_title


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
