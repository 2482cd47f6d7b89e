"""JavaScript's rules for ids, numbers and text, where they show in an exported workflow.

The editor compares ids loosely, converts values to text by its own rules and rounds halves up. The
functions take values as `json` reads them.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

_DEEPEST = 200
NOTHING = object()


class TooDeep(Exception):
    """A value is nested deeper than any real one."""


def id_key(value: Any) -> str | None:
    """One string for every form of an id (4, 4.0, "4"); None when the value is not an id."""
    if type(value) is int:
        return str(value) if -(10**30) < value < 10**30 else None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and abs(value) < 1e30:
        return str(int(value)) if value == int(value) else repr(value)
    return None


def slot_number(value: Any) -> int | None:
    """A slot index as `parseInt` reads it: 1, 1.0 and "1" are 1; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 1_000_000 else None
    if isinstance(value, float) and math.isfinite(value):
        return slot_number(int(value))
    if isinstance(value, str) and len(value) < 8 and value.strip().isdecimal():
        return slot_number(int(value))
    return None


def type_name(value: Any) -> str:
    """The type of a socket: "" when it has none (fits everything), COMBO for a list of choices."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "COMBO"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value else ""


def number_text(value: float) -> str:
    """A number as JavaScript prints it: 8 for 8.0, 1e-7 for 1e-07."""
    number = float(value) if abs(value) < 1e308 else math.copysign(math.inf, value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    if 1e-6 <= abs(number) < 1e21:
        text = format(Decimal(repr(number)), "f")
        return text[:-2] if text.endswith(".0") else text
    mantissa, _, exponent = repr(number).partition("e")
    mantissa = mantissa[:-2] if mantissa.endswith(".0") else mantissa
    return f"{mantissa}e{int(exponent):+d}"


def text(value: Any, depth: int = 0) -> str:
    """A value as text, as JavaScript converts it; null is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        return "" if depth > 20 else ",".join(text(item, depth + 1) for item in value)
    return "[object Object]"


def number(value: Any) -> float:
    """A value as a number, as JavaScript converts it: null is 0, "7" is 7, anything else is NaN."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (list, str)):
        written = text(value).strip()
        try:
            return float(written) if written else 0
        except ValueError:
            return math.nan
    return math.nan


def rounded(value: float) -> float:
    """`Math.round`: halves go up; a whole number stays exactly as it is."""
    return value if isinstance(value, int) or not math.isfinite(value) else math.floor(value + 0.5)


def copied(value: Any, depth: int = 0) -> Any:
    """An independent copy of a JSON value, with what JSON cannot write (NaN, infinity) as null."""
    kind = type(value)
    if kind is float:
        return value + 0.0 if math.isfinite(value) else None
    if kind is list or kind is dict:
        if depth >= _DEEPEST:
            raise TooDeep
        if kind is list:
            return [copied(item, depth + 1) for item in value]
        return {str(key): copied(item, depth + 1) for key, item in value.items()}
    return value if value is None or kind in (str, int, bool) else str(value)
