"""A line is split into words: prompts and paths survive, and Python objects differ from text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.magics.line import Expression, LineError, Word, split, split_quiet


def words(line: str) -> list[Word]:
    return split(line)


def value(line: str) -> object:
    (word,) = split(line)
    return word.value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("  a   b ", [Word("a"), Word("b")]),
        ("txt2img.json 3.seed=7", [Word("txt2img.json"), Word("7", "3.seed")]),
        ("6.text='a red fox' x", [Word("a red fox", "6.text"), Word("x")]),
        ('"my file.json"', [Word("my file.json")]),
        ('"Save Image.filename_prefix=a b"', [Word("a b", "Save Image.filename_prefix")]),
        ('"Save Image".filename_prefix="a b"', [Word("a b", "Save Image.filename_prefix")]),
        ("'Save Image.filename_prefix'=out", [Word("out", "Save Image.filename_prefix")]),
        ("6.text=", [Word("", "6.text")]),
        ('6.text=""', [Word("", "6.text")]),
        ("6.text=a=b", [Word("a=b", "6.text")]),
        ("--seed=7", [Word("7", "--seed")]),
    ],
)
def test_words_and_assignments(line: str, expected: list[Word]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize(
    ("line", "bare", "quiet"),
    [
        ("connect cloud   # with an API key", "connect cloud", False),
        ("run a.json; # made again", "run a.json", True),
        ("# nothing but talk", "", False),
        ("run a.json 6.text='a # b' # c", "run a.json 6.text='a # b'", False),
        ("run a.json 6.text='a; # b'", "run a.json 6.text='a; # b'", False),
        ("run a.json 3.seed={len('a # b')};", "run a.json 3.seed={len('a # b')}", True),
        ("run a.json 6.text=#tag #5", "run a.json 6.text=#tag #5", False),
    ],
)
def test_a_comment_begins_where_a_sign_stands_alone(line: str, bare: str, quiet: bool) -> None:
    found, silent = split_quiet(line)
    assert (found.strip(), silent) == (bare, quiet)


@pytest.mark.parametrize(
    "text",
    [
        "it's",
        "5'10\"",
        "costs$5",
        "{day|night}-sky",
        "a{b}c",
        "$5",
        "$",
        "{a}-{b}",
        "C:\\new\\table.png",
        "#tag",
        "no",
    ],
)
def test_text_without_spaces_needs_no_quotes(text: str) -> None:
    assert value(f"6.text={text}") == text


@pytest.mark.parametrize("text", ["it's a {day|night}", "$name", "{x}", "C:\\new folder\\x.png", "a; b"])
def test_quoted_text_is_always_itself(text: str) -> None:
    assert value(f'6.text="{text}"') == text


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("{img}", "img"),
        ("{ img }", "img"),
        ("$img", "img"),
        ("{imgs[0] + 1}", "imgs[0] + 1"),
        ('{d["a} b"]}', 'd["a} b"]'),
        ("{{'a': 1}['a']}", "{'a': 1}['a']"),
        ("{[x for x in range(3)]}", "[x for x in range(3)]"),
        ("{day|night}", "day|night"),
    ],
)
def test_exactly_an_expression_is_python(text: str, source: str) -> None:
    assert value(f"10.image={text}") == Expression(source)
    assert value(text) == Expression(source)
    assert words(f"10.image={text} next=1") == [Word(Expression(source), "10.image"), Word("1", "next")]


def test_what_is_no_python_is_still_one_value() -> None:
    """`{a red fox}` is kept whole, for the message to name it (see test_values)."""
    assert value("6.text={a red fox}") == Expression("a red fox")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('6.text="never closed', "never closed"),
        ("6.text={never", "never closed"),
        ('6.text="a"b', "a space is missing"),
        ("6.text='it's'", "a space is missing"),
        ('"a"b', "a space is missing"),
        ("{a}x=1", None),
    ],
)
def test_what_cannot_be_split_is_said(line: str, says: str | None) -> None:
    if says is None:
        assert words(line)
        return
    with pytest.raises(LineError, match=says):
        words(line)


@pytest.mark.parametrize(
    ("line", "bare", "quiet"),
    [
        ("run a.json;", "run a.json", True),
        ("run a ; ", "run a", True),
        ("run a", "run a", False),
        ("x=';'", "x=';'", False),
    ],
)
def test_a_semicolon_at_the_end_quiets(line: str, bare: str, quiet: bool) -> None:
    assert split_quiet(line) == (bare, quiet)


@given(st.text(alphabet=st.characters(exclude_characters='"', exclude_categories=["Cs"])))
def test_any_text_can_be_quoted(text: str) -> None:
    assert split(f'before 6.text="{text}" after') == [Word("before"), Word(text, "6.text"), Word("after")]


@given(st.text(max_size=60))
def test_no_line_does_worse_than_a_line_error(line: str) -> None:
    with contextlib.suppress(LineError):
        split(line)
