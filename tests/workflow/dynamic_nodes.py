"""Node classes with the dynamic inputs of ComfyUI's V3 schema, as a server declares them."""

from __future__ import annotations

from typing import Any

from comfy_notebook.workflow.catalog import NodeCatalog


def catalog() -> NodeCatalog:
    """A picture to start from, a resize with options, a batch that grows, a switch of one type."""
    size = {"default": 512, "min": 0, "max": 16384}
    options = [
        {
            "key": "scale dimensions",
            "inputs": {
                "required": {
                    "width": ["INT", {**size, "tooltip": "Target width in pixels."}],
                    "height": ["INT", size],
                    "crop": ["COMBO", {"options": ["disabled", "center"], "default": "center"}],
                }
            },
        },
        {
            "key": "scale by multiplier",
            "inputs": {"required": {"multiplier": ["FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0}]}},
        },
        {"key": "match size", "inputs": {"required": {"match": ["IMAGE,MASK", {}]}}},
        {"key": "keep", "inputs": {}},
    ]
    return NodeCatalog(
        {
            "EmptyImage": _node({"width": ["INT", size], "height": ["INT", size]}, ["IMAGE"]),
            "ResizeImageMaskNode": _node(
                {
                    "input": ["COMFY_MATCHTYPE_V3", _template("IMAGE,MASK", "input_type")],
                    "resize_type": ["COMFY_DYNAMICCOMBO_V3", {"options": options}],
                    "scale_method": ["COMBO", {"options": ["area", "lanczos"]}],
                },
                ["COMFY_MATCHTYPE_V3"],
            ),
            "BatchImagesNode": _node(
                {
                    "images": [
                        "COMFY_AUTOGROW_V3",
                        {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, **_SIZE}},
                    ]
                },
                ["IMAGE"],
            ),
            "PreviewImage": {**_node({"images": ["IMAGE", {}]}, []), "output_node": True},
            "KSamplerSelect": _node({"sampler_name": [["euler", "heun"]]}, ["SAMPLER"]),
        }
    )


_SIZE = {"prefix": "image", "min": 1, "max": 4}


def _template(allowed: str, name: str) -> dict[str, Any]:
    return {"template": {"allowed_types": allowed, "template_id": name}}


def _node(required: dict[str, Any], output: list[str]) -> dict[str, Any]:
    return {"input": {"required": required}, "output": output, "output_name": output}
