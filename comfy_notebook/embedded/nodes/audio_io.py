"""Sound in and out (the `av` extra): LoadAudio, SaveAudio and its formats, PreviewAudio."""

from __future__ import annotations

from typing import Any

from .audio_edit import Audio
from .base import Context, Files, Input, Node, Output, Ui
from .image_io import file_hash, file_problem, names_of
from .metadata import fill_prefix, temporary_prefix, workflow_fields
from .sound_files import Encoding, read_sound, sound_bytes

_FLAC = Encoding("flac", "flac")
_MP3 = {
    "V0": Encoding("mp3", "libmp3lame", best=True),
    "128k": Encoding("mp3", "libmp3lame", 128_000),
    "320k": Encoding("mp3", "libmp3lame", 320_000),
}
_OPUS = {f"{kilo}k": Encoding("opus", "libopus", kilo * 1000) for kilo in (64, 96, 128, 192, 320)}
_SAVED = {
    "audio": Input("AUDIO"),
    "filename_prefix": Input("STRING", {"default": "audio/ComfyUI", "multiline": False}),
}


class _AudioFile(Node):
    category = "audio"
    python_module = "comfy_extras.nodes_audio"


def _save(ctx: Context, audio: Audio, prefix: str, encoding: Encoding, type: str = "output") -> Ui:
    saved = []
    for number, waveform in enumerate(audio["waveform"]):
        ctx.check_cancelled()
        data = sound_bytes(waveform, audio["sample_rate"], encoding, workflow_fields(ctx))
        saved.append(ctx.save(data, fill_prefix(prefix, batch=number), f".{encoding.format}", type))
    return Ui({"audio": saved}, (audio,))


class LoadAudio(_AudioFile):
    """The sound of a sound or video file."""

    display_name = "Load Audio"
    inputs = {
        "audio": Input(
            "COMBO", {"audio_upload": True}, choices=lambda files: names_of(files, "audio", "video"), v3=True
        )
    }
    outputs = (Output("AUDIO"),)

    def run(self, ctx: Context, *, audio: str) -> tuple[Any, ...]:
        waveform, rate = read_sound(ctx.files.path(audio), ctx.check_cancelled)
        return ({"waveform": waveform[None], "sample_rate": rate},)

    def validate(self, files: Files, *, audio: str = "", **literals: Any) -> str | None:
        return file_problem(files, audio, "audio")

    def fingerprint(self, files: Files, *, audio: str = "", **literals: Any) -> Any:
        return file_hash(files, audio)


class _SaveSound(_AudioFile):
    hidden = {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]}
    outputs = (Output("AUDIO", "audio"),)
    output_node = True


class SaveAudio(_SaveSound):
    """FLAC files, with the workflow in their metadata."""

    deprecated = True

    display_name = "Save Audio (FLAC) (DEPRECATED)"
    inputs = _SAVED

    def run(self, ctx: Context, *, audio: Audio, filename_prefix: str) -> Ui:
        return _save(ctx, audio, filename_prefix, _FLAC)


class SaveAudioMP3(_SaveSound):
    """MP3 files."""

    deprecated = True

    display_name = "Save Audio (MP3) (DEPRECATED)"
    inputs = {**_SAVED, "quality": Input("COMBO", {"default": "V0"}, choices=tuple(_MP3), v3=True)}

    def run(self, ctx: Context, *, audio: Audio, filename_prefix: str, quality: str) -> Ui:
        return _save(ctx, audio, filename_prefix, _MP3[quality])


class SaveAudioOpus(_SaveSound):
    """Opus files."""

    deprecated = True

    display_name = "Save Audio (Opus) (DEPRECATED)"
    inputs = {**_SAVED, "quality": Input("COMBO", {"default": "128k"}, choices=tuple(_OPUS), v3=True)}

    def run(self, ctx: Context, *, audio: Audio, filename_prefix: str, quality: str) -> Ui:
        return _save(ctx, audio, filename_prefix, _OPUS[quality])


class PreviewAudio(_SaveSound):
    """A temporary FLAC file, to be listened to."""

    display_name = "Preview Audio"
    inputs = {"audio": Input("AUDIO")}

    def run(self, ctx: Context, *, audio: Audio) -> Ui:
        return _save(ctx, audio, temporary_prefix(), _FLAC, "temp")


NODES: list[type[Node]] = [LoadAudio, SaveAudio, SaveAudioMP3, SaveAudioOpus, PreviewAudio]
