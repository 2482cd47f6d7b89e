"""Prompts of other programs in ComfyUI's syntax: `(text:1.2)` for weights, `embedding:name`."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LORA = re.compile(r"<(lora|lyco|locon|hypernet):([^:<>]+)((?::[^<>]*)?)>", re.IGNORECASE)
_DEEPEST = 20


def without_loras(prompt: str, left_out: list[str]) -> tuple[list[tuple[str, float]], str]:
    """The LoRAs that tags such as `<lora:name:0.8>` name, and the prompt without the tags."""
    loras: list[tuple[str, float]] = []

    def taken(tag: re.Match[str]) -> str:
        kind, name, weights = tag[1].lower(), tag[2].strip(), [part for part in tag[3].split(":") if part]
        if kind == "hypernet":
            left_out.append(f"The hypernetwork {name} has no equivalent here.")
            return ""
        try:
            loras.append((name, float(weights[0]) if weights else 1.0))
        except ValueError:
            loras.append((name, 1.0))
        return ""

    return loras, re.sub(r",(?:\s*,)+", ",", _LORA.sub(taken, prompt)).strip(" ,")


def from_a1111(prompt: str, embeddings: Sequence[str], left_out: list[str]) -> str:
    """`[text]` as a weight, `[a:b:0.5]` and `[a|b]` as one of the two, embeddings marked as such."""
    if re.search(r"\bBREAK\b", prompt):
        left_out.append("BREAK, which starts a new part of the prompt, is kept as a line break.")
        prompt = re.sub(r"\s*\bBREAK\b\s*", "\n", prompt)
    if re.search(r"\bAND\b", prompt):
        left_out.append("AND, which joins several prompts, has no equivalent here and is kept as text.")
    for name in filter(None, embeddings):
        prompt = re.sub(rf"(?<![\w:])({re.escape(name)})(?!\w)", r"embedding:\1", prompt)
    return _brackets(prompt, left_out, 0)


def _brackets(text: str, left_out: list[str], depth: int) -> str:
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            out.append(text[at + 1] if text[at + 1] in "[]" else text[at : at + 2])
            at += 2
        elif char == "[" and depth < _DEEPEST and (end := _closing(text, at)) is not None:
            out.append(_bracket(text[at + 1 : end], left_out, depth))
            at = end + 1
        else:
            out.append(char)
            at += 1
    return "".join(out)


def _bracket(inner: str, left_out: list[str], depth: int) -> str:
    if "|" in inner:
        first = inner.split("|")[0]
        left_out.append(f"[{inner}] changes at each step, which has no equivalent here: {first!r} is used.")
        return _brackets(first, left_out, depth + 1)
    parts = inner.rsplit(":", 2) if re.search(r":\s*[\d.]+\s*$", inner) else []
    if len(parts) >= 2:
        used = parts[-2] or parts[0]
        left_out.append(f"[{inner}] changes on the way, which has no equivalent here: {used!r} is used.")
        return _brackets(used, left_out, depth + 1)
    return f"({_brackets(inner, left_out, depth + 1)}:0.91)"


def _closing(text: str, at: int) -> int | None:
    """Where the bracket that opens at `at` closes; the search is bounded, as prompts are short."""
    depth = 0
    for here in range(at, min(len(text), at + 2000)):
        if text[here] in "[]" and text[here - 1 : here] != "\\":
            depth += 1 if text[here] == "[" else -1
            if depth == 0:
                return here
    return None


def from_novelai(prompt: str) -> str:
    """`{text}` is 1.05 times as strong, `[text]` as weak, `1.5::text::` as strong as it says."""
    prompt = re.sub(r"(?<!\\)([()])", r"\\\1", prompt)
    prompt = re.sub(r"(-?\d+(?:\.\d+)?)::(.*?)::", r"(\2:\1)", prompt)
    for _ in range(_DEEPEST):
        changed = re.sub(r"\{([^{}\[\]]*)\}", r"(\1:1.05)", re.sub(r"\[([^{}\[\]]*)\]", r"(\1:0.95)", prompt))
        if changed == prompt:
            break
        prompt = changed
    return prompt


def from_invokeai(prompt: str) -> str:
    """`(text)1.2`, `word+` and `word--` as weights."""
    prompt = re.sub(r"\(([^()]*)\)(\d+(?:\.\d+)?)", r"(\1:\2)", prompt)

    def weighted(found: re.Match[str]) -> str:
        text = found[1] or found[2]
        count = len(found[3]) if found[3][0] == "+" else -len(found[3])
        return f"({text}:{1.1**count:.2f})"

    return re.sub(r"(?:\(([^():]*)\)|\b(\w+))(\+{1,9}|-{1,9})(?=[\s,.)]|$)", weighted, prompt)
