"""Text, primitives, regular expressions (hostile ones too) and PreviewAny."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.embedded.nodes import regular_expressions
from comfy_notebook.embedded.nodes.base import TooLarge, Ui

from .kit import Bench, Cancelled, Folder, run

BENCH = Bench(Folder(Path()))
PLAIN = {"case_insensitive": True, "multiline": False, "dotall": False}


def one(class_type: str, **inputs: Any) -> Any:
    (value,) = run(BENCH, class_type, **inputs)
    return value


@pytest.mark.parametrize("value", [3, 0.5, "text", True])
def test_a_primitive_is_its_value(value: Any) -> None:
    names = {int: "PrimitiveInt", float: "PrimitiveFloat", str: "PrimitiveString", bool: "PrimitiveBoolean"}
    assert one(names[type(value)], value=value) is value
    assert one("PrimitiveStringMultiline", value="a\nb") == "a\nb"


def test_strings() -> None:
    assert one("StringConcatenate", string_a="hëllo", string_b="wörld", delimiter=" ") == "hëllo wörld"
    assert one("StringSubstring", string="abcdef", start=1, end=-1) == "bcde"
    assert one("StringLength", string="wörld ✓") == 7
    assert [one("CaseConverter", string="aB cD", mode=m) for m in ("UPPERCASE", "lowercase")] == [
        "AB CD",
        "ab cd",
    ]
    assert [one("CaseConverter", string="aB cD", mode=m) for m in ("Capitalize", "Title Case")] == [
        "Ab cd",
        "Ab Cd",
    ]
    assert [one("StringTrim", string=" a ", mode=m) for m in ("Both", "Left", "Right")] == ["a", "a ", " a"]
    assert one("StringReplace", string="aXbX", find="X", replace="-") == "a-b-"


def test_comparing() -> None:
    assert one("StringContains", string="Lighthouse", substring="HOUSE", case_sensitive=False)
    assert not one("StringContains", string="Lighthouse", substring="HOUSE", case_sensitive=True)
    for mode, expected in (("Starts With", True), ("Ends With", False), ("Equal", False)):
        got = one("StringCompare", string_a="Lighthouse", string_b="light", mode=mode, case_sensitive=False)
        assert got is expected


def test_regular_expressions() -> None:
    assert one("RegexMatch", string="Seed 42", regex_pattern=r"seed \d+", **PLAIN)
    assert not one(
        "RegexMatch", string="Seed 42", regex_pattern=r"seed", **{**PLAIN, "case_insensitive": False}
    )
    assert one("RegexMatch", string="a", regex_pattern="(", **PLAIN) is False
    text = "a=1, b=22"

    def extract(mode: str, pattern: str = r"(\w)=(\d+)", group: int = 1) -> Any:
        return one("RegexExtract", string=text, regex_pattern=pattern, mode=mode, group_index=group, **PLAIN)

    assert extract("First Match") == "a=1"
    assert extract("All Matches") == "a\nb"
    assert extract("All Matches", r"\d+") == "1\n22"
    assert extract("First Group", group=2) == "1"
    assert extract("First Group", group=0) == "a=1"
    assert extract("First Group", group=3) == ""
    assert extract("All Groups", group=2) == "1\n22"
    assert extract("First Match", "[") == ""
    assert one("RegexReplace", string=text, regex_pattern=r"(\w)=(\d+)", replace=r"\2=\1") == "1=a, 22=b"
    assert one("RegexReplace", string="aaa", regex_pattern="a", replace="b", count=2) == "bba"
    with pytest.raises(re.error):
        one("RegexReplace", string="a", regex_pattern="(", replace="")
    with pytest.raises(re.error, match="invalid group reference"):
        one("RegexReplace", string="aab", regex_pattern="(a+)b?", replace=r"\7")


@pytest.mark.parametrize("more", ["", "|zz*y"])
def test_an_error_is_the_same_wherever_the_search_ran(more: str) -> None:
    """A group that took no part is None, alone; among others it is Python's TypeError, as in ComfyUI."""
    found = {"string": "b", "regex_pattern": f"(a)?b{more}", "group_index": 1, **PLAIN}
    assert one("RegexExtract", mode="First Group", **found) is None
    with pytest.raises(TypeError, match="expected str instance, NoneType found"):
        one("RegexExtract", mode="All Groups", **found)
    with pytest.raises(IndexError, match="unknown group name 'x'"):
        one("RegexReplace", string="b", regex_pattern=f"b{more}", replace=r"\g<x>")
    with pytest.raises(re.error, match="invalid group reference 7"):
        one("RegexReplace", string="b", regex_pattern=f"b{more}", replace=r"\7")


CATASTROPHE = {"string": "x" * 5000, "regex_pattern": "(x+x+)+y", "replace": ""}


def test_a_catastrophic_pattern_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular_expressions, "SECONDS", 0.2)
    with pytest.raises(TimeoutError, match=r"longer than 0\.2 s"):
        one("RegexReplace", **CATASTROPHE)


def test_a_search_with_many_finds_can_be_cancelled() -> None:
    bench = Bench(Folder(Path()), cancel_after=3)
    with pytest.raises(Cancelled):
        run(bench, "RegexReplace", string="ab" * 100_000, regex_pattern="a", replace="c")


def test_a_lookahead_that_repeats_the_text_is_an_oom_error() -> None:
    found = {"string": "a" * 20_000, "regex_pattern": "(?=(.*))", "group_index": 1, **PLAIN}
    with pytest.raises(TooLarge):
        one("RegexExtract", mode="All Groups", **found)


@given(st.text("ab1 ", max_size=30), st.sampled_from(["a", "a*", "(a)(b)?", r"\b", "a|b", "(?<=a)b", ""]))
def test_replacing_and_finding_agree_with_pythons_re(text: str, pattern: str) -> None:
    replaced = one("RegexReplace", string=text, regex_pattern=pattern, replace=r"[\g<0>]")
    assert replaced == re.sub(pattern, r"[\g<0>]", text, flags=re.IGNORECASE)
    asked = {"string": text, "regex_pattern": pattern, "mode": "All Matches", "group_index": 1}
    found = one("RegexExtract", **asked, **PLAIN)
    rows = re.findall(pattern, text, re.IGNORECASE)
    assert found == "\n".join(row[0] if isinstance(row, tuple) else row for row in rows)


def test_texts_that_multiply_are_an_oom_error() -> None:
    """Doubled again and again, or replaced letter by letter with something long."""
    text = "a" * 20_000_000
    with pytest.raises(TooLarge):
        one("StringConcatenate", string_a=text, string_b=text, delimiter="")
    with pytest.raises(TooLarge):
        one("StringReplace", string=text, find="a", replace="bbb")
    for letters in (10_000, 1_000_000):
        with pytest.raises(TooLarge):
            one("RegexReplace", string="a" * letters, regex_pattern="a", replace="b" * 5_000)
    assert one("RegexReplace", string="a" * 10_000, regex_pattern="^a", replace="b" * 5_000).startswith("bb")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (96, "96"),
        (0.1, "0.1"),
        (True, "True"),
        ("hëllo wörld ✓", "hëllo wörld ✓"),
        ([1, "two"], '[1, "two"]'),
        (None, "None"),
        ({1}, "{1}"),
        (np.zeros((1, 2, 2)), "tensor([[[0., 0.],\n         [0., 0.]]])"),
        ({"samples": np.full((1, 2), 0.25)}, "{'samples': tensor([[0.2500, 0.2500]])}"),
    ],
)
def test_preview_any(value: Any, text: str) -> None:
    shown = run(BENCH, "PreviewAny", source=value)
    assert isinstance(shown, Ui)
    assert shown.ui == {"text": [text]}


def test_preview_any_of_an_image_prints_as_pytorch_does() -> None:
    (image,) = run(BENCH, "EmptyImage", width=96, height=64, batch_size=2, color=2282533)
    shown = run(BENCH, "PreviewAny", source=image)
    lines = shown.ui["text"][0].split("\n")
    assert lines[0] == "tensor([[[[0.1333, 0.8314, 0.1451],"
    assert lines[3] == "          ...,"
    assert lines[-1] == "          [0.1333, 0.8314, 0.1451]]]])"
