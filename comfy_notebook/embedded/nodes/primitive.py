"""A value as a node: number, text, or yes and no."""

from __future__ import annotations

from typing import Any

from .base import Context, Input, Node, Output

_LIMIT = 0x7FFFFFFFFFFFFFFF


class _Primitive(Node):
    category = "utilities/primitive"
    python_module = "comfy_extras.nodes_primitive"

    def run(self, ctx: Context, *, value: Any) -> tuple[Any, ...]:
        return (value,)


class PrimitiveInt(_Primitive):
    """An integer."""

    display_name = "Int"
    inputs = {"value": Input("INT", {"min": -_LIMIT, "max": _LIMIT, "control_after_generate": "fixed"})}
    outputs = (Output("INT"),)


class PrimitiveFloat(_Primitive):
    """A number."""

    display_name = "Float"
    inputs = {"value": Input("FLOAT", {"min": -_LIMIT, "max": _LIMIT, "step": 0.1})}
    outputs = (Output("FLOAT"),)


class PrimitiveString(_Primitive):
    """A line of text."""

    display_name = "Text"
    inputs = {"value": Input("STRING", {"multiline": False})}
    outputs = (Output("STRING"),)


class PrimitiveStringMultiline(_Primitive):
    """Lines of text."""

    display_name = "Text (Multiline)"
    inputs = {"value": Input("STRING", {"multiline": True})}
    outputs = (Output("STRING"),)


class PrimitiveBoolean(_Primitive):
    """Yes or no."""

    display_name = "Boolean"
    inputs = {"value": Input("BOOLEAN")}
    outputs = (Output("BOOLEAN"),)


class PrimitiveBoundingBox(Node):
    """A rectangle in pixels."""

    display_name = "Bounding Box"
    category = "utilities/primitive"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "x": Input("INT", {"default": 0, "min": 0, "max": 16384}),
        "y": Input("INT", {"default": 0, "min": 0, "max": 16384}),
        "width": Input("INT", {"default": 512, "min": 1, "max": 16384}),
        "height": Input("INT", {"default": 512, "min": 1, "max": 16384}),
    }
    outputs = (Output("BOUNDING_BOX"),)

    def run(self, ctx: Context, **box: int) -> tuple[Any, ...]:
        """{"x", "y", "width", "height"}."""
        return (box,)


NODES: list[type[Node]] = [
    PrimitiveInt,
    PrimitiveFloat,
    PrimitiveString,
    PrimitiveStringMultiline,
    PrimitiveBoolean,
    PrimitiveBoundingBox,
]
