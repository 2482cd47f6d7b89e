"""Video nodes (the `av` extra). VIDEO is a `Clip` in memory or a `VideoFile`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .audio_edit import Audio
from .base import Context, Files, Input, Node, Output, Ui
from .dynamic import DynamicCombo
from .image_io import file_hash, file_problem, names_of
from .metadata import fill_prefix, workflow_fields
from .pixels import Array
from .text import combo
from .video_files import Clip, VideoFile, clip_of, video_bytes, webm_bytes

_SAVING = {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]}


class _Video(Node):
    category = "video"
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
        "bit_depth": Input(
            "INT", {"default": 8, "min": 8, "max": 10, "step": 2, "display": "number"}, optional=True
        ),
    }
    outputs = (Output("VIDEO"),)

    def run(
        self, ctx: Context, *, images: Array, fps: float, audio: Audio | None = None, bit_depth: int = 8
    ) -> tuple[Any, ...]:
        """Files have 8 bits a colour, whatever `bit_depth` says."""
        return (Clip(images, Fraction(fps), audio),)


class LoadVideo(_Video):
    """A video file."""

    display_name = "Load Video"
    inputs = {
        "file": Input(
            "COMBO",
            {"video_upload": True},
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
    """A video's frames, sound (None when silent), frames a second, bits a colour and colour space."""

    display_name = "Get Video Components"
    inputs = {"video": Input("VIDEO")}
    outputs = (
        Output("IMAGE", "images"),
        Output("AUDIO", "audio"),
        Output("FLOAT", "fps"),
        Output("INT", "bit_depth"),
        Output("COMBO", "color_space"),
    )

    def run(self, ctx: Context, *, video: Clip | VideoFile) -> tuple[Any, ...]:
        clip = clip_of(video, ctx.check_cancelled)
        return clip.images, clip.audio, float(clip.fps), 8, "sRGB"


def _codec(name: str, crf: float, most: float) -> dict[str, Input]:
    """What may be said of a codec: how to encode, and when that is by choice, the quality and the colours."""
    encoding = {
        "color_space": Input(
            "COMBO",
            {"default": "auto", "display_name": "color space"},
            choices=("auto", "sRGB", "HDR", "HDR PQ"),
            v3=True,
        ),
        "crf": Input("FLOAT", {"default": crf, "min": 0.0, "max": most, "step": 1.0}),
    }
    return {
        "encoding": DynamicCombo(
            options={"display_name": "encoding mode"},
            optional=True,
            branches={"auto": {}, "re-encode": encoding},
        )
    }


_H264, _AV1 = _codec("h264", 23.0, 51.0), _codec("av1", 30.0, 63.0)
_CODECS = {"auto": {}, "h264": _H264, "av1": _AV1}
_FORMATS: dict[str, dict[str, Input]] = {
    **{name: {"codec": DynamicCombo(branches=_CODECS)} for name in ("auto", "mp4", "mkv")},
    "webm": {"codec": DynamicCombo(branches={"auto": {}, "av1": _AV1})},
}


class SaveVideo(_Video):
    """A video file with the workflow in its metadata; a loaded file is copied where an MP4 can hold it.

    `codec` beside `format.codec` is what workflows of older releases have.
    """

    display_name = "Save Video"
    inputs = {
        "video": Input("VIDEO"),
        "filename_prefix": Input("STRING", {"default": "video/ComfyUI", "multiline": False}),
        "format": DynamicCombo(branches=_FORMATS),
        "codec": DynamicCombo(options={"hidden": True}, optional=True, branches=_CODECS),
    }
    hidden = _SAVING
    outputs = (Output("VIDEO", "video"),)
    output_node = True

    def run(
        self,
        ctx: Context,
        *,
        video: Clip | VideoFile,
        filename_prefix: str,
        format: dict[str, Any],
        codec: dict[str, Any] | None = None,
    ) -> Ui:
        """ValueError for colours this server cannot write."""
        container = "mp4" if format["format"] == "auto" else format["format"]
        chosen = format.get("codec") or codec or {"codec": "auto"}
        encoding = chosen.get("encoding", {})
        if encoding.get("color_space", "auto").startswith("HDR"):
            raise ValueError("This server writes sRGB only. Choose the color space auto or sRGB.")
        data = video_bytes(
            video, container, chosen["codec"], encoding.get("crf"), workflow_fields(ctx), ctx.check_cancelled
        )
        shown = _report(ctx, data, filename_prefix, size_of(video), f".{container}")
        return Ui(shown.ui, (video,))


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

    display_name = "Save WEBM"
    inputs = {
        "images": Input("IMAGE"),
        "filename_prefix": Input("STRING", {"default": "ComfyUI", "multiline": False}),
        "codec": combo("vp9", "av1"),
        "fps": Input("FLOAT", {"default": 24.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
        "crf": Input("FLOAT", {"default": 32.0, "min": 0, "max": 63.0, "step": 1}),
    }
    hidden = _SAVING
    outputs = (Output("IMAGE", "images"),)
    output_node = True

    def run(
        self, ctx: Context, *, images: Array, filename_prefix: str, codec: str, fps: float, crf: float
    ) -> Ui:
        clip = Clip(images, Fraction(fps))
        data = webm_bytes(clip, codec, crf, workflow_fields(ctx), ctx.check_cancelled)
        return Ui(_report(ctx, data, filename_prefix, size_of(clip), ".webm").ui, (images,))


NODES: list[type[Node]] = [CreateVideo, LoadVideo, GetVideoComponents, SaveVideo, SaveWEBM]
