"""JSON as people have it: any Unicode encoding, and what other programs do to JSON repaired.

Strict JSON is read as it is. Only a text that is not JSON is repaired: code fences, comments, trailing
commas, typographic quotes and spaces, line breaks inside strings. Each repair is reported in words.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

LONGEST_REPAIRED = 8 * 1024 * 1024

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SPACES = "\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u301d\u301e\uff02"
_SPECIAL = re.compile(f'["{_QUOTES}{_SPACES}/#,]')
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_CLOSED = re.compile(f"[{_QUOTES}](?=[\\s{_SPACES}]*(?:[,:}}\\]]|$))")
_AFTER_COMMA = re.compile(r"\s*[}\]]")
_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n\s*(?=[{\[])", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_COMMA_OR_STRING = re.compile('[",]')
_FIRST = re.compile(rf'[\s{_SPACES}]*(?:[{{\[]|["{_QUOTES}](?:[\s{_SPACES}]|\\+["nrt])*\{{)')
_MAYBE = re.compile(f"[\\s{_SPACES}]*(?://|/\\*|#)")


class NotJSON(ValueError):
    """The text is not JSON, and cannot be repaired."""


def decode(data: bytes) -> tuple[str, str]:
    """The text of a JSON file, and a note when its encoding had to be guessed.

    The encoding is taken from the byte order mark, else from where the zero bytes of the first
    characters are, else it is UTF-8, and Windows-1252 for bytes that are not UTF-8.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace"), ""
    zeros = tuple(byte == 0 for byte in data[:4])
    if len(zeros) == 4 and any(zeros):
        found = {
            (True, True, True, False): "utf-32-be",
            (False, True, True, True): "utf-32-le",
            (True, False, True, False): "utf-16-be",
            (False, True, False, True): "utf-16-le",
        }.get(zeros)
        if found is not None:
            return data.decode(found, "replace"), f"read as {found.upper()[:-3]}"
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        try:
            return data.decode("cp1252"), "read as Windows-1252"
        except UnicodeDecodeError:
            return data.decode("latin-1"), "read as Latin-1"


def looks_like_json(text: str) -> bool:
    """Whether a text, of which the beginning is enough, starts a JSON object, list, or text of one."""
    return _FIRST.match(text) is not None


def may_hold_json(text: str) -> bool:
    """Whether a text that does not look like JSON may hold some: after a comment, or in a code block."""
    return _MAYBE.match(text) is not None or _FENCED.search(text) is not None


def parse(text: str, **options: Any) -> tuple[Any, list[str]]:
    """The document in a JSON text, and what was repaired; `options` are those of `json.loads`.

    Raises `NotJSON` that names line, column and character, or `RecursionError`.
    """
    try:
        return json.loads(text, **options), []
    except ValueError as error:
        if len(text) <= LONGEST_REPAIRED:
            repaired, notes = repair(text)
            try:
                return json.loads(repaired, strict=False, **options), notes or ["line breaks in its texts"]
            except ValueError:
                pass
        raise NotJSON(_explained(text, error)) from None


def repair(text: str) -> tuple[str, list[str]]:
    """The text with what is not JSON removed or replaced, and a note on each kind of change."""
    notes: dict[str, None] = {}
    if (start := _FENCED.search(text)) is not None and not looks_like_json(text):
        end = _FENCE.search(text, start.end())
        text = text[start.end() : end.start() if end else len(text)]
        notes["a code block"] = None
    out: list[str] = []
    at = 0
    while (found := _SPECIAL.search(text, at)) is not None:
        out.append(text[at : found.start()])
        at = found.start()
        piece, at, note = _repaired(text, at)
        out.append(piece)
        if note:
            notes[note] = None
    out.append(text[at:])
    return _without_trailing_commas("".join(out), notes), list(notes)


def _repaired(text: str, at: int) -> tuple[str, int, str]:
    """What stands at a special character: its replacement, where to go on, and a note."""
    char = text[at]
    if char == '"':
        string = _STRING.match(text, at)
        return (string[0], string.end(), "") if string else (text[at:], len(text), "")
    if char == ",":
        return char, at + 1, ""
    if char in "/#":
        return _comment(text, at)
    if re.match(f"[{_QUOTES}]", char):
        closing = _CLOSED.search(text, at + 1)
        if closing is None:
            return text[at:], len(text), ""
        inner = text[at + 1 : closing.start()]
        inner = re.sub(r'(?<!\\)"', r"\"", inner)
        return f'"{inner}"', closing.end(), "typographic quotes"
    return " ", at + 1, "typographic spaces"


def _comment(text: str, at: int) -> tuple[str, int, str]:
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        return (" ", end + 2, "comments") if end >= 0 else (text[at:], len(text), "")
    if text[at] == "#" or text.startswith("//", at):
        end = text.find("\n", at)
        return "", len(text) if end < 0 else end, "comments"
    return text[at], at + 1, ""


def _without_trailing_commas(text: str, notes: dict[str, None]) -> str:
    out: list[str] = []
    at = 0
    while (found := _COMMA_OR_STRING.search(text, at)) is not None:
        out.append(text[at : found.start()])
        at = found.start()
        if text[at] == ",":
            if _AFTER_COMMA.match(text, at + 1):
                notes["trailing commas"] = None
            else:
                out.append(",")
            at += 1
            continue
        string = _STRING.match(text, at)
        end = string.end() if string else len(text)
        out.append(text[at:end])
        at = end
    out.append(text[at:])
    return "".join(out)


def _explained(text: str, error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return re.sub(r"\s+", " ", str(error))
    where = f"line {error.lineno} column {error.colno}"
    if error.pos >= len(text):
        return f"{error.msg} at {where}, where it ends"
    char = text[error.pos]
    name = unicodedata.name(char, f"U+{ord(char):04X}")
    shown = repr(char) if char.isprintable() else f"U+{ord(char):04X}"
    return f"{error.msg} at {where}, where {shown} ({name}) stands"
