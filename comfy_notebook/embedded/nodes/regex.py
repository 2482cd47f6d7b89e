"""Regular expressions from strangers, with a time limit.

Python's `re` holds the interpreter's lock while it searches, and a hostile pattern can make it search
for longer than the age of the universe: every thread of the server would stand still. A pattern that
cannot blow up runs here; any other runs in a process of its own, which is killed when its time is up
or the job is cancelled.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from . import regex_work
from .base import LONGEST_TEXT, Context, Input, Node, Output, TooLarge, room_for_text
from .text import combo, flag

SECONDS = 10.0
_POLL = 0.05
_QUADRATIC = 10_000  # characters up to which one repeat is searched here: at most 10⁸ steps
_TEXT = Input("STRING", {"multiline": True})


def limited(
    check: Callable[[], None], work: Callable[..., Any], pattern: str, string: str, *rest: Any
) -> Any:
    """`work(pattern, string, …)` within `SECONDS`; TimeoutError beyond, and Python's errors for a bad
    pattern or group, wherever it ran.

    `work` is one of `regex_work`. `check` is called now and then; what it raises ends the search.
    `TooLarge` when the answer, or the way to it, does not fit into memory.
    """
    re.compile(pattern)
    longest = max((len(value) for value in rest if isinstance(value, str)), default=0)
    if cannot_blow_up(pattern, string) and len(string) * longest <= LONGEST_TEXT:
        return work(pattern, string, *rest)
    return _in_a_process(check, json.dumps([work.__name__, pattern, string, *rest]), pattern)


def cannot_blow_up(pattern: str, string: str) -> bool:
    """Whether a search surely ends soon: at most one repeat, no alternatives, and no long text."""
    repeats = sum(map(pattern.count, "*+?{"))
    return "|" not in pattern and repeats <= 1 and len(string) <= _QUADRATIC and len(pattern) <= 1000


def _in_a_process(check: Callable[[], None], request: str, pattern: str) -> Any:
    command = [sys.executable, "-I", "-S", str(regex_work.__file__)]
    until = time.monotonic() + SECONDS
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered:
        asked.write(request.encode())
        asked.seek(0)
        with subprocess.Popen(command, stdin=asked, stdout=answered) as child:
            try:
                while not _ended(child):
                    check()
                    if time.monotonic() > until:
                        raise TimeoutError(
                            f"The regular expression took longer than {SECONDS:g} s: {pattern}"
                        )
            finally:
                child.kill()
        if child.returncode:
            raise TooLarge(f"The regular expression ran out of memory: {pattern}")
        answered.seek(0)
        found = json.load(answered)
    if "error" in found:
        kind, message = found["error"]
        raise regex_work.ERRORS[kind](message)
    if isinstance(found["result"], str):
        room_for_text(len(found["result"]))
    return found["result"]


def _ended(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(_POLL)
    except subprocess.TimeoutExpired:
        return False
    return True


def _flags(case_insensitive: bool, multiline: bool, dotall: bool) -> int:
    chosen = (case_insensitive, re.IGNORECASE), (multiline, re.MULTILINE), (dotall, re.DOTALL)
    return sum(int(value) for on, value in chosen if on)


class _Regex(Node):
    category = "utils/string"
    python_module = "comfy_extras.nodes_string"


class RegexMatch(_Regex):
    """Whether a pattern is found; no for a pattern that is wrong."""

    display_name = "Regex Match"
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
            return (limited(ctx.check_cancelled, regex_work.matches, regex_pattern, string, flags),)
        except re.error:
            return (False,)


class RegexExtract(_Regex):
    """The first or all finds, or one group of them; nothing for a pattern that is wrong."""

    display_name = "Regex Extract"
    inputs = {
        "string": _TEXT,
        "regex_pattern": _TEXT,
        "mode": combo("First Match", "All Matches", "First Group", "All Groups"),
        "case_insensitive": flag(True),
        "multiline": flag(False),
        "dotall": flag(False),
        "group_index": Input("INT", {"default": 1, "min": 0, "max": 100}),
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
        options = (_flags(case_insensitive, multiline, dotall), mode, group_index)
        try:
            return (limited(ctx.check_cancelled, regex_work.extract, regex_pattern, string, *options),)
        except re.error:
            return ("",)


class RegexReplace(_Regex):
    """Finds replaced, all or the first `count`; the replacement may name groups (\\1)."""

    display_name = "Regex Replace"
    inputs = {
        "string": _TEXT,
        "regex_pattern": _TEXT,
        "replace": _TEXT,
        "case_insensitive": flag(True, optional=True),
        "multiline": flag(False, optional=True),
        "dotall": flag(False, optional=True),
        "count": Input("INT", {"default": 0, "min": 0, "max": 100}, optional=True),
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
        options = (_flags(case_insensitive, multiline, dotall), replace, count)
        return (limited(ctx.check_cancelled, regex_work.substitute, regex_pattern, string, *options),)


NODES: list[type[Node]] = [RegexMatch, RegexExtract, RegexReplace]
