"""A magic's line, split into words and values.

The rules differ from a shell's: prompts contain quotes, braces and `$` as text (`it's`, `{day|night}`,
`costs $5`), Windows paths contain backslashes, and Python values must arrive as objects. So a quote
counts only at the start of a word or right after its first `=`; there are no escapes; a `#` starts a
comment only as a word of its own; and a value that is *exactly* `{expression}` or `$name` is an
`Expression`, while any other text, quoted text included, is taken literally. Nothing is evaluated here
(see `values`).
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

_NAME = re.compile(r"\$([^\W\d]\w*)\Z")
_COMMENT = re.compile(r"(?<!\S)#(?=\s|\Z)")


class LineError(ValueError):
    """The line cannot be split: an unclosed quote or brace, or text right after a closing quote."""


@dataclass(frozen=True)
class Expression:
    """Python source, evaluated where the magic was called."""

    source: str


@dataclass(frozen=True)
class Word:
    """One word of a line: `key=value`, or a value alone (`key` is None)."""

    value: str | Expression
    key: str | None = None

    @property
    def text(self) -> str:
        """The word as typed, without its quotes."""
        value = self.value if isinstance(self.value, str) else f"{{{self.value.source}}}"
        return value if self.key is None else f"{self.key}={value}"


def split_quiet(line: str) -> tuple[str, bool]:
    """The line without its comment and final `;`, and whether it ended in `;`."""
    for mark in _COMMENT.finditer(line):
        before = _without_semicolon(line[: mark.start()])
        try:
            split(before[0])
        except LineError:  # inside a quote or brace: text
            continue
        return before
    return _without_semicolon(line)


def _without_semicolon(line: str) -> tuple[str, bool]:
    bare = line.rstrip()
    return (bare[:-1].rstrip(), True) if bare.endswith(";") else (line, False)


def split(line: str) -> list[Word]:
    """The words of a line. Raises `LineError` for what cannot be split."""
    words: list[Word] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at == len(line):
            return words
        word, at = _word(line, at)
        words.append(word)


def _word(line: str, at: int) -> tuple[Word, int]:
    if line[at] in "\"'{":
        value, end = _value(line, at)
        if end == len(line) or line[end].isspace():
            key, equals, rest = value.partition("=") if isinstance(value, str) else ("", "", "")
            return (Word(rest, key) if equals else Word(value)), end
        # A quoted title may begin an address: "Save Image".filename_prefix=x
        tail = line[end:].split(None, 1)[0]
        if isinstance(value, Expression) or "=" not in tail:
            raise LineError(f"a space is missing after {line[at:end]}")
        key = value + tail.split("=", 1)[0]
        return _assigned(line, end + tail.index("=") + 1, key)
    end = at
    while end < len(line) and not line[end].isspace() and line[end] != "=":
        end += 1
    if end == len(line) or line[end] != "=":
        return Word(expression_or_text(line[at:end])), end
    return _assigned(line, end + 1, line[at:end])


def _assigned(line: str, at: int, key: str) -> tuple[Word, int]:
    value, end = _value(line, at)
    if end < len(line) and not line[end].isspace():
        raise LineError(f"a space is missing after {line[at:end]}, or its quote is closed too early")
    return Word(value, key), end


def _value(line: str, at: int) -> tuple[str | Expression, int]:
    """The value that starts here, up to the next space outside its quotes or braces."""
    if at == len(line) or line[at].isspace():
        return "", at
    if line[at] in "\"'":
        end = line.find(line[at], at + 1)
        if end < 0:
            raise LineError(f"the quote before {line[at + 1 : at + 21]!r} is never closed")
        return line[at + 1 : end], end + 1
    if line[at] == "{" and (end := _brace_end(line, at)) > 0:
        return Expression(line[at + 1 : end - 1].strip()), end
    end = at
    while end < len(line) and not line[end].isspace():
        end += 1
    return expression_or_text(line[at:end]), end


def expression_or_text(text: str) -> str | Expression:
    """A whole value, not quoted: an `Expression` when it is exactly `{expr}` or `$name`, else itself."""
    if text.startswith("{") and text.endswith("}") and _brace_end(text, 0) == len(text):
        return Expression(text[1:-1].strip())
    if name := _NAME.match(text):
        return Expression(name[1])
    return text


def _brace_end(line: str, at: int) -> int:
    """The end of the `{expression}` that starts here; 0 when text follows its brace: no expression then.

    The first closing brace that leaves valid Python inside wins, so strings and dicts may hold braces.
    """
    ends = [m.end() for m in re.finditer(r"\}(?=\s|\Z)", line[at:])]
    for end in ends:
        if _is_python(line[at + 1 : at + end - 1]):
            return at + end
    depth = 0
    for i in range(at, len(line)):
        depth += (line[i] == "{") - (line[i] == "}")
        if depth == 0:
            return i + 1 if i + 1 - at in ends else 0
    raise LineError(f"the brace before {line[at + 1 : at + 21]!r} is never closed")


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
