"""Batches saved as moving pictures: animated WebP and PNG."""

from __future__ import annotations

import io
from typing import Any

from PIL.PngImagePlugin import PngInfo

from .base import Context, Input, Node, Output, Ui
from .metadata import fill_prefix, workflow_fields
from .pixels import Array, png_bytes, to_pil

_FPS = Input("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01})
_EXIF_MAKE, _EXIF_MODEL = 0x010F, 0x0110  # where ComfyUI puts the workflow's fields in a WebP
_METHODS = {"default": 4, "fastest": 0, "slowest": 6}


class _Animation(Node):
    category = "image"
    python_module = "comfy_extras.nodes_images"
    hidden = {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]}
    outputs = (Output("IMAGE", "images"),)
    output_node = True


def _report(ctx: Context, data: bytes, prefix: str, images: Array, suffix: str, animated: bool) -> Ui:
    height, width = images.shape[1:3]
    saved = ctx.save(data, fill_prefix(prefix, width, height), suffix)
    return Ui({"images": [saved], "animated": [animated]}, (images,))


class SaveAnimatedWEBP(_Animation):
    """One WebP file; the workflow's fields are EXIF texts `name:json` (Model: prompt; Make: rest).

    It says "animated" of itself when there is more than one picture (SaveAnimatedPNG always does).
    """

    display_name = "Save Animated WEBP"
    inputs = {
        "images": Input("IMAGE"),
        "filename_prefix": Input("STRING", {"default": "ComfyUI", "multiline": False}),
        "fps": _FPS,
        "lossless": Input("BOOLEAN", {"default": True}),
        "quality": Input("INT", {"default": 80, "min": 0, "max": 100}),
        "method": Input("COMBO", choices=tuple(_METHODS), v3=True),
    }

    def run(
        self,
        ctx: Context,
        *,
        images: Array,
        filename_prefix: str,
        fps: float,
        lossless: bool,
        quality: int,
        method: str,
    ) -> Ui:
        first, *rest = [to_pil(image) for image in images]
        exif, tag = first.getexif(), _EXIF_MAKE
        for name, text in workflow_fields(ctx).items():
            exif[_EXIF_MODEL if name == "prompt" else tag] = f"{name}:{text}"
            tag -= name != "prompt"
        buffer = io.BytesIO()
        options: dict[str, Any] = {"lossless": lossless, "quality": quality, "method": _METHODS[method]}
        first.save(
            buffer,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=int(1000 / fps),
            exif=exif,
            **options,
        )
        return _report(ctx, buffer.getvalue(), filename_prefix, images, ".webp", len(images) > 1)


class SaveAnimatedPNG(_Animation):
    """One APNG file; the workflow's fields are chunks of ComfyUI's own type `comf`, after the image data."""

    display_name = "Save Animated PNG"
    inputs = {
        "images": Input("IMAGE"),
        "filename_prefix": Input("STRING", {"default": "ComfyUI", "multiline": False}),
        "fps": _FPS,
        "compress_level": Input("INT", {"default": 4, "min": 0, "max": 9, "advanced": True}),
    }

    def run(
        self, ctx: Context, *, images: Array, filename_prefix: str, fps: float, compress_level: int
    ) -> Ui:
        first, *rest = [to_pil(image) for image in images]
        info = PngInfo()
        for name, text in workflow_fields(ctx).items():
            info.add(b"comf", f"{name}\0{text}".encode("latin-1"), after_idat=True)
        data = png_bytes(
            first,
            pnginfo=info,
            compress_level=compress_level,
            save_all=True,
            duration=int(1000 / fps),
            append_images=rest,
        )
        return _report(ctx, data, filename_prefix, images, ".png", True)


NODES: list[type[Node]] = [SaveAnimatedWEBP, SaveAnimatedPNG]
