"""Values on a magic's line: Python expressions (`{expr}`, `$name`), and the values of a sweep.

A sweep's values are `a,b,c` and `START:STOP[:STEP]`, which excludes STOP as Python does; one list may
combine them (`0:3,10`). Anything else is text, read by the input's type. Texts that contain commas are
given as `{list}`.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Any

from IPython.core.error import UsageError

from ..text import did_you_mean, redact
from .line import Expression

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?\Z")
_MAX_VALUES = 10_000


def resolve(value: Any, names: Mapping[str, Any]) -> Any:
    """The value of an `Expression`; any other value is returned unchanged.

    Raises `UsageError`, in one line, for an unknown name or an expression that raises.
    """
    if not isinstance(value, Expression):
        return value
    source = value.source
    try:
        return eval(compile(source, "<%comfy>", "eval"), dict(names))
    except NameError as error:
        name = error.name or source
        near = did_you_mean(name, [*names, *dir(builtins)])
        where = "" if source == name else f" (in {{{source}}})"
        what = [f"there is no variable {name!r}{where}.", near, "Text needs quotes here."]
        raise UsageError(" ".join(filter(None, what))) from None
    except SyntaxError as error:
        raise UsageError(
            f"{{{source}}} is not a Python expression ({error.msg}); text needs quotes here"
        ) from None
    except Exception as error:
        raise UsageError(redact(f"{{{source}}} raised {type(error).__name__}: {error}")) from None


def sweep_values(text: str) -> list[str]:
    """The values as texts. Raises `ValueError` for a range that is empty, endless or too long."""
    values: list[str] = []
    for part in (p.strip() for p in text.split(",")):
        found = _RANGE.match(part)
        values += _counted(part, *(Decimal(n) for n in found.groups("1"))) if found else [part]
    if len(values) > _MAX_VALUES:
        raise ValueError(f"{text!r} is {len(values)} values; a sweep takes {_MAX_VALUES} at most")
    return values


def _counted(part: str, start: Decimal, stop: Decimal, step: Decimal) -> list[str]:
    # Decimal, so that 0:1:0.1 is ten values and each reads as it would be written.
    count = ceil((stop - start) / step) if step else 0
    if count < 1:
        raise ValueError(
            f"{part!r} is an empty range: from {start} up to, not including, {stop} in steps of {step}"
        )
    if count > _MAX_VALUES:
        raise ValueError(f"{part!r} is {count} values; a sweep takes {_MAX_VALUES} at most")
    return [format((start + n * step).normalize(), "f") for n in range(count)]
