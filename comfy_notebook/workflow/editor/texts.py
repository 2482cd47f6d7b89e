"""Texts the editor rewrites as it exports them: dynamic prompts, and names with %placeholders%.

`{a|b}` picks a branch and comments are dropped where the input allows it; `%date:yyyy-MM-dd%` and
`%Node.widget%` are filled in the file names of nodes that save.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .jsvalues import NOTHING, text
from .model import MOST_NODES, Graph, Node
from .plans import PREFIXED
from .values import control_value

_COMMENT = re.compile(r"/\*[\s\S]*?\*/|//[^\n\r\u2028\u2029]*")
_PLACEHOLDER = re.compile(r"%([^%]+)%")
_DATE = re.compile(r"dd?|MM?|hh?|mm?|ss?|yyy?y?")
_UNSAFE = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')


def expand_prompt(prompt: str, rng: random.Random) -> str:
    """A dynamic prompt with one branch of each `{a|b}` drawn, nested ones included.

    Comments (`/* */`, and `//` to the end of the line) go first; `\\{`, `\\}` and `\\|` lose the backslash,
    any other backslash stays; an unclosed `{` runs to the end.
    """
    source = _COMMENT.sub("", prompt)
    if "{" not in source and "\\" not in source:
        return source
    # A frame holds the finished branches of one open brace and the parts of the branch being read.
    frames: list[tuple[list[str], list[str]]] = [([], [])]
    at = 0
    while at < len(source):
        char = source[at]
        at += 1
        branches, parts = frames[-1]
        if char == "\\" and at < len(source):
            parts.append(source[at] if source[at] in "{}|" else char + source[at])
            at += 1
        elif char == "{":
            frames.append(([], []))
        elif len(frames) > 1 and char == "|":
            branches.append("".join(parts))
            parts.clear()
        elif len(frames) > 1 and char == "}":
            frames.pop()
            frames[-1][1].append(rng.choice([*branches, "".join(parts)]))
        else:
            parts.append(char)
    while len(frames) > 1:
        branches, parts = frames.pop()
        frames[-1][1].append(rng.choice([*branches, "".join(parts)]))
    return "".join(frames[0][1])


def replace_names(name: str, root: Graph, now: datetime | None = None) -> str:
    """A name with `%date:…%` as local time and `%Node.widget%` as that widget's value; the rest stays."""
    if "%" not in name:
        return name

    def filled(match: re.Match[str]) -> str:
        parts = match[1].split(".")
        if len(parts) != 2:
            return (
                date_text(parts[0][5:], now or datetime.now()) if parts[0].startswith("date:") else match[0]
            )
        node = _named(parts[0], root)
        value = _widget(node, parts[1]) if node else NOTHING
        return match[0] if value is NOTHING else _UNSAFE.sub("_", text(value))

    return _PLACEHOLDER.sub(filled, name)


def date_text(pattern: str, moment: datetime) -> str:
    """`d M h m s` (doubled: two digits), `yy` and `yyyy` replaced; hours are 0 to 23."""
    parts = {
        "d": moment.day,
        "M": moment.month,
        "h": moment.hour,
        "m": moment.minute,
        "s": moment.second,
    }

    def filled(match: re.Match[str]) -> str:
        token = match[0]
        if token[0] != "y":
            return str(parts[token[0]]).zfill(len(token))
        year = f"{moment.year:04d}"
        return {"yy": year[2:], "yyyy": year}.get(token, token)

    return _DATE.sub(filled, pattern)


def _named(name: str, root: Graph) -> Node | None:
    """The first node known by that name for search and replace, else the first with that title."""
    titled = None
    for node in _every_node(root):
        if _alias(node) == name:
            return node
        if titled is None and node.title == name:
            titled = node
    return titled


def _alias(node: Node) -> Any:
    given = node.properties.get("Node name for S&R", NOTHING)
    if given is NOTHING and node.plan is not None and node.type not in PREFIXED:
        return node.type
    return given


def _every_node(root: Graph) -> Iterator[Node]:
    """Every node of the file, a subgraph's inner nodes after its instance, each definition once."""
    waiting = [iter(root.nodes.values())]
    entered = {id(root)}
    count = 0
    while waiting and count < MOST_NODES:
        node = next(waiting[-1], None)
        if node is None:
            waiting.pop()
            continue
        count += 1
        yield node
        if node.graph is not None and id(node.graph) not in entered:
            entered.add(id(node.graph))
            waiting.append(iter(node.graph.nodes.values()))


def _widget(node: Node, name: str) -> Any:
    value = node.values.get(name, NOTHING)
    return control_value(node, name) if value is NOTHING else value
