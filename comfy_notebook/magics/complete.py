"""Tab completion of `%comfy` lines. It uses only what is already known and sends no request.

IPython 8.6 and later are given a matcher, which also works in `x = %comfy …`; older ones the
`complete_command` hook. `remove` takes both out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import TARGETS
from .options import Command, Option

if TYPE_CHECKING:
    from ..workflow.catalog import NodeCatalog
    from .magic import ComfyMagics

_LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?(%{1,2})comfy(?:\s+(?P<rest>.*))?$", re.DOTALL)
_BODY = re.compile(r"^%%comfy\s+(?P<rest>\S.*)$")
_WORKFLOW_FILES = (
    *(".json", ".png", ".webp", ".jpg", ".jpeg", ".avif"),
    *(".mp4", ".webm", ".mov", ".flac", ".mp3", ".ogg", ".svg", ".glb"),
)
_MOST = 200


def install(ip: Any, magics: ComfyMagics) -> None:
    """Add the completion to a shell that has a completer."""
    if getattr(ip, "Completer", None) is None:
        return
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:  # IPython before 8.6
        for key in ("%comfy", "%%comfy"):
            ip.set_hook("complete_command", lambda _, event: _hooked(magics, event), str_key=key)
        return

    def matcher(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        before = lines[context.cursor_line][: context.cursor_position]
        found = complete(magics, before, lines[0] if context.cursor_line else None)
        if found is None:
            return {"completions": [], "suppress": False}
        fragment, texts = found
        return {
            "completions": [SimpleCompletion(text=text, type="comfy") for text in texts],
            "matched_fragment": fragment,
            "suppress": True,
            "ordered": True,
        }

    ip.Completer.custom_matchers.append(context_matcher(identifier="comfy_notebook", priority=200)(matcher))


def remove(ip: Any) -> None:
    """Remove the completion."""
    completer = getattr(ip, "Completer", None)
    if completer is not None and hasattr(completer, "custom_matchers"):
        completer.custom_matchers[:] = [
            m for m in completer.custom_matchers if getattr(m, "matcher_identifier", "") != "comfy_notebook"
        ]
    hooks = getattr(ip, "strdispatchers", {}).get("complete_command")
    for key in ("%comfy", "%%comfy"):
        getattr(hooks, "strs", {}).pop(key, None)


def _hooked(magics: ComfyMagics, event: Any) -> list[str]:
    found = complete(magics, event.text_until_cursor, None)
    # The completions replace IPython's own token, which starts after the last of its delimiters.
    return [] if found is None else [text[len(found[0]) - len(event.symbol) :] for text in found[1]]


def complete(magics: ComfyMagics, before: str, first_line: str | None) -> tuple[str, list[str]] | None:
    """The fragment to replace and its completions; None when this is not a `%comfy` line.

    `before` is the line up to the cursor; `first_line` is the cell's first, when that is another.
    """
    body = _BODY.match(first_line) if first_line is not None else None
    if body is not None:
        return _in_body(magics, before, _file_in(body["rest"]))
    line = _LINE.match(before)
    if line is None or line["rest"] is None:
        return None
    fragment, words = _words(line["rest"])
    if not words:
        return fragment, _begin(fragment, [*filter(None, magics.commands), "--help"])
    command = magics.commands.get(words[0])
    if command is None:
        return fragment, []
    flags = command.flags
    previous = flags.get(words[-1]) if len(words) > 1 else None
    if previous is not None and previous.takes_value:
        if previous.completes == "inputs":
            begin = fragment.rpartition(",")[2]
            return begin, _begin(begin, _addresses(magics, _file_in(" ".join(words[1:])), begin))
        return fragment, list(_argument(magics, previous, fragment))
    flag, equals, begin = fragment.partition("=")
    if equals and (option := flags.get(flag)) is not None:
        return begin, list(_argument(magics, option, begin))
    options = [*(flag for flag in flags if flag.startswith("--")), "--help"]
    place = _position(command, words[1:])
    if place is None and command.assigns and not fragment.startswith("-"):
        return _value(magics, fragment, _file_in(" ".join(words[1:])), several=words[0] == "sweep")
    if fragment.startswith("-") or place is None:
        return fragment, _begin(fragment, options)
    # With nothing else to offer, offer the options; otherwise IPython would offer Python keywords.
    return fragment, list(_argument(magics, place, fragment)) or _begin(fragment, options)


def _words(rest: str) -> tuple[str, list[str]]:
    """The word at the cursor (which may be an open quote with spaces in it), and the words before it."""
    at = 0
    for mark in re.finditer(r"""(?:(?<=\s)|^)(["']).*?(?:\1|$)|\S+""", rest):
        at = mark.start() if mark.end() == len(rest) else len(rest)
    return rest[at:] if rest else "", rest[:at].split()


def _in_body(magics: ComfyMagics, before: str, source: str) -> tuple[str, list[str]]:
    """`NODE.INPUT: ` at the start of a line of the body, and the input's choices after it."""
    address, colon, value = before.partition(": ")
    if colon:
        value = value.lstrip()
        return value, _begin(value, _choices(magics, source, address.strip()))
    fragment = before.lstrip()
    return fragment, _begin(fragment, (f"{a}: " for a in _addresses(magics, source, fragment)))


def _position(command: Command, words: list[str]) -> Option | None:
    """The positional argument that comes after these words."""
    given, skip = 0, False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            option = command.flags.get(word)
            skip = option is not None and option.takes_value
        else:
            given += 1
    for place in command.positionals:
        if given == 0 or place.count == "many":
            return place
        given -= 1
    return None


def _argument(magics: ComfyMagics, option: Option, fragment: str) -> Iterator[str]:
    """Completions for the value of an option or of a positional argument."""
    if option.choices:
        yield from _begin(fragment, option.choices)
    elif option.completes == "seed":
        yield from _begin(fragment, ["random"])
    elif option.completes == "target":
        yield from _begin(fragment, TARGETS)
    elif option.completes == "job":
        yield from _begin(fragment, reversed(magics.notebook.job_ids))
    elif option.completes == "workflow":
        yield from _begin(fragment, _variables(magics))
        yield from _files(fragment, _WORKFLOW_FILES)
    elif option.completes == "folder":
        yield from _files(fragment, ())
    elif option.completes == "file":
        yield from _files(fragment, None)
    elif option.completes == "class":
        yield from _begin(fragment, _node_classes())


def _value(magics: ComfyMagics, fragment: str, source: str, *, several: bool) -> tuple[str, list[str]]:
    """`NODE.INPUT=` and, after the sign, the choices of that input, or files if it takes files."""
    address, equals, start = fragment.partition("=")
    if not equals:
        return fragment, _begin(fragment, (_quoted(f"{a}=") for a in _addresses(magics, source, fragment)))
    address = re.sub(r"""^(["'])(.*)\1""", r"\2", address)
    if several:
        start = start.rpartition(",")[2]
    files = (
        _files(start, None)
        if magics.cache.takes_files(source, address, magics.notebook.names, _catalog())
        else ()
    )
    return start, [*map(_worded, _begin(start, _choices(magics, source, address))), *files]


def _choices(magics: ComfyMagics, source: str, address: str) -> list[str]:
    return magics.cache.choices(source, address, magics.notebook.names, _catalog())


def _worded(text: str) -> str:
    return f'"{text}"' if " " in text else text


def _quoted(text: str) -> str:
    return f'"{text[:-1]}"=' if " " in text else text


def _addresses(magics: ComfyMagics, source: str, fragment: str) -> list[str]:
    by_id = fragment[:1].isdigit()
    return magics.cache.addresses(source, magics.notebook.names, _catalog(), by_id=by_id) if source else []


def _file_in(rest: str) -> str:
    """The FILE|VAR of a line: the first word after the command, other than options and assignments."""
    for word in rest.split():
        if not word.startswith("-") and "=" not in word and word != "run":
            word = word.strip("\"'")
            name = word.removeprefix("$") if word[:1] == "$" else word[1:-1] if word[:1] == "{" else ""
            return name if name.isidentifier() else word
    return ""


def _variables(magics: ComfyMagics) -> list[str]:
    """The names of variables that hold a workflow, or a result or job, which have one."""
    kinds = ("Workflow", "Result", "Job")
    return [
        name
        for name, value in magics.notebook.names.items()
        if not name.startswith("_") and type(value).__name__ in kinds
    ]


def _catalog() -> NodeCatalog | None:
    """The node definitions that the connected client has already fetched."""
    from .. import api

    client = api.current()
    return client.nodes_at_hand if client is not None else None


def _node_classes() -> list[str]:
    return sorted(_catalog() or ())


def _files(fragment: str, endings: tuple[str, ...] | None) -> Iterator[str]:
    """Files and folders that start with the fragment; only folders when `endings` is empty."""
    head, slash, tail = fragment.lstrip("\"'").rpartition("/")
    folder = Path(head + slash).expanduser() if slash else Path()
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name.lower())
    except (OSError, RuntimeError, ValueError):
        return
    count = 0
    for path in entries:
        if not path.name.startswith(tail) or (path.name.startswith(".") and not tail.startswith(".")):
            continue
        if path.is_dir():
            name = f"{head}{slash}{path.name}/"
            yield f'"{name}' if " " in name else name
        elif endings is None or path.name.lower().endswith(endings or "\x00"):
            yield _worded(f"{head}{slash}{path.name}")
        count += 1
        if count >= _MOST:
            return


def _begin(fragment: str, texts: Iterable[str]) -> list[str]:
    low = fragment.lower().lstrip("\"'")
    return [text for text in texts if text.lower().lstrip("\"'").startswith(low)][:_MOST]
