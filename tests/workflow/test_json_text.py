"""JSON as people have it: encodings without a mark, and what chats, editors and word processors do to it."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_notebook.errors import NotAWorkflow
from comfy_notebook.workflow import json_text
from comfy_notebook.workflow.workflow import Workflow

PROMPT = 'día, "sea" // no comment, # 1 ,} “so” 夜 😀'
API = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615, "model": ["4", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": PROMPT}},
}
TEXT = json.dumps(API, indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    ("codec", "note"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-32", ""),
        ("utf-16-le", "; read as UTF-16"),
        ("utf-16-be", "; read as UTF-16"),
        ("utf-32-le", "; read as UTF-32"),
        ("utf-32-be", "; read as UTF-32"),
    ],
)
def test_every_unicode_encoding_with_and_without_a_mark(codec: str, note: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(TEXT.encode(codec))
    wf = Workflow.load(path)
    assert wf.to_api() == API
    assert str(wf.source) == f"from a.json (JSON, API format{note})"


def test_bytes_that_are_not_utf_8_are_windows_1252() -> None:
    wf = Workflow.load(b'{"6": {"class_type": "A", "inputs": {"text": "d\xeda \x80"}}}')
    assert wf["6"].text == "día €"
    assert "read as Windows-1252" in str(wf.source)


NEARLY = {
    "fence": (f"```json\n{TEXT}\n```", "without a code block"),
    "prose": (f"Here is the workflow:\n\n```\n{TEXT}\n```\nHave fun.", "without a code block"),
    "//": (f"// made by hand\n{TEXT}", "without comments"),
    "/* */ and #": (TEXT.replace("{\n", '{ /* a {comment} */ # and "more"\n', 1), "without comments"),
    "comma": (TEXT.replace("\n}", ",\n}"), "without trailing commas"),
    "both": (TEXT.replace("]\n", "],\n // the model\n", 1), "without comments and trailing commas"),
    "spaces": (TEXT.replace('  "', '\u00a0\u2003"'), "without typographic spaces"),
    "quotes": (
        TEXT.replace('"class_type"', "“class_type”").replace('"KSampler"', "„KSampler”"),
        "without typographic quotes",
    ),
    "line break": (TEXT.replace("día", "d\ni\ta"), "without line breaks in its texts"),
    "JSON text": (json.dumps(TEXT), ""),
    "JSON text of JSON text": (json.dumps(json.dumps(TEXT)), ""),
}


@pytest.mark.parametrize(("text", "note"), NEARLY.values(), ids=NEARLY.keys())
def test_nearly_json_is_read_with_a_note(text: str, note: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    for source in (path, text.encode(), text):
        wf = Workflow.load(source)
        assert wf["3"].seed == 18446744073709551615
        assert wf["6"].text in (PROMPT, PROMPT.replace("día", "d\ni\ta"))
        assert note in str(wf.source)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"1": {"class_type": "A" "inputs": {}}}', "line 1 column 26, where '\"' (QUOTATION MARK) stands"),
        (
            '{\n  "1": {‘class_type’: "A"}\n}',
            "line 2 column 9, where '‘' (LEFT SINGLE QUOTATION MARK) stands",
        ),
        ('{"1": {"class_type": "A"', "line 1 column 25, where it ends"),
        ('{"1"\x00: {"class_type": "A"}}', r"where U\+0000 \(U\+0000\) stands"),
    ],
)
def test_what_cannot_be_repaired_is_named_with_its_place(text: str, said: str) -> None:
    pattern = said.replace("(", r"\(").replace(")", r"\)") if "\\" not in said else said
    with pytest.raises(NotAWorkflow, match=pattern):
        Workflow.load(text)


def test_other_texts_are_not_called_broken_json() -> None:
    for text in (b"# A heading\n\nand words", b"// a program\nint main() { return 0; }"):
        with pytest.raises(NotAWorkflow, match="nor a kind of file"):
            Workflow.load(text)


@settings(deadline=None)
@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_repairing_leaves_json_as_it_is(document: object) -> None:
    text = json.dumps([document], ensure_ascii=False)
    repaired, notes = json_text.repair(text)
    assert json.loads(repaired) == [document]
    assert notes == []


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:/*#“”„ \n`~a1\u00a0\\'))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(json_text.NotJSON):
        json_text.parse(text)


@pytest.mark.parametrize("piece", ["“", '"“', "/*", "```\n{", "~~~a\n", "#", ",", '\\"', "“ ", "”,", " " * 9])
def test_repairing_takes_time_in_proportion_to_the_length(piece: str) -> None:
    text = "{" + piece * (1_000_000 // len(piece))
    began = time.process_time()
    with pytest.raises(json_text.NotJSON):
        json_text.parse(text)
    assert time.process_time() - began < 5
