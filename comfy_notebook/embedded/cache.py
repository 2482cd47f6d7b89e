"""Results of nodes by what they were made from: a graph run again does only what has changed.

The key of a node is the hash of its class, its values and the keys of the nodes it is linked to, and
never of node ids: the same work under other ids is the same work (cached_rerun recording). Results
are shared by the jobs of one user and bounded in memory, the least recently used going first.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .nodes.base import Files, Node
from .nodes.dynamic import live_inputs
from .walk import is_link

_SMALL = 1024  # what a result costs besides its arrays: an estimate, so that many small ones are bounded too


@dataclass(frozen=True)
class Result:
    """What a node made: for each output the list of its values, and what it shows."""

    outputs: tuple[list[Any], ...]
    ui: Mapping[str, Any] | None = None
    assets: tuple[str, ...] = ()
    size: int = 0


class Cache:
    """Results of every user's nodes, up to a total size in bytes; safe from any thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._results: OrderedDict[tuple[str, str], Result] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, user: str, key: str) -> Result | None:
        """The result kept for this key."""
        with self._lock:
            result = self._results.get((user, key))
            if result is not None:
                self._results.move_to_end((user, key))
            return result

    def put(self, user: str, key: str, result: Result) -> None:
        """Keep a result, unless it alone is larger than the bound."""
        with self._lock:
            self._drop((user, key))
            if result.size > self._limit:
                return
            self._results[user, key] = result
            self._used += result.size
            while self._used > self._limit:
                self._drop(next(iter(self._results)))

    def clear(self) -> None:
        """Forget everything (`POST /api/free`)."""
        with self._lock:
            self._results.clear()
            self._used = 0

    def _drop(self, key: tuple[str, str]) -> None:
        result = self._results.pop(key, None)
        if result is not None:
            self._used -= result.size


def size_of(value: Any) -> int:
    """Roughly how much memory a node's outputs hold, arrays counted once."""
    seen: set[int] = set()
    total, waiting = _SMALL, [value]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        nbytes = getattr(item, "nbytes", None)
        if isinstance(nbytes, int):
            total += nbytes
        elif isinstance(item, Mapping):
            waiting += item.values()
        elif isinstance(item, (list, tuple)):
            waiting += item
        else:
            total += sys.getsizeof(item, 64)
    return total


def keys_of(
    prompt: Mapping[str, Any], order: Sequence[str], nodes: Mapping[str, type[Node]], files: Files
) -> dict[str, str | None]:
    """The cache key of each node, given in an order where what is linked to comes first.

    None for a node that must run each time, and for all that depend on it: one whose fingerprint
    cannot be taken (the run will say why) or is not equal to itself.
    """
    keys: dict[str, str | None] = {}
    for node_id in order:
        keys[node_id] = _key(node_id, prompt[node_id], nodes, files, keys)
    return keys


def _key(
    node_id: str,
    entry: Mapping[str, Any],
    nodes: Mapping[str, type[Node]],
    files: Files,
    keys: Mapping[str, str | None],
) -> str | None:
    node = nodes[entry["class_type"]]
    live = live_inputs(node, entry["inputs"])
    given = {name: entry["inputs"][name] for name in live if name in entry["inputs"]}
    parts: list[Any] = [entry["class_type"]]
    for name, value in sorted(given.items()):
        if is_link(value):
            source = keys.get(value[0])
            if source is None:
                return None
            parts.append([name, "link", source, value[1]])
        else:
            parts.append([name, "value", value])
    if node.fingerprint is not Node.fingerprint:
        literals = {name: value for name, value in given.items() if not is_link(value)}
        try:
            mark = node().fingerprint(files, **literals)
        except Exception:
            return None
        if mark != mark:
            return None
        parts.append(["fingerprint", mark])
    if any("UNIQUE_ID" in value for value in node.hidden.values()):
        parts.append(["id", node_id])
    text = json.dumps(parts, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
