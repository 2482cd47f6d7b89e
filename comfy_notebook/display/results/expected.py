"""The size that the picture of a run will have on the page, read from its graph before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from ...protocol.graph import node_class
from ..options import Options
from . import picture

_PICTURES = ("images", "image", "samples", "latent_image", "latent", "pixels")
_RESIZES = ("scale", "crop", "pad", "load", "stitch", "composite", "resize", "stack", "concat")


def expected_sizes(graph: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The size of each picture that a graph will save, or preview when it saves none.

    Empty when there are no pictures, or when the graph does not give their size.
    """
    for kind in ("SaveImage", "PreviewImage"):
        nodes = [node_id for node_id, node in graph.items() if kind in (node_class(node) or "")]
        if nodes:
            found = [_declared(graph, node_id) for node_id in nodes]
            if any(sizes is None for sizes in found):
                return []
            return [size for sizes in found for size in sizes or ()]
    return []


def has_pictures(graph: Mapping[str, Any]) -> bool:
    """Whether the graph has a node that saves or previews pictures."""
    return any("Image" in (name := node_class(node) or "") and ("Save" in name or "Preview" in name)
               for node in graph.values())  # fmt: skip


def shown_size(sizes: list[tuple[int, int]], options: Options) -> tuple[int, int] | None:
    """The size on the page of one picture, or of the contact sheet of several."""
    if not sizes:
        return None
    if len(sizes) == 1:
        return picture.scaled_size(sizes[0], options.embed_px)
    columns, width = picture.sheet_columns(len(sizes), options.embed_px)
    return picture.sheet_size(sizes, columns, width)


def _declared(graph: Mapping[str, Any], node_id: str) -> list[tuple[int, int]] | None:
    """The sizes that the nodes before this one declare; None when they do not."""
    seen: set[str] = set()
    while node_id not in seen:
        seen.add(node_id)
        inputs = graph[node_id].get("inputs") or {}
        width, height = inputs.get("width"), inputs.get("height")
        if _is_size(width) and _is_size(height):
            count = inputs.get("batch_size", 1)
            count = count if isinstance(count, int) and 0 < count <= 64 else 1
            return [(width, height)] * count
        if len(seen) > 1 and any(word in (node_class(graph[node_id]) or "").lower() for word in _RESIZES):
            return None
        node_id = next(_links(graph, inputs), node_id)
    return None


def _links(graph: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[str]:
    for name in _PICTURES:
        link = inputs.get(name)
        if isinstance(link, (list, tuple)) and len(link) == 2 and str(link[0]) in graph:
            yield str(link[0])


def _is_size(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 16384
