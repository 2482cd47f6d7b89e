"""Text to values: by the declared type, else by the value in the file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.errors import InvalidWorkflow
from comfy_notebook.workflow.specs import InputSpec
from comfy_notebook.workflow.values import parse_value
from comfy_notebook.workflow.workflow import Workflow

from .support import catalog, example


def spec(kind: Any, **options: Any) -> InputSpec:
    return InputSpec.parse("x", [kind, options], "required")


@given(st.text())
def test_a_string_is_taken_verbatim(text: str) -> None:
    assert parse_value(text, spec("STRING")) == text
    assert parse_value(text, None, "what was there") == text


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        (" 42 ", spec("INT"), 42),
        ("18446744073709551615", spec("INT"), 2**64 - 1),
        ("0x10", spec("INT"), 16),
        ("1e3", spec("INT"), 1000),
        ("10_000", spec("INT"), 10_000),
        ("7.5", spec("FLOAT"), 7.5),
        ("8", spec("FLOAT"), 8.0),
        ("no", spec("BOOLEAN"), False),
        ("True", spec("BOOLEAN"), True),
        ("euler", spec(["euler", "heun"]), "euler"),
        ("EULER", spec(["euler", "heun"]), "euler"),
        ("2", spec([1, 2]), 2),
        ("a, b", spec("COMBO", options=["a", "b", "c"], multiselect=True), ["a", "b"]),
        ("anything.png", spec([], image_upload=True), "anything.png"),
        ("no", spec("IMAGE"), "no"),
    ],
)
def test_text_by_declared_type(text: str, declared: InputSpec, value: Any) -> None:
    found = parse_value(text, declared)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "declared", "says"),
    [
        ("4.5", spec("INT"), "not a whole number"),
        ("", spec("INT"), "not a whole number"),
        ("inf", spec("FLOAT"), "not a number"),
        ("0", spec("INT", min=1, max=9), "Use 1 or more"),
        ("10", spec("INT", min=1, max=9), "Use 9 or less"),
        ("maybe", spec("BOOLEAN"), "true or false"),
        ("eular", spec(["euler", "heun"]), "Did you mean 'euler'"),
        ("zzz", spec([str(n) for n in range(12)]), "and 4 more"),
    ],
)
def test_wrong_text_says_what_would_be_right(text: str, declared: InputSpec, says: str) -> None:
    with pytest.raises(InvalidWorkflow, match=says) as caught:
        parse_value(text, declared, name="Sampler.x")
    assert str(caught.value).startswith("Sampler.x: ")


@pytest.mark.parametrize(
    ("text", "current", "value"),
    [
        ("7", 20, 7),
        ("7.5", 8, 7.5),  # JavaScript writes 8.0 as 8
        ("7", 8.5, 7.0),
        ("yes", True, True),
        ("[1]", {"a": 1}, [1]),
        ("{day|night}", "x", "{day|night}"),
        ("text", None, "text"),
    ],
)
def test_without_a_definition_the_value_in_the_file_decides(text: str, current: Any, value: Any) -> None:
    assert parse_value(text, None, current) == value


def test_without_a_definition_words_are_not_numbers() -> None:
    for current in (20, 8.5, True, [1]):
        with pytest.raises(InvalidWorkflow):
            parse_value("many", None, current)


def test_set_text_reads_by_the_address() -> None:
    wf = Workflow.load(example("txt2img"), nodes=catalog())
    assert wf.set_text("KSampler.cfg", "7") == 7.0
    assert wf.set_text("6.text", "it's {day|night}, no") == "it's {day|night}, no"
    with pytest.raises(InvalidWorkflow, match=r"KSampler\.sampler_name(?s:.)*'euler'"):
        wf.set_text("3.sampler_name", "eular")
