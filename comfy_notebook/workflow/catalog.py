"""The node classes a server knows: `object_info`, typed and searchable.

A `NodeCatalog` is a read-only mapping of class_type to `NodeInfo`, each parsed when it is first asked for.
`raw` is the server's own answer, unchanged and serialisable. `load` reads one file; nothing else here does
I/O.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from os import PathLike
from types import MappingProxyType
from typing import Any

from ..errors import ComfyError, UnknownNode
from ..text import closest
from .specs import ANY, AUTOGROW, COMBO, DYNAMIC_COMBO, InputSpec, OutputSpec
from .view.nodes import NodeSheet

_ALIKE = 0.75  # "ttN text" is not meant as "TestingText"
_PRICES = re.compile(r'"usd"\s*:\s*(\[[^\]]*\]|[\d.]+)')
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PRICE_UNIT = re.compile(r'"suffix"\s*:\s*"([^"]{1,40})"')
_DYNAMIC = (AUTOGROW, DYNAMIC_COMBO)
_LARGEST = 512 * 1024 * 1024
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node class: what it takes, what it gives, where it comes from."""

    class_type: str
    display_name: str
    category: str
    description: str
    inputs: Mapping[str, InputSpec] = field(hash=False)
    hidden: Mapping[str, InputSpec] = field(hash=False)
    outputs: tuple[OutputSpec, ...]
    output_node: bool = False
    deprecated: bool = False
    experimental: bool = False
    api_node: bool = False
    python_module: str = ""
    search_aliases: tuple[str, ...] = ()
    dev_only: bool = False
    is_input_list: bool = False
    price_badge: Mapping[str, Any] | None = field(default=None, hash=False)
    """How the editor works out the price of a partner node's run, as the server sent it."""
    dynamic: bool = False
    """True when the inputs of a node depend on its values (dynamic combos, autogrow groups)."""

    @classmethod
    def parse(cls, class_type: str, raw: Mapping[str, Any]) -> NodeInfo:
        """Read one entry of `object_info`; what is malformed in it is left out, never fatal."""
        sections = raw.get("input")
        order = raw.get("input_order")
        inputs = {
            name: InputSpec.parse(name, spec, section)
            for section in ("required", "optional")
            for name, spec in _ordered(sections, order, section)
        }
        hidden = {
            name: InputSpec.parse(name, spec, "hidden") for name, spec in _ordered(sections, order, "hidden")
        }
        aliases = raw.get("search_aliases")
        return cls(
            class_type=class_type,
            display_name=_text(raw.get("display_name")) or class_type,
            category=_text(raw.get("category")),
            description=_text(raw.get("description")),
            inputs=MappingProxyType(inputs),
            hidden=MappingProxyType(hidden),
            outputs=tuple(_outputs(raw)),
            output_node=bool(raw.get("output_node")),
            deprecated=bool(raw.get("deprecated")),
            experimental=bool(raw.get("experimental")),
            api_node=bool(raw.get("api_node")),
            python_module=_text(raw.get("python_module")),
            search_aliases=tuple(a for a in aliases if isinstance(a, str))
            if isinstance(aliases, list)
            else (),
            dev_only=bool(raw.get("dev_only")),
            is_input_list=bool(raw.get("is_input_list")),
            price_badge=raw["price_badge"] if isinstance(raw.get("price_badge"), dict) else None,
            dynamic=any(spec.type in _DYNAMIC or "formats" in spec.options for spec in inputs.values()),
        )

    @property
    def price(self) -> str:
        """The least and greatest price of a partner node's run that its price badge names, in US dollars."""
        expression = (self.price_badge or {}).get("expr")
        found = _PRICES.findall(expression) if isinstance(expression, str) else []
        amounts = sorted({float(number) for numbers in found for number in _NUMBER.findall(numbers)})
        if not amounts:
            return ""
        unit = _PRICE_UNIT.search(str(expression))
        least, most = f"${amounts[0]:g}", f"${amounts[-1]:g}"
        return (least if least == most else f"{least} to {most}") + (unit[1] if unit else "")

    def inputs_with(self, values: Mapping[str, Any]) -> Mapping[str, InputSpec]:
        """The inputs that a node with these values has, by their full names.

        A dynamic combo is followed by the inputs of its chosen option. An autogrow group stands for its
        members: those that must be given, those in `values`, and the next free one.
        """
        if not self.dynamic:
            return self.inputs
        found: dict[str, InputSpec] = {}
        waiting = list(self.inputs.values())[::-1]
        while waiting:
            spec = waiting.pop()
            if spec.type == AUTOGROW:
                waiting += _shown_members(spec, values)[::-1]
                continue
            found[spec.name] = spec
            if spec.dynamic:
                waiting += spec.brings(values.get(spec.name, spec.default))[::-1]
        return found

    def spec_of(self, name: str, values: Mapping[str, Any]) -> InputSpec | None:
        """The declaration of one input of a node with these values, any member of a group included."""
        if name in self.inputs or not self.dynamic:
            return self.inputs.get(name)
        spec = self.inputs_with(values).get(name)
        if spec is None and (group := self.group_of(name, values)):
            spec = next((member for _, member in group.grown() if member.name == name), None)
        return spec

    def group_of(self, name: str, values: Mapping[str, Any]) -> InputSpec | None:
        """The autogrow group that a name belongs to (`images` and `images.image7` to `images`)."""
        waiting = list(self.inputs.values())
        while waiting:
            spec = waiting.pop()
            if spec.type == AUTOGROW and (name == spec.name or name.startswith(f"{spec.name}.")):
                return spec
            if spec.dynamic:
                waiting += spec.brings(values.get(spec.name, spec.default))
        return None

    def members(self, name: str, values: Mapping[str, Any]) -> list[InputSpec]:
        """Every input that a dynamic input can bring with these values, with all members of its groups."""
        found: list[InputSpec] = []
        waiting = [self.inputs[name]] if name in self.inputs else []
        while waiting:
            spec = waiting.pop()
            inner = spec.brings(values.get(spec.name, spec.default))
            inner += [member for _, member in spec.grown()]
            found += [item for item in inner if item.type != AUTOGROW]
            waiting += [item for item in inner if item.dynamic]
        return found

    def why_not(self, name: str, values: Mapping[str, Any]) -> str:
        """Why a node with these values does not have an input: another option brings it, or nothing does."""
        waiting = [spec for spec in self.inputs.values() if spec.dynamic]
        while waiting:
            spec = waiting.pop()
            chosen = values.get(spec.name, spec.default)
            for choice in spec.choices or ():
                if any(name == item.name for item in spec.brings(choice)):
                    return f"comes with {spec.name} = {choice!r}, but {spec.name} is {chosen!r}."
            waiting += [item for item in spec.brings(chosen) if item.dynamic]
        return f"is not an input of {self.class_type}: the server would fail on it while running."

    @property
    def _sheet(self) -> NodeSheet:
        said: tuple[tuple[str, str], ...]
        said = ("output_node", "output node"), ("api_node", "partner node"), ("deprecated", "deprecated")
        said = (*said, ("experimental", "experimental"), ("dev_only", "for developers"))
        marks = [word for key, word in said if getattr(self, key)]
        if self.price:
            marks.append(f"a run costs {self.price}")
        return NodeSheet(
            self.class_type,
            self.display_name,
            self.category,
            self.description,
            marks,
            list(self.inputs.values()),
            list(self.outputs),
        )

    def __repr__(self) -> str:
        takes = ", ".join(f"{spec.name}: {spec.type}" for spec in self.inputs.values())
        gives = ", ".join(output.type for output in self.outputs) or "nothing"
        return f"<{self.class_type}({takes}) -> {gives}>"

    def __str__(self) -> str:
        return self._sheet.text()

    def _repr_html_(self) -> str:
        return self._sheet.html()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else str(self))


class NodeCatalog(Mapping[str, NodeInfo]):
    """Every node class of a server by its class_type, as `GET /object_info` gave them.

    `catalog["KSampler"]` raises `UnknownNode` with the closest names; `in` and `.get` work as for a dict.
    """

    def __init__(self, raw: Mapping[str, Any], replacements: Mapping[str, Any] | None = None) -> None:
        if not isinstance(raw, Mapping):
            raise ComfyError(
                f"Node definitions are a JSON object of classes, not {type(raw).__name__}.",
                hint="Pass what GET /object_info answers.",
            )
        self._raw = raw
        self.replacements = dict(replacements or {})
        """What `GET /api/node_replacements` answers: which old classes the server replaces, and by what."""
        self._names = {
            name: None for name, node in raw.items() if isinstance(name, str) and isinstance(node, dict)
        }
        self._parsed: dict[str, NodeInfo] = {}
        self._index: dict[str, _Words] | None = None
        self._closest: dict[str, str | None] = {}
        self._grams: dict[str, list[str]] | None = None

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
                f"{str(path)!r} is not a file of node definitions: {error}.",
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
                    hint=(f"Did you mean {near!r}?" if (near := self.closest(str(class_type))) else "")
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
        return NodeCatalog, (dict(self._raw), self.replacements)

    def successor(self, class_type: str) -> str | None:
        """The class that the server puts in the place of an old one when a workflow is sent."""
        listed = self.replacements.get(class_type)
        for entry in listed if isinstance(listed, list) else [listed]:
            name = entry.get("new_node_id") if isinstance(entry, dict) else None
            if name in self:
                return str(name)
        return None

    def closest(self, class_type: str) -> str | None:
        """The class whose name is most like this one, when one is very like it. Answers are kept."""
        if class_type not in self._closest:
            if self._grams is None:
                self._grams = {}
                for name in self._names:
                    for gram in _grams(name):
                        self._grams.setdefault(gram, []).append(name)
            shared = Counter(name for gram in _grams(class_type) for name in self._grams.get(gram, ()))
            # The names with most letter triples in common: comparing with all 4,000 takes 50 ms.
            likely = [name for name, _ in shared.most_common(30)]
            found = closest(class_type, likely, n=1)
            sure = found and SequenceMatcher(None, found[0].lower(), class_type.lower()).ratio() >= _ALIKE
            self._closest[class_type] = found[0] if sure else None
        return self._closest[class_type]

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


def _grams(name: str) -> set[str]:
    """The letter triples of a name, its ends marked."""
    text = f" {name.lower()} "
    return {text[at : at + 3] for at in range(len(text) - 2)}


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


def _shown_members(group: InputSpec, values: Mapping[str, Any]) -> list[InputSpec]:
    """The members of an autogrow group that a node shows: needed ones, given ones, and one more."""
    members = list(group.grown())
    given = [number for number, spec in members if spec.name in values]
    shown = max([group.least, *(number + 1 for number in given)])
    return [spec for number, spec in members if number <= shown]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _ordered(sections: Any, order: Any, section: str) -> Iterator[tuple[str, Any]]:
    """The inputs of one section, those named in `input_order` first, then the rest as they stand."""
    found = sections.get(section) if isinstance(sections, dict) else None
    if not isinstance(found, dict):
        return
    first = order.get(section) if isinstance(order, dict) else None
    names: dict[str, None] = {}
    if isinstance(first, list):
        names = {name: None for name in first if isinstance(name, str) and name in found}
    for name in found:
        if isinstance(name, str):
            names.setdefault(name)
    for name in names:
        yield name, found[name]


def _outputs(raw: Mapping[str, Any]) -> Iterator[OutputSpec]:
    types = raw.get("output")
    if not isinstance(types, (list, tuple)):
        return
    names, lists = _list(raw, "output_name"), _list(raw, "output_is_list")
    tips, templates = _list(raw, "output_tooltips"), _list(raw, "output_matchtypes")
    for index, kind in enumerate(types):
        # An output declared as a list of choices feeds a combo.
        kind = COMBO if isinstance(kind, (list, tuple)) else kind if isinstance(kind, str) else ANY
        yield OutputSpec(
            (_text(names[index]) if index < len(names) else "") or kind,
            kind,
            bool(lists[index]) if index < len(lists) else False,
            index,
            _text(tips[index]) if index < len(tips) else "",
            _text(templates[index]) if index < len(templates) else "",
        )


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    found = raw.get(key)
    return found if isinstance(found, list) else []
