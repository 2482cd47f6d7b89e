"""Images in and out: LoadImage and its kin, SaveImage, PreviewImage, EmptyImage."""

from __future__ import annotations

import hashlib
import time
from mimetypes import guess_type
from typing import Any

import numpy as np

from .base import Context, Files, Input, Node, Output, Ui, room_for
from .metadata import fill_prefix, png_text, temporary_prefix
from .pixels import Array, from_pil, png_bytes, to_pil, upright_frames

_SAVING = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
_NO_MASK = (64, 64)  # the size of the mask of an image without alpha, whatever the image's own


def names_of(files: Files, *kinds: str) -> list[str]:
    """The input files of these kinds (`image`, `audio`, `video`), told by their extension."""
    return [name for name in files.names("input") if _kind(name) in kinds]


def _kind(name: str) -> str:
    # Python learned of WebP in 3.13.
    return "image" if name.lower().endswith(".webp") else (guess_type(name)[0] or "").partition("/")[0]


def file_problem(files: Files, name: str, kind: str) -> str | None:
    """ComfyUI's complaint about a file that is not there, or None."""
    try:
        files.path(name)
    except (OSError, ValueError):
        return f"Invalid {kind} file: {name}"
    return None


def file_hash(files: Files, name: str) -> str:
    """The SHA-256 of a file's bytes: a node that reads it runs again when they change."""
    return hashlib.sha256(files.path(name).read_bytes()).hexdigest()


class LoadImage(Node):
    """An image file as pixels and mask; an animation as a batch of its frames.

    The mask is 1 - alpha, or 64×64 zeros when there is no alpha. Frames of another size than the
    first are left out.
    """

    display_name = "Load Image"
    category = "image"
    inputs = {"image": Input("COMBO", {"image_upload": True}, choices=lambda files: names_of(files, "image"))}
    outputs = (Output("IMAGE"), Output("MASK"))

    def run(self, ctx: Context, *, image: str) -> tuple[Any, ...]:
        images: list[Array] = []
        masks: list[Array] = []
        for frame in upright_frames(ctx.files.path(image)):
            ctx.check_cancelled()
            rgb = from_pil(frame.convert("RGB"))
            if images and rgb.shape != images[0].shape:
                continue
            room_for(len(images) + 1, *rgb.shape)
            if "A" in frame.getbands():
                mask = 1.0 - from_pil(frame.getchannel("A"))
            elif frame.mode == "P" and "transparency" in frame.info:
                mask = 1.0 - from_pil(frame.convert("RGBA").getchannel("A"))
            else:
                mask = np.zeros(_NO_MASK, np.float32)
            images.append(rgb)
            masks.append(mask)
        return np.stack(images), np.stack(masks)

    def validate(self, files: Files, *, image: str = "", **literals: Any) -> str | None:
        return file_problem(files, image, "image")

    def fingerprint(self, files: Files, *, image: str = "", **literals: Any) -> Any:
        return file_hash(files, image)


class LoadImageOutput(LoadImage):
    """LoadImage over the output folder: the list is fetched by the editor, from the route it names."""

    display_name = "Load Image (from Outputs)"
    inputs = {
        "image": Input(
            "COMBO",
            {
                "image_upload": True,
                "image_folder": "output",
                "remote": {
                    "route": "/internal/files/output",
                    "refresh_button": True,
                    "control_after_refresh": "first",
                },
            },
        )
    }


class LoadImageMask(Node):
    """One channel of an image file as a mask; alpha counts inverted, colours as they are."""

    display_name = "Load Image (as Mask)"
    category = "image"
    inputs = {
        "image": Input("COMBO", {"image_upload": True}, choices=lambda files: files.names("input")),
        "channel": Input("COMBO", choices=("alpha", "red", "green", "blue")),
    }
    outputs = (Output("MASK"),)

    def run(self, ctx: Context, *, image: str, channel: str) -> tuple[Any, ...]:
        frame = next(upright_frames(ctx.files.path(image)))
        mask = from_pil(frame.convert("RGBA").getchannel(channel[0].upper()))
        return ((1.0 - mask if channel == "alpha" else mask)[None],)

    def validate(self, files: Files, *, image: str = "", **literals: Any) -> str | None:
        return file_problem(files, image, "image")

    def fingerprint(self, files: Files, *, image: str = "", **literals: Any) -> Any:
        return file_hash(files, image)


def save_pngs(
    ctx: Context, images: Array, prefix: str, *, type: str = "output", compress_level: int = 4
) -> Ui:
    """Save each image of a batch as PNG with the workflow in it, and report them under `images`."""
    info = png_text(ctx)
    height, width = images.shape[1:3]
    saved = []
    for number, image in enumerate(images):
        ctx.check_cancelled()
        data = png_bytes(to_pil(image), pnginfo=info, compress_level=compress_level)
        saved.append(ctx.save(data, fill_prefix(prefix, width, height, number), ".png", type))
    return Ui({"images": saved}, (images,))


class SaveImage(Node):
    """PNG files in the output folder, each carrying the workflow that made it."""

    display_name = "Save Image"
    category = "image"
    inputs = {"images": Input("IMAGE"), "filename_prefix": Input("STRING", {"default": "ComfyUI"})}
    hidden = _SAVING
    outputs = (Output("IMAGE", "images"),)
    output_node = True

    def run(self, ctx: Context, *, images: Array, filename_prefix: str = "ComfyUI") -> Ui:
        return save_pngs(ctx, images, filename_prefix)


class PreviewImage(Node):
    """Temporary PNG files, to be looked at."""

    display_name = "Preview Image"
    category = "image"
    inputs = {"images": Input("IMAGE")}
    hidden = _SAVING
    outputs = (Output("IMAGE", "images"),)
    output_node = True

    def run(self, ctx: Context, *, images: Array) -> Ui:
        return save_pngs(ctx, images, temporary_prefix(), type="temp", compress_level=1)


class SaveImageWebsocket(Node):
    """The images as PNG frames of the socket, each the preview of a step: only the node tells them apart.

    Nothing is stored, so it never counts as cached.
    """

    display_name = "Save Image (Websocket)"
    python_module = "custom_nodes.websocket_image_save"
    category = "image"
    inputs = {"images": Input("IMAGE")}
    output_node = True

    def run(self, ctx: Context, *, images: Array) -> tuple[Any, ...]:
        for step, image in enumerate(images):
            ctx.progress(step, len(images), png_bytes(to_pil(image)))
        return ()

    def fingerprint(self, files: Files, **literals: Any) -> Any:
        return time.time_ns()


class EmptyImage(Node):
    """A batch of one colour."""

    display_name = "Empty Image"
    category = "image"
    inputs = {
        "width": Input("INT", {"default": 512, "min": 1, "max": 16384, "step": 1}),
        "height": Input("INT", {"default": 512, "min": 1, "max": 16384, "step": 1}),
        "batch_size": Input("INT", {"default": 1, "min": 1, "max": 4096}),
        "color": Input("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
    }
    outputs = (Output("IMAGE"),)

    def run(
        self, ctx: Context, *, width: int, height: int, batch_size: int = 1, color: int = 0
    ) -> tuple[Any, ...]:
        room_for(batch_size, height, width, 3)
        rgb = np.array([color >> 16 & 255, color >> 8 & 255, color & 255], np.float32) / 255
        image = np.empty((batch_size, height, width, 3), np.float32)
        image[:] = rgb
        return (image,)


NODES: list[type[Node]] = [
    LoadImage,
    LoadImageMask,
    LoadImageOutput,
    SaveImage,
    PreviewImage,
    SaveImageWebsocket,
    EmptyImage,
]
