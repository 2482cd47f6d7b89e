"""Inputs by a short name: `steps` for the one input of that name, `prompt` and `negative` for the prompts.

The prompts are the texts whose conditioning reaches a sampler's `positive` and `negative` inputs.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import UnknownInput
from ..text import did_you_mean
from .catalog import NodeCatalog
from .model import Graph, by_name, class_of, label_of, links, literals_of, seed_inputs, spec_of, specs_of
from .specs import WIDGET_TYPES
from .values import is_link

Place = tuple[str, str]
"""The id of a node and the name of one of its inputs."""

PROMPTS = {"prompt": "positive", "negative": "negative"}
"""The short names of prompts, and the sampler's input that each reaches."""

_ROLES = ("positive", "negative")
_TEXTS = {
    *("text", "prompt", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "llama", "bert", "mt5xl"),
    *("caption", "string", "value"),
}
_CARRIES_NO_TEXT = {
    *("model", "clip", "vae", "image", "images", "pixels", "samples", "latent", "latent_image", "mask"),
    *("control_net", "clip_vision", "clip_vision_output", "style_model", "noise", "sampler", "sigmas"),
}
_ENDS = {"ConditioningZeroOut"}
"""Classes whose output does not depend on the text that goes in."""


def named_inputs(graph: Graph, catalog: NodeCatalog | None, name: str) -> list[Place]:
    """The inputs that a short name means; several only for `seed` and for texts that belong together.

    Raises `UnknownInput` with the closest names when there is none, and with the addresses when
    several nodes have an input of that name.
    """
    if name == "seed" and (seeds := seed_inputs(graph, catalog)):
        return seeds
    if name in PROMPTS and (texts := _prompt_inputs(graph, catalog, PROMPTS[name])):
        values = {graph[node_id]["inputs"][text] for node_id, text in texts}
        if len({node_id for node_id, _ in texts}) == 1 or len(values) == 1:
            return texts
        raise _several(graph, catalog, texts, f"{name!r} could be any of {len(texts)} texts")
    found = [(node_id, name) for node_id in graph if name in _literals(graph, node_id)]
    found = found or [
        (node_id, name)
        for node_id in graph
        if name not in graph[node_id].get("inputs", {})
        and (spec := specs_of(graph, catalog, node_id).get(name)) is not None
        and spec.type in WIDGET_TYPES
    ]
    if len(found) == 1:
        return found
    if found:
        raise _several(graph, catalog, found, f"{len(found)} nodes have an input {name!r}")
    if name == "negative":
        raise UnknownInput("The workflow has no negative prompt of its own.", hint="Leave negative= out.")
    nodes = by_name(graph, catalog)
    if name in graph or name in nodes["title"] or name in nodes["class"]:
        raise UnknownInput(f"{name!r} is a node, not an input.", hint=f"Name its input too: {name}.INPUT.")
    names = list(dict.fromkeys(n for node_id in graph for n in _literals(graph, node_id)))
    hint = did_you_mean(name, [*names, *PROMPTS])
    raise UnknownInput(
        f"The workflow has no input {name!r} that can be set.",
        hint=hint or f"It has {', '.join(names[:12])}.",
    )


def _several(graph: Graph, catalog: NodeCatalog | None, places: list[Place], what: str) -> UnknownInput:
    addresses = [f"{node_id}.{name}" for node_id, name in places[:6]]
    labels = [label_of(graph, catalog, node_id) for node_id, _ in places[:6]]
    listing = ", ".join(f"{address} of {label}" for address, label in zip(addresses, labels, strict=True))
    return UnknownInput(f"{what}: {listing}.", hint=f"Give its address: inputs={{{addresses[0]!r}: …}}.")


def _literals(graph: Graph, node_id: str) -> list[str]:
    return [name for name, value in graph[node_id].get("inputs", {}).items() if not is_link(value)]


def _prompt_inputs(graph: Graph, catalog: NodeCatalog | None, role: str) -> list[Place]:
    """The texts that reach a sampler's `positive` or `negative`; for the latter, only its own."""
    texts = _reaching(graph, catalog, role)
    if role == "positive":
        return texts or _reaching(graph, catalog, "conditioning")
    positive = _reaching(graph, catalog, "positive")
    return [place for place in texts if place not in positive]


def _reaching(graph: Graph, catalog: NodeCatalog | None, role: str) -> list[Place]:
    """The texts upstream of every input of this name, in the order they are found.

    Only inputs of the last nodes count, such as samplers; nodes that pass conditioning on are followed.
    """
    passing = {source for _, name, source, _ in links(graph) if name in _ROLES or name.startswith("cond")}
    inputs = [node.get("inputs", {}) for node_id, node in graph.items() if node_id not in passing]
    starts = [given[role] for given in inputs if is_link(given.get(role))]
    found: dict[Place, None] = {}
    seen: set[tuple[str, int, str]] = set()
    todo = [(str(link[0]), int(link[1]), role) for link in reversed(starts)]
    while todo:
        node_id, slot, role = step = todo.pop()
        if step in seen or node_id not in graph or class_of(graph, node_id) in _ENDS:
            continue
        seen.add(step)
        texts = _texts(graph, catalog, node_id)
        found.update(dict.fromkeys(texts))
        if not texts:
            todo += [
                (str(link[0]), int(link[1]), next_role)
                for next_role, link in reversed(_carriers(graph, catalog, node_id, slot, role))
            ]
    return list(found)


def _texts(graph: Graph, catalog: NodeCatalog | None, node_id: str) -> list[Place]:
    """The literal texts of a node that are prompts."""
    found = []
    for name, value in literals_of(graph, node_id).items():
        spec = spec_of(graph, catalog, node_id, name)
        is_text = spec is None or (
            spec.type == "STRING" and (name in _TEXTS or spec.options.get("multiline"))
        )
        if isinstance(value, str) and is_text and (spec is not None or name in _TEXTS):
            found.append((node_id, name))
    return found


def _carriers(
    graph: Graph, catalog: NodeCatalog | None, node_id: str, slot: int, role: str
) -> list[tuple[str, list[Any]]]:
    """The links of a node that a prompt may come through, each with the role to follow there."""
    linked = {name: value for name, value in graph[node_id].get("inputs", {}).items() if is_link(value)}
    if texts := [(role, link) for name, link in linked.items() if name in _TEXTS]:
        return texts
    if all(name in linked for name in _ROLES):  # such nodes return both, in this order
        role = _ROLES[slot] if slot < 2 else role
        return [(role, linked[role])]
    typed = {name: spec_of(graph, catalog, node_id, name) for name in linked}
    conditioning = [name for name, spec in typed.items() if spec is not None and spec.type == "CONDITIONING"]
    names = conditioning or [name for name in linked if name.startswith("cond") or name in _ROLES]
    return [(role, linked[name]) for name in names or linked if name not in _CARRIES_NO_TEXT]


def reads_like_a_prompt(text: str) -> bool:
    """Whether the text has several words and does not end as the name of a file does."""
    words = text.split()
    return len(words) > 1 and "://" not in text and not re.search(r"\.\w{1,5}$", words[-1])
