"""The node classes a server knows: `object_info` made typed, searched and kept.

Contract: a `NodeCatalog` is a read-only mapping of class_type to `NodeInfo`, each parsed when first
asked for. `raw` is the server's own answer, untouched and serialisable. `load` reads one file; nothing
else here does I/O.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from ..errors import ComfyError, UnknownNode
from ..text import did_you_mean
from .specs import COMBO, InputSpec, NodeInfo, OutputSpec, types_accept

__all__ = ["COMBO", "InputSpec", "NodeCatalog", "NodeInfo", "OutputSpec", "types_accept"]

_LARGEST = 512 * 1024 * 1024
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")


class NodeCatalog(Mapping[str, NodeInfo]):
    """Every node class of a server by its class_type, as `GET /object_info` gave them.

    `catalog["KSampler"]` raises `UnknownNode` with the closest names; `in` and `.get` work as for a dict.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        if not isinstance(raw, Mapping):
            raise ComfyError(
                f"Node definitions are a JSON object of classes, not {type(raw).__name__}.",
                hint="Pass what GET /object_info answers.",
            )
        self._raw = raw
        self._names = {
            name: None for name, node in raw.items() if isinstance(name, str) and isinstance(node, dict)
        }
        self._parsed: dict[str, NodeInfo] = {}
        self._index: dict[str, _Words] | None = None

    @classmethod
    def from_object_info(cls, object_info: Mapping[str, Any]) -> NodeCatalog:
        """The catalog of an `object_info` answer; a catalog is returned as it is."""
        return object_info if isinstance(object_info, cls) else cls(object_info)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> NodeCatalog:
        """Read a saved `object_info` (JSON, or gzip of it), for work without a server."""
        try:
            with open(path, "rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ComfyError(f"The node definitions in {str(path)!r} cannot be read: {reason}.") from error
        try:
            if data[:2] == b"\x1f\x8b":
                data = _gunzip(data)
            if len(data) > _LARGEST:
                raise ValueError(f"it is larger than {_LARGEST >> 20} MiB")
            return cls(json.loads(data))
        except (ValueError, RecursionError, ComfyError) as error:
            raise ComfyError(
                f"{str(path)!r} holds no node definitions: {error}.",
                hint="Save what GET /object_info answers, as JSON or .json.gz.",
            ) from error

    @property
    def raw(self) -> Mapping[str, Any]:
        """The server's answer as it came: class_type to definition."""
        return self._raw

    def __getitem__(self, class_type: str) -> NodeInfo:
        node = self._parsed.get(class_type)
        if node is None:
            if class_type not in self._names:
                raise UnknownNode(
                    f"This server has no node class {class_type!r}.",
                    hint=did_you_mean(str(class_type), self._names)
                    or "client.nodes.search(…) finds a class by what it does.",
                )
            node = self._parsed[class_type] = NodeInfo.parse(class_type, self._raw[class_type])
        return node

    def __contains__(self, class_type: object) -> bool:
        return isinstance(class_type, str) and class_type in self._names

    def get(self, class_type: str, default: Any = None) -> Any:
        """The node class, or `default` when the server has none of that name."""
        return default if class_type not in self else self[class_type]  # noqa: SIM401

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, NodeCatalog) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return NodeCatalog, (dict(self._raw),)

    def search(self, query: str, limit: int | None = None) -> list[NodeInfo]:
        """The node classes that match every word of the query, best first.

        Names count most (class_type, display name, the author's search aliases), then category, then
        description. An empty query gives every class in order.
        """
        wanted = _split(query)
        if self._index is None:
            self._index = {name: _Words(name, self._raw[name]) for name in self._names}
        scored = [
            (-score, name)
            for name, words in self._index.items()
            if (score := words.score(wanted)) or not wanted
        ]
        scored.sort(key=lambda item: (item[0], len(item[1]), item[1]) if wanted else (0, 0, item[1]))
        return [self[name] for _, name in scored[:limit]]

    def __repr__(self) -> str:
        return f"<NodeCatalog of {len(self)} node classes>"


class _Words:
    """What one node class can be found by: (weight, whole text, its words), names first."""

    __slots__ = ("fields",)

    def __init__(self, class_type: str, raw: Mapping[str, Any]) -> None:
        aliases = raw.get("search_aliases")
        texts = [(8, class_type), (8, raw.get("display_name"))]
        texts += [(6, alias) for alias in aliases] if isinstance(aliases, list) else []
        texts += [(3, raw.get("category")), (1, raw.get("description"))]
        self.fields = [(w, t.lower(), frozenset(_split(t))) for w, t in texts if isinstance(t, str) and t]

    def score(self, wanted: list[str]) -> int:
        """0 unless every word is found; a whole word counts four times, the start of one twice."""
        total = 0
        for word in wanted:
            best = 0
            for weight, text, words in self.fields:
                if weight * 4 <= best or word not in text:
                    continue
                if word in words:
                    factor = 4
                else:
                    factor = 2 if any(w.startswith(word) for w in words) else 1
                best = max(best, weight * factor)
            if not best:
                return 0
            total += best
        whole = "".join(wanted)
        exact = any(w >= 6 and "".join(_split(text)) == whole for w, text, _ in self.fields)
        return total + (100 if exact else 0)


def _split(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]


def _gunzip(data: bytes) -> bytes:
    import zlib

    unzip = zlib.decompressobj(wbits=31)
    try:
        text = unzip.decompress(data, _LARGEST)
    except zlib.error as error:
        raise ValueError(f"its compression is broken ({error})") from error
    if unzip.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {_LARGEST >> 20} MiB")
    if not unzip.eof:
        raise ValueError("it is cut short")
    return text
