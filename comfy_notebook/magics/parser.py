"""The command line of one subcommand: argparse, speaking to a person in a notebook.

`error()` is IPython's one-line `UsageError`, `--help` prints, and option values may be Python
objects (`--seed {n}`). Words that assign (`NODE.INPUT=VALUE`) are kept as `Word`s, in order.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.error import UsageError

from ..text import clip, closest, did_you_mean
from .line import Expression, LineError, Word, split
from .values import resolve

_NO_VALUE = re.compile(r"^argument (?:\S+/)?(\S+): expected one argument$")
_VALUE = re.compile(r"^argument (?:\S+/)?(\S+): ignored explicit argument .*$")
_MISSING = re.compile(r"^the following arguments are required: (.+)$")
_MOST = 10_000


class Helped(Exception):
    """`--help` was asked for and has been printed."""


class Parser(argparse.ArgumentParser):
    """One subcommand's options. Declare values with `option(..., convert=…)`, not `type=`."""

    def __init__(self, name: str, about: str, *, more: str = "") -> None:
        options: dict[str, Any] = {"color": False} if sys.version_info >= (3, 14) else {}
        super().__init__(
            prog=f"%comfy {name}".strip(),
            description=about,
            epilog=more or None,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )
        self.converters: dict[str, Callable[[Any, str], Any]] = {}
        self.assigns: str | None = None
        self.about = about

    def option(self, *flags: str, convert: Callable[[Any, str], Any] | None = None, **more: Any) -> None:
        """`add_argument`, with a converter that takes the value (text or object) and the option's name."""
        action = self.add_argument(*flags, **more)
        if convert is not None:
            self.converters[action.dest] = convert

    def assignments(
        self, metavar: str = "NODE.INPUT=VALUE", help: str = "a value to set first; may repeat"
    ) -> None:
        """Accept `key=value` words; they arrive as `args.values`, a list of `Word`."""
        self.assigns = metavar
        self.add_argument("values", nargs="*", metavar=metavar, help=help)

    def parse_line(self, line: str, names: Mapping[str, Any]) -> argparse.Namespace:
        """The options on the line, their values resolved among `names`. Raises `UsageError` or `Helped`."""
        try:
            words = split(line)
        except LineError as error:
            self.error(str(error))
        plain: list[str] = []
        objects: dict[str, Word] = {}
        assigned: list[Word] = []
        for word in words:
            if word.key is not None and self.assigns and not word.key.startswith("-"):
                assigned.append(word)
            elif isinstance(word.value, Expression):
                # argparse takes texts alone: an object travels under a name no one can type.
                mark = f"\x00{len(objects)}"
                objects[mark] = word
                plain.append(mark if word.key is None else f"{word.key}={mark}")
            else:
                plain.append(word.text)
        if "--help" in plain or "-h" in plain:
            print(self.format_help(), end="")
            raise Helped
        self._refuse_twice(plain)
        self.usage = self._usage()
        args, extra = self.parse_known_intermixed_args(plain)
        if self.assigns:
            extra = [*args.values, *extra]
            args.values = assigned
        if extra:
            self._unexpected(extra, objects)
        for name, value in vars(args).items():
            if name != "values":
                setattr(args, name, self._settle(name, value, objects, names))
        return args

    def _settle(self, name: str, value: Any, objects: Mapping[str, Word], names: Mapping[str, Any]) -> Any:
        if isinstance(value, list):
            return [self._settle(name, item, objects, names) for item in value]
        if isinstance(value, str) and value in objects:
            value = resolve(objects[value].value, names)
        convert = self.converters.get(name)
        if convert is None or value is None:
            return value
        try:
            return convert(value, name)
        except ValueError as error:
            self.error(str(error))

    def _refuse_twice(self, words: Sequence[str]) -> None:
        seen: dict[argparse.Action, str] = {}
        for word in words:
            flag = word.partition("=")[0]
            action = self._option_string_actions.get(flag)
            if action is not None and action in seen:
                self.error(f"{flag} is given twice")
            if action is not None:
                seen[action] = flag

    def _unexpected(self, extra: Sequence[str], objects: Mapping[str, Word]) -> NoReturn:
        word = objects[extra[0]].text if extra[0] in objects else extra[0]
        if word.startswith("-"):
            flag = word.split("=")[0]
            near = closest(flag, self._option_string_actions)
            self.error(
                f"there is no option {flag}." + (f" Did you mean {' or '.join(near)}?" if near else "")
            )
        text = f"unexpected {word!r}."
        if self.assigns:
            text += f" Values are set as {self.assigns}, in quotes when they hold spaces."
        self.error(text)

    def format_help(self) -> str:
        """The help, its usage with what must be given first."""
        self.usage = self._usage()
        return super().format_help()

    def _usage(self) -> str:
        places = [a for a in self._actions if not a.option_strings]
        texts = [str(a.metavar or a.dest) if not a.choices else "|".join(map(str, a.choices)) for a in places]
        optional = {"?": "[{}]", "*": "[{} …]"}
        words = [optional.get(str(a.nargs), "{}").format(text) for a, text in zip(places, texts, strict=True)]
        return " ".join([self.prog, *words, "[options]"]).replace("%", "%%")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            near = did_you_mean(str(value), names) or f"Choose from {', '.join(names)}."
            what = f"{action.option_strings[-1]} takes no" if action.option_strings else "there is no"
            raise argparse.ArgumentError(None, f"{what} {str(value)!r}. {near}")

    def error(self, message: str) -> NoReturn:
        message = _NO_VALUE.sub(r"\1 needs a value", message)
        message = _VALUE.sub(r"\1 takes no value", message)
        message = _MISSING.sub(r"\1 is missing", message)
        raise UsageError(f"{self.prog}: {sentence(message)} See {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Helped


def sentence(text: str) -> str:
    """The text with one mark at its end."""
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."


def whole(value: Any, name: str) -> int:
    """A whole number above zero, within reason."""
    number = _number(value, name)
    if not (1 <= number <= _MOST and number == int(number)):
        raise ValueError(f"--{name} takes a whole number from 1 to {_MOST}, not {value!r}")
    return int(number)


def port(value: Any, name: str) -> int:
    """A port; 0 is any free one."""
    number = _number(value, name)
    if not (0 <= number < 2**16 and number == int(number)):
        raise ValueError(f"--{name} takes a port from 0 to 65535, not {value!r}")
    return int(number)


def seconds(value: Any, name: str) -> float:
    """A time above zero."""
    number = _number(value, name)
    if not number > 0:
        raise ValueError(f"--{name} takes seconds above zero, not {value!r}")
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
        raise ValueError(f"--{name} takes a whole number from 0 to 2**64 - 1, or random, not {value!r}")
    return number


def folder(value: Any, name: str) -> Path:
    """A folder or file on this machine."""
    try:
        return Path(value).expanduser()
    except (TypeError, RuntimeError):
        raise ValueError(f"--{name} takes a path, not {clip(repr(value), 80)}") from None


def variable(value: Any, name: str) -> str:
    """The name of a variable to be made."""
    from keyword import iskeyword

    if not isinstance(value, str) or not value.isidentifier() or iskeyword(value):
        raise ValueError(f"--{name} takes a variable's name, not {value!r}")
    return value


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"--{name} takes a number, not {value!r}") from None
