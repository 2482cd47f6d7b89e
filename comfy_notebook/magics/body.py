"""The body of a `%%comfy` cell: a workflow in JSON, or `NODE.INPUT: value` lines over a file.

    %%comfy run txt2img.json --seed 7
    # a comment
    KSampler.cfg: 4.5
    6.text: |
        a lighthouse at dusk,
        {calm|stormy} sea
    10.image: {photo}

A line is split at its first `: `; a value that is exactly `{expr}` or `$name` is that Python object,
anything else is text, including its quotes. `|` starts an indented block, which is always text.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field

from .line import Expression, LineError, Word, expression_or_text


@dataclass(frozen=True)
class Body:
    """The content of a cell body: a workflow as JSON text, or values to set."""

    json: str | None = None
    values: list[Word] = field(default_factory=list)


def parse_body(text: str) -> Body:
    """Read a cell body. Raises `LineError`, with the line number, when it has neither form."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return Body(json=text)
    lines = text.splitlines()
    values: list[Word] = []
    at = 0
    while at < len(lines):
        line, number = lines[at].strip(), at + 1
        at += 1
        if not line or line.startswith("#"):
            continue
        if lines[at - 1][0].isspace():
            raise LineError(
                f"line {number} of the cell is indented, but no line above it starts a block with '|'"
            )
        address, colon, rest = line.partition(": ")
        if not colon and not line.endswith(":"):
            raise LineError(
                f"line {number} of the cell, {line[:60]!r}, is not 'NODE.INPUT: value'{_meant(line)}"
            )
        address, rest = address.rstrip().removesuffix(":") if not colon else address.strip(), rest.strip()
        if rest == "|":
            begin = at
            while at < len(lines) and (not lines[at].strip() or lines[at][0].isspace()):
                at += 1
            values.append(Word(_block(lines[begin:at]), address))
            continue
        try:
            value: str | Expression = expression_or_text(rest)
        except LineError:
            value = rest
        values.append(Word(value, address))
    return Body(values=values)


def _meant(line: str) -> str:
    """What to write in place of a line with no `: `, if that can be told."""
    found = re.match(r"([^:=]+?)\s*[:=]\s*(\S.*)", line)
    return f"; write {found[1]}: {found[2][:60]}" if found else ""


def _block(lines: list[str]) -> str:
    return textwrap.dedent("\n".join(lines)).strip("\n")
