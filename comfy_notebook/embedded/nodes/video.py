"""Video nodes (the `av` extra). VIDEO is a `Clip` in memory or a `VideoFile`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .audio_edit import Audio
from .base import Context, Files, Input, Node, Output, Ui
from .image_io import file_hash, file_problem, names_of
from .metadata import fill_prefix, workflow_fields
from .pixels import Array
from .text import combo
from .video_files import Clip, VideoFile, clip_of, mp4_bytes, webm_bytes

_SAVING = {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]}


class _Video(Node):
    category = "image/video"
    python_module = "comfy_extras.nodes_video"


def _report(ctx: Context, data: bytes, prefix: str, size: tuple[int, int], suffix: str) -> Ui:
    """Videos are listed under `images`, with `animated`, as ComfyUI does (and not under `video`)."""
    return Ui({"images": [ctx.save(data, fill_prefix(prefix, *size), suffix)], "animated": [True]})


class CreateVideo(_Video):
    """A batch of images as a video, with an optional sound."""

    display_name = "Create Video"
    inputs = {
        "images": Input("IMAGE"),
        "fps": Input("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0}),
        "audio": Input("AUDIO", optional=True),
    }
    outputs = (Output("VIDEO"),)

    def run(self, ctx: Context, *, images: Array, fps: float, audio: Audio | None = None) -> tuple[Any, ...]:
        return (Clip(images, Fraction(fps), audio),)


class LoadVideo(_Video):
    """A video file."""

    display_name = "Load Video"
    inputs = {
        "file": Input(
            "COMBO",
            {"multiselect": False, "video_upload": True},
            choices=lambda files: names_of(files, "video"),
            v3=True,
        )
    }
    outputs = (Output("VIDEO"),)

    def run(self, ctx: Context, *, file: str) -> tuple[Any, ...]:
        return (VideoFile(ctx.files.path(file)),)

    def validate(self, files: Files, *, file: str = "", **literals: Any) -> str | None:
        return file_problem(files, file, "video")

    def fingerprint(self, files: Files, *, file: str = "", **literals: Any) -> Any:
        return file_hash(files, file)


class GetVideoComponents(_Video):
    """The frames, the sound (None when silent) and the frames a second of a video."""

    display_name = "Get Video Components"
    inputs = {"video": Input("VIDEO")}
    outputs = (Output("IMAGE", "images"), Output("AUDIO", "audio"), Output("FLOAT", "fps"))

    def run(self, ctx: Context, *, video: Clip | VideoFile) -> tuple[Any, ...]:
        clip = clip_of(video, ctx.check_cancelled)
        return clip.images, clip.audio, float(clip.fps)


class SaveVideo(_Video):
    """An MP4 file with the workflow in its metadata; a loaded file is copied where an MP4 can hold it."""

    display_name = "Save Video"
    inputs = {
        "video": Input("VIDEO"),
        "filename_prefix": Input("STRING", {"default": "video/ComfyUI", "multiline": False}),
        "format": Input("COMBO", {"default": "auto", "multiselect": False}, choices=("auto", "mp4"), v3=True),
        "codec": Input("COMBO", {"default": "auto", "multiselect": False}, choices=("auto", "h264"), v3=True),
    }
    hidden = _SAVING
    output_node = True

    def run(
        self, ctx: Context, *, video: Clip | VideoFile, filename_prefix: str, format: str, codec: str
    ) -> Ui:
        data = mp4_bytes(video, codec, workflow_fields(ctx), ctx.check_cancelled)
        return _report(ctx, data, filename_prefix, size_of(video), ".mp4")


def size_of(video: Clip | VideoFile) -> tuple[int, int]:
    """Width and height."""
    if isinstance(video, Clip):
        return video.images.shape[2], video.images.shape[1]
    import av

    with av.open(str(video.path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


class SaveWEBM(_Video):
    """A WebM file with the workflow in its metadata."""

    display_name = None
    inputs = {
        "images": Input("IMAGE"),
        "filename_prefix": Input("STRING", {"default": "ComfyUI", "multiline": False}),
        "codec": combo("vp9", "av1"),
        "fps": Input("FLOAT", {"default": 24.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
        "crf": Input("FLOAT", {"default": 32.0, "min": 0, "max": 63.0, "step": 1}),
    }
    hidden = _SAVING
    output_node = True

    def run(
        self, ctx: Context, *, images: Array, filename_prefix: str, codec: str, fps: float, crf: float
    ) -> Ui:
        clip = Clip(images, Fraction(fps))
        data = webm_bytes(clip, codec, crf, workflow_fields(ctx), ctx.check_cancelled)
        return _report(ctx, data, filename_prefix, size_of(clip), ".webm")


NODES: list[type[Node]] = [CreateVideo, LoadVideo, GetVideoComponents, SaveVideo, SaveWEBM]
