"""The body of a `%%comfy` cell."""

from __future__ import annotations

import pytest

from comfy_notebook.magics.body import parse_body
from comfy_notebook.magics.line import Expression, LineError, Word


def test_lines_set_values() -> None:
    body = parse_body(
        """# what to change
KSampler.seed: 7
6.text: a fox: red, it's "quick" and {calm|stormy}

10.image: {photo}
10.mask: $mask
Save Image.filename_prefix: out
12:5.text: inside a subgraph
empty.text:
"""
    )
    assert body.json is None
    assert body.values == [
        Word("7", "KSampler.seed"),
        Word('a fox: red, it\'s "quick" and {calm|stormy}', "6.text"),
        Word(Expression("photo"), "10.image"),
        Word(Expression("mask"), "10.mask"),
        Word("out", "Save Image.filename_prefix"),
        Word("inside a subgraph", "12:5.text"),
        Word("", "empty.text"),
    ]


def test_a_bar_begins_a_block_of_text() -> None:
    body = parse_body("6.text: |\n    one {x}\n\n      two: deeper\n7.text: |\n  {x}\n3.seed: 1\n")
    assert body.values == [
        Word("one {x}\n\n  two: deeper", "6.text"),
        Word("{x}", "7.text"),
        Word("1", "3.seed"),
    ]


def test_a_brace_begins_a_workflow() -> None:
    text = '\n {"3": {"class_type": "EmptyImage", "inputs": {}}}'
    assert parse_body(text).json == text
    assert parse_body(text).values == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("6.text = a", "line 1 .* is not 'NODE.INPUT: value'; write 6.text: a$"),
        ("3.steps:12", "line 1 .*; write 3.steps: 12"),
        ("a.b: 1\n  c.d: 2", "line 2 .* indented"),
    ],
)
def test_other_lines_are_refused_by_number(text: str, says: str) -> None:
    with pytest.raises(LineError, match=says):
        parse_body(text)
