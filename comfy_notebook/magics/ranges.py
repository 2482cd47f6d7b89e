"""The values of a sweep written on a line: `a,b,c`, and `START:STOP[:STEP]` as Python counts.

Several spans may stand in one list (`0:3,10`). Whatever is no span of numbers is text, to be read by
the input's type; a list of texts that hold commas themselves is better given as `{list}`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import ceil

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SPAN = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?\Z")
_MOST = 10_000


def spread(text: str) -> list[str]:
    """The values as texts. Raises `ValueError` for a span that is empty, endless or too long."""
    values: list[str] = []
    for part in (p.strip() for p in text.split(",")):
        span = _SPAN.match(part)
        values += _count(part, *(Decimal(n) for n in span.groups("1"))) if span else [part]
    if len(values) > _MOST:
        raise ValueError(f"{text!r} is {len(values)} values; a sweep takes {_MOST} at most")
    return values


def _count(part: str, start: Decimal, stop: Decimal, step: Decimal) -> list[str]:
    # Decimal, so that 0:1:0.1 is ten values and each reads as it would be written.
    count = ceil((stop - start) / step) if step else 0
    if count < 1:
        raise ValueError(f"{part!r} counts nothing: {start} up to, not including, {stop} by {step}")
    if count > _MOST:
        raise ValueError(f"{part!r} is {count} values; a sweep takes {_MOST} at most")
    return [format((start + n * step).normalize(), "f") for n in range(count)]
