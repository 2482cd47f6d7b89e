"""Texts that the editor rewrites on export: dynamic prompts, and file names with %placeholders%.

`{a|b}` picks a branch and comments are dropped where the input allows it; `%date:yyyy-MM-dd%` and
`%Node.widget%` are filled in the file names of nodes that save.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from .graph import MOST_NODES, Graph, Node
from .javascript import NOTHING, text
from .plans import PREFIXED
from .values import control_value

_COMMENT = re.compile(r"/[/*]")
_LINE_END = re.compile(r"[\n\r\u2028\u2029]|$")
_PLACEHOLDER = re.compile(r"%([^%]+)%")
_DATE = re.compile(r"dd?|MM?|hh?|mm?|ss?|yyy?y?")
_UNSAFE = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')


def expand_prompt(prompt: str, rng: random.Random) -> str:
    """A dynamic prompt with one branch of each `{a|b}` drawn, nested ones included.

    Comments (`/* */`, and `//` to the end of the line) go first; `\\{`, `\\}` and `\\|` lose the backslash,
    any other backslash stays; an unclosed `{` runs to the end.
    """
    source = without_comments(prompt)
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


def without_comments(source: str) -> str:
    """The text without `/* … */` and without `//` to the end of its line; an unclosed `/*` is kept."""
    kept: list[str] = []
    at = start = 0
    closes = True
    while found := _COMMENT.search(source, at):
        at = found.start() + 1
        if found[0] == "//":
            ends = _LINE_END.search(source, found.end())
            end = ends.start() if ends else len(source)
        else:
            closing = source.find("*/", found.end()) if closes else -1
            closes = closing >= 0
            if not closes:
                continue
            end = closing + 2
        kept.append(source[start : found.start()])
        at = start = end
    return "".join([*kept, source[start:]]) if kept else source


class Names:
    """Fills in placeholders in file names, or leaves them when they are to be `kept`."""

    def __init__(self, root: Graph, now: datetime | None = None, *, kept: bool = False) -> None:
        self._root = root
        self._now = now
        self._kept = kept
        self._found: tuple[dict[str, Node], dict[str, Node]] | None = None

    def fill(self, name: str) -> str:
        """A name with its placeholders filled in, unless they are kept."""
        return name if self._kept else filled_name(name, self.value, self._now)

    def value(self, name: str, widget: str) -> Any:
        """The value of a widget of the node with that name; NOTHING when there is none."""
        node = self._named(name)
        return _widget(node, widget) if node else NOTHING

    def _named(self, name: str) -> Node | None:
        """The first node known by that name for search and replace, else the first with that title."""
        if self._found is None:
            aliases: dict[str, Node] = {}
            titles: dict[str, Node] = {}
            for node in _every_node(self._root):
                alias = _alias(node)
                if isinstance(alias, str):
                    aliases.setdefault(alias, node)
                titles.setdefault(node.title, node)
            self._found = aliases, titles
        aliases, titles = self._found
        return aliases.get(name) or titles.get(name)


def filled_name(name: str, value: Callable[[str, str], Any], now: datetime | None = None) -> str:
    """A file name with `%date:…%` as local time and `%Node.widget%` as `value(node, widget)`."""

    def filled(match: re.Match[str]) -> str:
        parts = match[1].split(".")
        if len(parts) != 2:
            dated = parts[0].startswith("date:")
            return date_text(parts[0][5:], now or datetime.now()) if dated else match[0]
        found = value(parts[0], parts[1])
        return match[0] if found is NOTHING else _UNSAFE.sub("_", text(found))

    return _PLACEHOLDER.sub(filled, name) if "%" in name else name


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
