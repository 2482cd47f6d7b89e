"""Finds the workflow in a JSON document: the API's format, the editor's, or either one wrapped.

Wrappers are looked for in two steps. The forms that ComfyUI itself writes come first: `{"prompt": …}`
as POSTed, with the editor's document under `extra_data.extra_pnginfo.workflow`; `{"workflow": …,
"output": …}` as the editor exports both; a history or job record. In any other document the graphs
are searched for everywhere; one that holds several different ones is refused with their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from ..errors import InvalidWorkflow, NotAWorkflow
from .formats import is_api_format, is_editor_format
from .json_text import NotJSON, looks_like_json
from .json_text import parse as parse_text

__all__ = ["NotJSON", "Place", "check_depth", "find", "parse"]

DEEPEST = 200
_WRAPPERS = ("prompt", "output", "workflow", "extra_data", "extra_pnginfo")
_DEEPEST_WRAPPER = 8
_MOST_VALUES = 50_000
_MOST_GRAPHS = 100
# What civitai.com, and the API's own records, put beside the nodes of a graph.
_BESIDE_NODES = {"extra", "extraMetadata", "extra_data", "version", "config", "workflow", "client_id"}
Path: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True)
class Place:
    """A workflow in a document: a graph in the API's format, the editor's document, or both."""

    api: dict[str, Any] | None = None
    editor: dict[str, Any] | None = None
    path: Path = ()
    """The keys that lead to it from the document; empty for the document itself."""


def parse(text: str, where: str) -> tuple[Any, list[str]]:
    """JSON as ComfyUI writes it, NaN and Infinity included, and a list of what was repaired.

    JSON that holds JSON as one text is read too. Raises `NotJSON`, or `InvalidWorkflow` for JSON
    that is nested too deep or has the same node twice.
    """
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            for key, value in items:
                if key in seen and isinstance(value, dict) and "class_type" in value:
                    twice.append(key)
                seen.add(key)
        return found

    try:
        document, notes = parse_text(text, object_pairs_hook=pairs)
        for _ in range(3):
            if not isinstance(document, str) or not looks_like_json(document):
                break
            document, more = parse_text(document, object_pairs_hook=pairs)
            notes += more
    except RecursionError:
        raise InvalidWorkflow(f"{where}: its JSON is nested too deep to be a workflow.") from None
    if twice:
        raise InvalidWorkflow(f"{where}: node {twice[0]!r} is in it twice.")
    check_depth(document, where)
    return document, notes


def check_depth(document: Any, where: str) -> None:
    """Raise `InvalidWorkflow` when the document is nested deeper than any workflow, or holds itself."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise InvalidWorkflow(f"{where}: its JSON is nested too deep to be a workflow.")
        inner: dict[int, Any] = {}
        for item in level:
            for value in (
                item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
            ):
                if isinstance(value, (Mapping, list)):
                    inner[id(value)] = value
        level = list(inner.values())


def find(document: Any, where: str) -> Place | None:
    """The workflow in a JSON document, or None.

    Raises `NotAWorkflow` for a document with several different ones.
    """
    return _in_known_wrappers(document, where) or _only_one(document, where)


def _in_known_wrappers(document: Any, where: str) -> Place | None:
    api: dict[str, Any] | None = None
    editor: dict[str, Any] | None = None
    place: Path | None = None
    todo: list[tuple[Any, Path]] = [(document, ())]
    while todo:
        item, path = todo.pop(0)
        item = _read(item, path, where)
        if isinstance(item, list) and path and len(item) >= 3:  # a history record: [number, id, graph, extra]
            todo += [(part, (*path, n)) for n, part in enumerate(item[2:4], 2)]
        if not isinstance(item, Mapping) or len(path) > 5:
            continue
        if _is_editor(item):
            place = path if place is None else place
            editor = editor if editor is not None else dict(item)
        elif is_api_format(item):
            place = path if api is None else place
            api = api if api is not None else _nodes(item)
            todo += [(item[key], (*path, key)) for key in _WRAPPERS if key in item and key in _BESIDE_NODES]
        else:
            todo += [(item[key], (*path, key)) for key in _WRAPPERS if key in item]
    return None if place is None else Place(api, editor, place)


def _only_one(document: Any, where: str) -> Place | None:
    """The one workflow anywhere in the document."""
    apis: list[tuple[Path, dict[str, Any]]] = []
    editors: list[tuple[Path, dict[str, Any]]] = []
    for path, item in islice(_graphs(document, where), _MOST_GRAPHS):
        if _is_editor(item):
            if all(item != known for _, known in editors):
                editors.append((path, dict(item)))
        elif all(_nodes(item) != known for _, known in apis):
            apis.append((path, _nodes(item)))
    several = apis if len(apis) > 1 else editors if len(editors) > 1 and not apis else []
    if several:
        listed = ", ".join(f"{_subscripts(path)} ({len(_counted(item))} nodes)" for path, item in several[:8])
        more = f" and {len(several) - 8} more" if len(several) > 8 else ""
        raise NotAWorkflow(
            f"{where} holds {len(several)} different workflows: {listed}{more}.",
            hint=f"Choose one of the parsed JSON: Workflow.load(document{_subscripts(several[0][0])}).",
        )
    if not apis and not editors:
        return None
    api = apis[0][1] if apis else None
    editor = editors[0][1] if len(editors) == 1 else None
    return Place(api, editor, (apis or editors)[0][0])


def _graphs(document: Any, where: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every graph in a document with its path, nearest to the top first; none inside another."""
    todo: list[tuple[Any, Path]] = [(document, ())]
    seen = 0
    for item, path in todo:  # grows while it is read
        item = _read(item, path, where)
        if isinstance(item, Mapping) and (_is_editor(item) or is_api_format(item)):
            yield path, item
            continue
        inner: Iterable[tuple[Any, Any]] = ()
        if isinstance(item, (Mapping, list)):
            inner = item.items() if isinstance(item, Mapping) else enumerate(item)
        if len(path) < _DEEPEST_WRAPPER:
            for key, value in inner:
                seen += 1
                if seen > _MOST_VALUES:
                    return
                if isinstance(value, (Mapping, list, str)):
                    todo.append((value, (*path, key)))


def _read(item: Any, path: Path, where: str) -> Any:
    """The document in a text that holds JSON; anything else as it is."""
    if path and isinstance(item, str) and looks_like_json(item[:100]):
        try:
            return parse(item, where)[0]
        except NotJSON:
            return None
    return item


def _is_editor(item: Mapping[str, Any]) -> bool:
    """Whether it is the editor's format; InvokeAI and other node editors have `nodes` with `edges`."""
    return is_editor_format(item) and not ("edges" in item and "links" not in item)


def _nodes(graph: Mapping[str, Any]) -> dict[str, Any]:
    """A graph without what other programs put beside its nodes."""
    return {
        key: node
        for key, node in graph.items()
        if key not in _BESIDE_NODES or (isinstance(node, Mapping) and "class_type" in node)
    }


def _counted(item: Mapping[str, Any]) -> Any:
    return item["nodes"] if _is_editor(item) else item


def _subscripts(path: Path) -> str:
    return "".join(f"[{key!r}]" for key in path)
