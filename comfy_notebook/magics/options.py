"""The table of options behind every subcommand: parsing a line, `--help`, completion and the reference.

A `Command` is data: its options, its help, and the function that runs it. `parse` reads the words that
`line.split` returns, resolves Python values, and reports a mistake in one sentence (IPython's `UsageError`).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NoReturn

from IPython.core.error import UsageError

from ..text import clip, closest, did_you_mean
from .line import Expression, LineError, Word, split
from .values import resolve

Args = SimpleNamespace
"""The options given on a line, by `Option.name`; `values` holds the `NODE.INPUT=VALUE` words."""

_MAX_COUNT = 10_000
_INPUTS = (
    *("steps", "cfg", "denoise", "sampler_name", "scheduler", "width", "height", "batch_size", "guidance"),
    *("prompt", "negative", "text", "ckpt_name", "lora_name", "strength", "noise_seed", "filename_prefix"),
)
"""Common names of inputs, to tell a mistyped option from an input written as an option."""

_WIDTH = 100
_INDENT = 24


@dataclass(frozen=True)
class Option:
    """An option (`flag` is its spelling) or a positional argument (no `flag`).

    `convert` takes the value, a text or a Python object, and the option's spelling; it raises
    `ValueError` with the values that the option takes. `completes` names what tab completion offers.
    """

    name: str
    help: str = ""
    metavar: str = ""
    flag: str = ""
    short: str = ""
    takes_value: bool = True
    count: Literal["one", "optional", "many"] = "optional"
    choices: tuple[str, ...] = ()
    default: Any = None
    convert: Callable[[Any, str], Any] | None = None
    completes: str = ""

    @property
    def label(self) -> str:
        """The placeholder for the value in the help."""
        return self.metavar or "|".join(self.choices) or self.name


@dataclass(frozen=True)
class Command:
    """One subcommand: its options, what it does, and whether `%%comfy NAME` takes a cell body."""

    name: str
    about: str
    run: Callable[[Any, Args], Any]
    options: tuple[Option, ...] = ()
    more: str = ""
    assigns: bool = False
    takes_body: bool = False

    @property
    def prog(self) -> str:
        """The command as it is typed."""
        return f"%comfy {self.name}".strip()

    @property
    def positionals(self) -> list[Option]:
        """The positional arguments, in order."""
        return [option for option in self.options if not option.flag]

    @property
    def flags(self) -> dict[str, Option]:
        """The options by every spelling."""
        named = [option for option in self.options if option.flag]
        return {spelling: option for option in named for spelling in (option.short, option.flag) if spelling}

    def refuse(self, message: str, line: str = "") -> NoReturn:
        """Raise `UsageError` for a mistake on the line; `line` is what to type instead."""
        advice = f"Type: {self.prog} {line}" if line else f"See {self.prog} --help"
        raise UsageError(f"{self.prog}: {sentence(message)} {advice}")


class HelpRequested(Exception):
    """`--help` was given, and the help has been printed."""


TARGET = Option(
    "on", "use this server: cloud, local, embedded or a URL", "TARGET", "--on", completes="target"
)
WORKFLOW = Option("file", "a workflow file, a URL, or a variable", "FILE|VAR", completes="workflow")
VALUE = "NODE.INPUT=VALUE"


def parse(command: Command, line: str, names: Mapping[str, Any]) -> Args:
    """The options on the line, their values resolved among `names`.

    Raises `UsageError` for a mistake, and `HelpRequested` after printing the help.
    """
    try:
        words = split(line)
    except LineError as error:
        command.refuse(str(error))
    if any(word.key is None and word.value in ("--help", "-h") for word in words):
        print(help_text(command))
        raise HelpRequested
    given, positional, assigned = _by_kind(command, words, names)
    args = Args(**{option.name: option.default for option in command.options}, values=assigned)
    _add_positional(command, positional, given, words, names)
    for option in command.options:
        if option.name in given:
            setattr(args, option.name, _converted(command, option, given[option.name], names))
    return args


def _by_kind(
    command: Command, words: list[Word], names: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Word], list[Word]]:
    """The values of the options by name, the positional words, and the assignments."""
    given: dict[str, Any] = {}
    positional: list[Word] = []
    assigned: list[Word] = []
    flags = command.flags
    rest = iter(words)
    for word in rest:
        spelling = word.key if word.key is not None else word.value
        if not isinstance(spelling, str) or not spelling.startswith("-"):
            (assigned if word.key is not None and command.assigns else positional).append(word)
            continue
        option = flags.get(spelling)
        if option is None:
            inputs = [f"--{name}" for name in _INPUTS] if command.assigns else []
            near = closest(spelling, [*inputs, *flags])
            if command.assigns and (not near or near[0] in inputs):
                typed = retyped(command, words, names)
                command.refuse(f"there is no option {spelling}; inputs have no dashes", typed)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            command.refuse(f"there is no option {spelling}.{hint}")
        if option.name in given:
            command.refuse(f"{spelling} is given twice")
        if not option.takes_value:
            if word.key is not None:
                command.refuse(f"{spelling} takes no value")
            given[option.name] = True
        elif word.key is not None:
            given[option.name] = word.value
        else:
            value = next(rest, None)
            if value is None or (isinstance(value.value, str) and value.text.split("=")[0] in flags):
                command.refuse(f"{spelling} needs a value")
            given[option.name] = value.value if value.key is None else value.text
    return given, positional, assigned


def _add_positional(
    command: Command,
    positional: list[Word],
    given: dict[str, Any],
    words: list[Word],
    names: Mapping[str, Any],
) -> None:
    """Add the positional words to `given`; `words` are all of the line."""
    waiting = list(positional)
    for option in command.positionals:
        if option.count == "many":
            given[option.name] = [_value(word) for word in waiting]
            waiting = []
        elif waiting:
            given[option.name] = _value(waiting.pop(0))
        elif option.count == "one":
            command.refuse(f"{option.label} is missing")
    if waiting:
        message = f"unexpected {waiting[0].text!r}."
        if not command.assigns:
            command.refuse(message)
        is_text = all(isinstance(word.value, str) for word in words)
        several = len(waiting) > 1 or any(word.key is not None for word in words)
        command.refuse(
            f"{message} Values are set as {VALUE}, in quotes if they contain spaces",
            retyped(command, words, names) if is_text and several else "",
        )


def retyped(command: Command, words: list[Word], names: Mapping[str, Any]) -> str:
    """The line as it was probably meant.

    `6.text = a boat` and `6.text=a boat` become `6.text="a boat"`, `--steps 3` becomes `steps=3`, and several
    words on their own become the prompt.
    """
    typed: list[str] = []
    key, value = "", ""  # the assignment that is being put together
    flags = command.flags
    rest = list(words)
    has_file = False

    def end() -> None:
        nonlocal key, value
        if key:
            typed.append(f"{_in_quotes(key)}={_in_quotes(value.strip())}")
        key = value = ""

    while rest:
        word = rest.pop(0)
        name = str(word.value) if word.key is None else word.key
        follows = rest[0] if rest else None
        if name in flags:
            end()
            takes = word.key is None and flags[name].takes_value and rest
            typed += [word.text, rest.pop(0).text] if takes else [word.text]
        elif name.startswith("-"):
            end()
            given = rest.pop(0).text if word.key is None and rest else word.text.partition("=")[2]
            key, value = name.lstrip("-").replace("-", "_"), given
            end()
        elif word.key:
            end()
            key, value = word.key, word.text[len(word.key) + 1 :]
        elif follows is not None and follows.text.startswith("="):  # `6.text = a`, or `6.text =a`
            end()
            key, value = word.text, rest.pop(0).text[1:]
        elif key:
            value += f" {word.text}"
        elif not has_file and (name in names or Path(name).suffix or not _is_text(rest)):
            has_file = True
            typed.append(_in_quotes(word.text))
        else:
            key, value = "prompt", word.text
    end()
    return " ".join(typed)


def _is_text(words: list[Word]) -> bool:
    """Whether the words start with one that is neither an option nor, with those after it, an assignment."""
    texts = [word.text for word in words[:2]]
    return bool(texts) and words[0].key is None and not any(text.startswith(("-", "=")) for text in texts)


def _in_quotes(text: str) -> str:
    """The text as a line takes it, in quotes if it needs them."""
    if text and not re.search(r"[\s\"']", text):
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'


def _value(word: Word) -> str | Expression:
    return word.value if word.key is None else word.text


def _converted(command: Command, option: Option, value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_converted(command, option, item, names) for item in value]
    value = resolve(value, names)
    if option.choices and value not in option.choices:
        near = did_you_mean(str(value), option.choices) or f"Choose from {', '.join(option.choices)}."
        wrong = f"{option.flag} cannot be" if option.flag else "there is no"
        command.refuse(f"{wrong} {str(value)!r}. {near}")
    if option.convert is None:
        return value
    try:
        return option.convert(value, option.flag or option.label)
    except ValueError as error:
        command.refuse(str(error))


def usage(command: Command) -> str:
    """The command in one line: `%comfy run [FILE|VAR] [NODE.INPUT=VALUE …] [options]`."""
    forms = {"one": "{}", "optional": "[{}]", "many": "[{} …]"}
    words = [forms[option.count].format(option.label) for option in command.positionals]
    if command.assigns:
        words.append(f"[{VALUE} …]")
    return " ".join([command.prog, *words, "[options]"])


def help_text(command: Command) -> str:
    """What `--help` prints."""
    lines = [f"usage: {usage(command)}", "", command.about]
    if rows := arguments(command):
        lines += ["", "arguments:", *(_row(*row) for row in rows)]
    lines += ["", "options:", *(_row(*row) for row in [*flags(command), ("-h, --help", "show this help")])]
    return "\n".join([*lines, *(["", command.more] if command.more else [])])


def arguments(command: Command) -> list[tuple[str, str]]:
    """The positional arguments and the assignments, each with its help."""
    rows = [(option.label, option.help) for option in command.positionals]
    return [*rows, (VALUE, "a value to set before the run; may be repeated")] if command.assigns else rows


def flags(command: Command) -> list[tuple[str, str]]:
    """The options as they are spelled (`-o, --output OUT`), each with its help."""
    rows = []
    for option in command.options:
        if option.flag:
            spelling = ", ".join(filter(None, (option.short, option.flag)))
            rows.append((f"{spelling} {option.label}" if option.takes_value else spelling, option.help))
    return rows


def _row(left: str, right: str) -> str:
    first = f"  {left:<{_INDENT - 4}}  " if len(left) <= _INDENT - 4 else f"  {left}\n{' ' * _INDENT}"
    return first + textwrap.fill(right, _WIDTH - _INDENT).replace("\n", "\n" + " " * _INDENT)


def sentence(text: str) -> str:
    """The text with a full stop at its end, unless it ends in `?` or `!`."""
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."


def whole(value: Any, name: str) -> int:
    """A whole number from 1 to 10,000."""
    number = _number(value, name)
    if not (1 <= number <= _MAX_COUNT and number == int(number)):
        raise ValueError(f"{name} takes a whole number from 1 to {_MAX_COUNT}, not {value!r}")
    return int(number)


def port(value: Any, name: str) -> int:
    """A port; 0 means any free one."""
    number = _number(value, name)
    if not (0 <= number < 2**16 and number == int(number)):
        raise ValueError(f"{name} takes a port from 0 to 65535, not {value!r}")
    return int(number)


def seconds(value: Any, name: str) -> float:
    """A time in seconds, above zero."""
    number = _number(value, name)
    if not number > 0:
        raise ValueError(f"{name} takes seconds above zero, not {value!r}")
    return number


def seed(value: Any, name: str) -> int | str:
    """A seed: a whole number from 0, or "random"."""
    if value == "random":
        return "random"
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number < 2**64 or (isinstance(value, float) and value != number):
        raise ValueError(f"{name} takes a whole number from 0 to 2**64 - 1, or random, not {value!r}")
    return number


def folder(value: Any, name: str) -> Path:
    """A folder or file on this machine."""
    try:
        return Path(value).expanduser()
    except (TypeError, RuntimeError):
        raise ValueError(f"{name} takes a path, not {clip(repr(value), 80)}") from None


def variable(value: Any, name: str) -> str:
    """The name of a variable to assign."""
    from keyword import iskeyword

    if not isinstance(value, str) or not value.isidentifier() or iskeyword(value):
        raise ValueError(f"{name} takes a variable's name, not {value!r}")
    return value


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} takes a number, not {value!r}") from None
