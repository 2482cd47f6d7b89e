"""An exception of a node as `execution_error` tells it, without a path of this machine in it."""

from __future__ import annotations

import re
import site
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from .nodes.base import exception_type

_PACKAGE = Path(__file__).resolve().parents[2]
_LONGEST = 2000
_STORED = re.compile(r"[^\s'\"]*[/\\]objects[/\\][0-9a-f]{2}[/\\]([0-9a-f]{64})")


@dataclass(frozen=True)
class Failure:
    """What went wrong, where, and with which inputs."""

    node_id: str
    class_type: str
    type: str
    message: str
    traceback: tuple[str, ...]
    inputs: Mapping[str, Any]


def describe_failure(
    error: BaseException, node_id: str, class_type: str, arguments: Mapping[str, list[Any]]
) -> Failure:
    """The failure this exception is. Its type is the reference's word when the exception carries one
    (`reported_type`) or has one of its own (`OOMError`), else its dotted name."""
    return Failure(
        node_id=node_id,
        class_type=class_type,
        type=exception_type(error),
        message=f"{_scrub(str(error))[:_LONGEST]}\n",
        traceback=tuple(_traceback(error)),
        inputs={name: [_shown(value) for value in values] for name, values in arguments.items()},
    )


def _traceback(error: BaseException) -> list[str]:
    return [
        f'  File "{_scrub(frame.filename)}", line {frame.lineno}, in {frame.name}\n    {frame.line or ""}\n'
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def _scrub(text: str) -> str:
    """The text with the directories of this machine taken off its paths."""
    text = _STORED.sub(r"\1", text)
    for root in _roots():
        text = text.replace(f"{root}/", "").replace(f"{root}\\", "")
    return text


def _roots() -> list[str]:
    found = [str(_PACKAGE), *site.getsitepackages(), site.getusersitepackages()]
    found += [path for name in ("purelib", "platlib", "stdlib") if (path := sysconfig.get_path(name))]
    found.append(str(Path.home()))
    return sorted({root.rstrip("/\\") for root in found} - {""}, key=len, reverse=True)


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and isfinite(value)):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
