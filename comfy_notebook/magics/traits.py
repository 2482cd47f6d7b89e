"""The traits of `ComfyMagics`, generated from the fields of `Settings`."""

from __future__ import annotations

import dataclasses
from typing import Any

from traitlets import Bool, Enum, Float, Int, TraitType

from ..config import Settings

_KINDS = {bool: Bool, int: Int, float: Float}


def traits() -> dict[str, TraitType[Any, Any]]:
    """A configurable trait for each setting: its default, limits and help text."""
    return {field.name: _trait(field) for field in dataclasses.fields(Settings)}


def _trait(field: dataclasses.Field[Any]) -> TraitType[Any, Any]:
    limits = dict(field.metadata)
    help = limits.pop("help")
    trait: TraitType[Any, Any]
    if "values" in limits:
        trait = Enum(limits["values"], field.default, help=help)
    elif field.default is None:
        trait = Float(None, allow_none=True, help=help, **limits)
    else:
        trait = _KINDS[type(field.default)](field.default, help=help, **limits)
    return trait.tag(config=True)
