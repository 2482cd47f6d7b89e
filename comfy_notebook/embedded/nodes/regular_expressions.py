"""The regular-expression nodes, with a limit on time and memory for patterns from anyone.

Searches are made by the `regex` package, which takes a `timeout` and releases the interpreter's lock
while it searches; Python's `re`, which ComfyUI uses, has neither, but checks patterns and templates
here first, so that errors are its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import regex

from .base import LONGEST_TEXT, Context, Input, Node, Output, TooLarge, room_for_text
from .text import combo, flag

SECONDS = 10.0
_TEXT = Input("STRING", {"multiline": True})


class Search:
    """One pattern over one text. Raises `re.error` for a pattern Python does not take.

    Every method raises `TimeoutError` after `SECONDS`, and what `check` raises between two finds.
    """

    def __init__(self, pattern: str, string: str, flags: int, check: Callable[[], None]) -> None:
        re.compile(pattern, flags)
        self._pattern, self._string, self._check = pattern, string, check
        self._compiled = regex.compile(pattern, int(flags))
        self._until = time.monotonic() + SECONDS

    def first(self) -> Any:
        """The first find, or None."""
        try:
            return self._compiled.search(self._string, timeout=SECONDS, concurrent=True)
        except TimeoutError:
            raise self._too_slow() from None

    def all(self) -> Iterator[Any]:
        """Every find, in order."""
        finds = self._compiled.finditer(self._string, timeout=SECONDS, concurrent=True)
        try:
            for number, found in enumerate(finds):
                if number % 256 == 0:
                    self._check()
                    if time.monotonic() > self._until:
                        raise TimeoutError
                yield found
        except TimeoutError:
            raise self._too_slow() from None

    def extract(self, mode: str, group: int) -> str:
        """The first or all finds, whole or one group of them, as in RegexExtract; "" for nothing."""
        if mode in ("First Match", "First Group"):
            found = self.first()
            if found is None:
                return ""
            if mode == "First Match":
                return str(found.group(0))
            return found.group(group) if len(found.groups()) >= group else ""
        if mode == "All Matches":
            # As re.findall gives them: the first group, where there are groups.
            return _joined(found.groups("")[0] if found.groups() else found.group(0) for found in self.all())
        return _joined(
            found.group(group) for found in self.all() if found.groups() and len(found.groups()) >= group
        )

    def replace(self, template: str, count: int) -> str:
        """The text with the finds replaced, all for a count of 0; the template may name groups."""
        re.sub(self._pattern, template, "")
        parts: list[str] = []
        length, end = len(self._string), 0
        for number, found in enumerate(self.all()):
            if count and number >= count:
                break
            new = found.expand(template)
            length += len(new) - len(found.group(0))
            room_for_text(length)
            parts += [self._string[end : found.start()], new]
            end = found.end()
        return "".join([*parts, self._string[end:]])

    def _too_slow(self) -> TimeoutError:
        return TimeoutError(f"The regular expression took longer than {SECONDS:g} s: {self._pattern}")


def _joined(texts: Iterator[str]) -> str:
    rows: list[str] = []
    length = 0
    for text in texts:
        rows.append(text)
        length += len(text or "") + 1
        if length > LONGEST_TEXT:
            raise TooLarge(f"The finds of a regular expression are longer than {LONGEST_TEXT} characters.")
    return "\n".join(rows)


def _flags(case_insensitive: bool, multiline: bool, dotall: bool) -> int:
    chosen = (case_insensitive, re.IGNORECASE), (multiline, re.MULTILINE), (dotall, re.DOTALL)
    return sum(int(value) for on, value in chosen if on)


class _Regex(Node):
    category = "text"
    python_module = "comfy_extras.nodes_string"


class RegexMatch(_Regex):
    """Whether a pattern is found; false for a pattern that is not valid."""

    display_name = "Match Text"
    inputs = {
        "string": _TEXT,
        "regex_pattern": _TEXT,
        "case_insensitive": flag(True),
        "multiline": flag(False),
        "dotall": flag(False),
    }
    outputs = (Output("BOOLEAN", "matches"),)

    def run(
        self,
        ctx: Context,
        *,
        string: str,
        regex_pattern: str,
        case_insensitive: bool,
        multiline: bool,
        dotall: bool,
    ) -> tuple[Any, ...]:
        flags = _flags(case_insensitive, multiline, dotall)
        try:
            return (Search(regex_pattern, string, flags, ctx.check_cancelled).first() is not None,)
        except re.error:
            return (False,)


class RegexExtract(_Regex):
    """The first or all finds, or one group of them; empty for a pattern that is not valid."""

    display_name = "Extract Text"
    inputs = {
        "string": _TEXT,
        "regex_pattern": _TEXT,
        "mode": combo("First Match", "All Matches", "First Group", "All Groups"),
        "case_insensitive": flag(True),
        "multiline": flag(False),
        "dotall": flag(False),
        "group_index": Input("INT", {"default": 1, "min": 0, "max": 100, "advanced": True}),
    }
    outputs = (Output("STRING"),)

    def run(
        self,
        ctx: Context,
        *,
        string: str,
        regex_pattern: str,
        mode: str,
        case_insensitive: bool,
        multiline: bool,
        dotall: bool,
        group_index: int,
    ) -> tuple[Any, ...]:
        flags = _flags(case_insensitive, multiline, dotall)
        try:
            return (Search(regex_pattern, string, flags, ctx.check_cancelled).extract(mode, group_index),)
        except re.error:
            return ("",)


class RegexReplace(_Regex):
    """Finds replaced, all or the first `count`; the replacement may name groups (\\1)."""

    display_name = "Replace Text (Regex)"
    inputs = {
        "string": _TEXT,
        "regex_pattern": _TEXT,
        "replace": _TEXT,
        "case_insensitive": flag(True, optional=True),
        "multiline": flag(False, optional=True),
        "dotall": flag(False, optional=True),
        "count": Input("INT", {"default": 0, "min": 0, "max": 100, "advanced": True}, optional=True),
    }
    outputs = (Output("STRING"),)

    def run(
        self,
        ctx: Context,
        *,
        string: str,
        regex_pattern: str,
        replace: str,
        case_insensitive: bool = True,
        multiline: bool = False,
        dotall: bool = False,
        count: int = 0,
    ) -> tuple[Any, ...]:
        flags = _flags(case_insensitive, multiline, dotall)
        return (Search(regex_pattern, string, flags, ctx.check_cancelled).replace(replace, count),)


NODES: list[type[Node]] = [RegexMatch, RegexExtract, RegexReplace]
