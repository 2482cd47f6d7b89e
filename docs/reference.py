"""Writes the reference into pages: `<!-- magics -->`, `<!-- settings -->`, `<!-- python: NAME … -->`.

The text is the code's own: docstrings, the option table of the magics, the help of the settings. A page
says where it goes; nothing is written twice.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import comfy_notebook as comfy
from comfy_notebook.config import Settings
from comfy_notebook.magics import magic, options

_PLACE = re.compile(r"^<!-- (magics|settings|python)(?:: (.*?))? -->$", re.MULTILINE | re.DOTALL)


class _Text:
    """An annotation as it is written in the source: `inspect` prints a string in quotes."""

    def __init__(self, annotation: Any) -> None:
        self.text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)

    def __repr__(self) -> str:
        return self.text


def magics() -> str:
    """A section for each group of commands: usage, what it does, and a table of its arguments."""
    lines = []
    for title, group in magic.GROUPS.items():
        lines += [f"## {title}", ""]
        for command in group.COMMANDS:
            body = f"%%comfy {command.name} …" if command.takes_body else ""
            lines += [
                f"### `{command.prog}`",
                "",
                "```text",
                options.usage(command),
                *filter(None, [body]),
                "```",
                "",
            ]
            lines += [f"{command.about[:1].upper()}{command.about[1:]}.", ""]
            if rows := [*options.arguments(command), *options.flags(command)]:
                lines += ["| argument | meaning |", "|---|---|"]
                lines += [f"| `{_cell(left)}` | {_cell(right)} |" for left, right in rows]
            lines += ["", *(["```text", command.more, "```", ""] if command.more else [])]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def settings() -> str:
    """The table of settings."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        lines.append(f"| `{field.name}` | `{field.default!r}` | {field.metadata['help']} |")
    return "\n".join(lines)


def python(names: str) -> str:
    """The public names given, each with its signature, docstring and public members."""
    return "\n\n".join("\n".join(_entry(name, getattr(comfy, name))) for name in names.split())


def _entry(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        yield from _directive("function", name + _signature(value), _doc(value))
        return
    kind = "exception" if issubclass(value, BaseException) else "class"
    body = _doc(value)
    if issubclass(value, enum.Enum):
        body += ["", "Values: " + ", ".join(f"`{one.value}`" for one in value) + "."]
    for member, found in _members(value):
        body += ["", *_member(member, found)]
    yield from _directive(kind, name, body, fence="::::")


def _member(name: str, found: Any) -> Iterator[str]:
    function = found
    while isinstance(function, classmethod | staticmethod):
        function = function.__func__
    if not callable(function):
        yield from _directive("property", name, _doc(found))
        return
    options = [":classmethod:"] if isinstance(found, classmethod) else []
    options += [":async:"] if inspect.iscoroutinefunction(function) else []
    yield from _directive("method", name + _signature(function, skip_first=True), [*options, *_doc(found)])


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """The public members with a docstring, in the order of the source, bases last."""
    seen = set()
    # What an error inherits is described once, at its base.
    for base in [cls] if issubclass(cls, BaseException) else cls.__mro__:
        if base.__module__.split(".")[0] != comfy.__name__ or base.__name__.startswith("_"):
            continue
        for name, found in vars(base).items():
            if name.startswith("_") or name in seen or not inspect.getdoc(found) or inspect.isclass(found):
                continue
            if callable(found) or hasattr(found, "__get__"):
                seen.add(name)
                yield name, found


def _signature(function: Callable[..., Any], skip_first: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = [
        p if p.annotation is p.empty else p.replace(annotation=_Text(p.annotation))
        for p in signature.parameters.values()
    ][skip_first:]
    returns = signature.return_annotation
    returns = returns if returns is signature.empty else _Text(returns)
    return str(signature.replace(parameters=parameters, return_annotation=returns))


def _doc(value: Any) -> list[str]:
    text = inspect.getdoc(value) or ""
    # `<` opens a tag in Markdown, outside of code.
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [part.replace("<", "&lt;").replace("*", r"\*") for part in parts[::2]]
    parts[1::2] = [f"{{py:obj}}{code}" if code.strip("`") in comfy.__all__ else code for code in parts[1::2]]
    return "".join(parts).splitlines()


def _directive(kind: str, title: str, body: list[str], fence: str = ":::") -> Iterator[str]:
    yield f"{fence}{{py:{kind}}} {title}"
    if not body or not body[0].startswith(":"):
        yield ""
    yield from body
    yield fence


def _fill(app: Any, docname: str, source: list[str]) -> None:
    makers: dict[str, Callable[..., str]] = {"magics": magics, "settings": settings, "python": python}

    def made(match: re.Match[str]) -> str:
        maker, names = match.groups()
        return makers[maker](names) if names else makers[maker]()

    source[0] = _PLACE.sub(made, source[0])


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _fill)
    return {"version": comfy.__version__, "parallel_read_safe": True}
