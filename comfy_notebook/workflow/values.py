"""Text to a value, by the input's declared type.

A STRING takes its text verbatim, so that `{day|night}`, `no` and `it's` survive; INT, FLOAT,
BOOLEAN and combos are parsed and checked. Without a definition the type of the value in the file
decides.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ..errors import InvalidWorkflow
from ..text import clip, closest
from .wire import is_link

if TYPE_CHECKING:
    from .catalog import InputSpec

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def parse_value(text: str, spec: InputSpec | None = None, current: Any = None, *, name: str = "") -> Any:
    """The value a text means for an input.

    `spec` is the input's definition, `current` the value in the file for when there is none; `name`
    is how messages call the input. Raises `InvalidWorkflow` saying what would be right.
    """
    kind = spec.type if spec is not None else _kind(current)
    where = f"{name}: " if name else ""
    if spec is not None and not (spec.is_widget or spec.force_input) and is_link(current):
        raise InvalidWorkflow(
            f"{where}{clip(repr(text), 80)} is text, and this input takes a {kind} from another node.",
            hint="In Python: wf[NODE].input = wf[OTHER].output(0).",
        )
    if kind == "INT":
        return _bounded(_whole(text, where), spec, where)
    if kind == "NUMBER":  # JavaScript writes 8.0 as 8, so a whole number in a file tells nothing
        try:
            return _whole(text, where)
        except InvalidWorkflow:
            return _real(text, where)
    if kind == "FLOAT":
        return _bounded(_real(text, where), spec, where)
    if kind == "BOOLEAN":
        word = text.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise InvalidWorkflow(f"{where}{text!r} is neither true nor false.", hint="Write true or false.")
    if kind == "COMBO" and spec is not None:
        return _chosen(text, spec, where)
    if kind == "JSON":
        try:
            return json.loads(text)
        except ValueError:
            raise InvalidWorkflow(
                f"{where}{text!r} is not JSON.", hint="The value there is a list or object."
            ) from None
    return text


def _kind(current: Any) -> str:
    if isinstance(current, bool):
        return "BOOLEAN"
    if isinstance(current, int):
        return "NUMBER"
    if isinstance(current, float):
        return "FLOAT"
    return "JSON" if isinstance(current, (list, dict)) else "STRING"


def _whole(text: str, where: str) -> int:
    word = text.strip().replace("_", "")
    try:
        return int(word, 0) if word.lower().lstrip("+-").startswith(("0x", "0b", "0o")) else int(word)
    except ValueError:
        pass
    try:
        number = float(word)
        if number.is_integer():
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise InvalidWorkflow(
        f"{where}{text!r} is not a whole number.", hint="This input takes an INT, such as 42."
    )


def _real(text: str, where: str) -> float:
    try:
        number = float(text.strip())
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidWorkflow(
            f"{where}{text!r} is not a number.", hint="This input takes a FLOAT, such as 7.5."
        )
    return number


def _bounded(number: Any, spec: InputSpec | None, where: str) -> Any:
    low, high = (spec.min, spec.max) if spec is not None else (None, None)
    if low is not None and number < low:
        raise InvalidWorkflow(
            f"{where}{number} is below the smallest value, {low}.", hint=f"Use {low} or more."
        )
    if high is not None and number > high:
        raise InvalidWorkflow(
            f"{where}{number} is above the largest value, {high}.", hint=f"Use {high} or less."
        )
    return number


def _chosen(text: str, spec: InputSpec, where: str) -> Any:
    choices = spec.choices
    if spec.multiselect:
        words = [word.strip() for word in text.split(",") if word.strip()]
        return [_one(word, choices, where, spec) for word in words]
    return _one(text, choices, where, spec)


def _one(text: str, choices: Any, where: str, spec: InputSpec) -> Any:
    if not choices or spec.upload or spec.remote:
        return text
    for choice in choices:
        if text == (choice if isinstance(choice, str) else json.dumps(choice)) or text == str(choice):
            return choice
    loose = [choice for choice in choices if str(choice).lower() == text.strip().lower()]
    if len(loose) == 1:
        return loose[0]
    near = closest(text, [str(choice) for choice in choices])
    if near:
        hint = f"Did you mean {' or '.join(repr(n) for n in near)}?"
    else:
        more = f" and {len(choices) - 8} more" if len(choices) > 8 else ""
        hint = f"Choices: {', '.join(str(choice) for choice in choices[:8])}{more}."
    if len(choices) == 1:
        raise InvalidWorkflow(f"{where}{text!r} is not there.", hint=f"The only choice is {choices[0]!r}.")
    raise InvalidWorkflow(f"{where}{text!r} is not among its {len(choices)} choices.", hint=hint)
