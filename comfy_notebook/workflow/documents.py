"""Finds the workflow in a JSON document: the API's format, the editor's, or either one wrapped.

Forms seen in practice: the bare graph; `{"prompt": …}` as POSTed, with the editor's document under
`extra_data.extra_pnginfo.workflow`; `{"workflow": …, "output": …}` as the editor exports both; the
same with JSON text as the values; history and job records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidWorkflow
from .convert import is_api_format, is_editor_format

DEEPEST = 200
_WRAPPERS = ("prompt", "output", "workflow", "extra_data", "extra_pnginfo")


class NotJSON(ValueError):
    """The text is not JSON."""


def parse(text: str, where: str) -> Any:
    """JSON as ComfyUI writes it, NaN and Infinity included.

    Raises `NotJSON`, or `InvalidWorkflow` for JSON nested too deep or naming the same node twice.
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
        document = json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise InvalidWorkflow(f"{where}: its JSON is nested too deep to be a workflow.") from None
    except ValueError as error:
        raise NotJSON(re.sub(r"\s+", " ", str(error))) from None
    if twice:
        raise InvalidWorkflow(f"{where}: node {twice[0]!r} is in it twice.")
    check_depth(document, where)
    return document


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


def find(document: Any, where: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The API graph and the editor's document in a JSON document; either may be missing."""
    api: dict[str, Any] | None = None
    editor: dict[str, Any] | None = None
    todo = [(document, 0)]
    while todo:
        item, depth = todo.pop(0)
        if isinstance(item, str) and depth and item.lstrip()[:1] == "{":
            try:
                item = parse(item, where)
            except NotJSON:
                continue
        if (
            isinstance(item, list) and depth and len(item) >= 3
        ):  # a queue or history record: [n, id, graph, extra]
            todo += [(part, depth + 1) for part in item[2:4]]
        if not isinstance(item, Mapping) or depth > 5:
            continue
        if is_editor_format(item):
            editor = editor if editor is not None else dict(item)
        elif is_api_format(item):
            api = api if api is not None else dict(item)
        else:
            todo += [(item[key], depth + 1) for key in _WRAPPERS if key in item]
            if len(item) == 1 and not todo:
                todo += [(value, depth + 1) for value in item.values() if isinstance(value, Mapping)]
    return api, editor
