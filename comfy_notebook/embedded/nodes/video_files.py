"""Reading and writing video files with PyAV (the `av` extra), which is imported on first use."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .base import room_for
from .pixels import Array, to_uint8
from .sound_files import decoded, layout, sound_frame

Check = Callable[[], None]
_COPIED_PICTURES = {"h264", "hevc", "vp9", "av1", "mpeg4"}  # what an MP4 file takes as it is
_COPIED_SOUND = {"aac", "mp3", "opus", "flac", "ac3"}


@dataclass(frozen=True)
class Clip:
    """A video in memory: frames (N, H, W, 3), frames a second, and an AUDIO or None."""

    images: Array
    fps: Fraction
    audio: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class VideoFile:
    """A video that is still the file it came from."""

    path: Path


def clip_of(video: Clip | VideoFile, check: Check) -> Clip:
    """The frames and the sound of a video. ValueError for a file without pictures."""
    if isinstance(video, Clip):
        return video
    import av

    with av.open(str(video.path)) as container:
        if not container.streams.video:
            raise ValueError(f"No video stream found in file '{video.path.name}'")
        stream = container.streams.video[0]
        fps = Fraction(stream.average_rate) if stream.average_rate else Fraction(1)
        frames: list[Array] = []
        for frame in container.decode(stream):
            check()
            room_for(len(frames) + 1, frame.height, frame.width, 3)
            frames.append(frame.to_ndarray(format="rgb24").astype(np.float32) / np.float32(255))
    images = np.stack(frames) if frames else np.zeros((0, 0, 0, 3), np.float32)
    return Clip(images, fps, _sound_of(video.path, check))


def _sound_of(path: Path, check: Check) -> dict[str, Any] | None:
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        try:
            waveform, rate = decoded(container.decode(stream), stream.codec_context.sample_rate, check)
        except ValueError:
            return None
    return {"waveform": waveform[None], "sample_rate": rate}


def video_bytes(
    video: Clip | VideoFile,
    format: str,
    codec: str,
    crf: float | None,
    metadata: Mapping[str, str],
    check: Check,
) -> bytes:
    """A file in `format` (mp4, mkv or webm).

    Without a `crf`, what a loaded file has is copied where an MP4 can hold it; `codec` says which of it
    ("auto": all). Else H.264 and AAC, or AV1 and Opus in a WebM file.
    """
    if isinstance(video, VideoFile) and format == "mp4" and crf is None:
        copied = _copied(video.path, codec, metadata, check)
        if copied is not None:
            return copied
    clip = clip_of(video, check)
    options = {} if crf is None else {"crf": str(crf)}
    if codec == "av1" or format == "webm":
        encoder, speed = _av1()
        return _encoded(
            clip, _MUXERS[format], encoder, "yuv420p", {"crf": "30", **options, **speed}, metadata, check
        )
    return _encoded(clip, _MUXERS[format], "h264", "yuv420p", options, metadata, check)


_MUXERS = {"mp4": "mp4", "mkv": "matroska", "webm": "webm"}


def webm_bytes(clip: Clip, codec: str, crf: float, metadata: Mapping[str, str], check: Check) -> bytes:
    """A WebM file in VP9 or AV1; a lower `crf` is better and larger."""
    options = {"crf": str(crf)}
    if codec == "av1":
        encoder, speed = _av1()
        return _encoded(clip, "webm", encoder, "yuv420p10le", options | speed, metadata, check)
    return _encoded(clip, "webm", "libvpx-vp9", "yuv420p", options, metadata, check)


def _av1() -> tuple[str, dict[str, str]]:
    """The AV1 encoder there is, and its options for a tolerable speed."""
    import av

    if "libsvtav1" in av.codecs_available:
        return "libsvtav1", {"preset": "6"}
    return "libaom-av1", {"cpu-used": "8"}


def _encoded(
    clip: Clip,
    format: str,
    codec: str,
    pixel_format: str,
    options: dict[str, str],
    metadata: Mapping[str, str],
    check: Check,
) -> bytes:
    import av

    count, height, width = clip.images.shape[:3]
    if count == 0:
        raise ValueError("A video needs at least one frame.")
    if codec == "h264" and (width % 2 or height % 2):
        raise ValueError(f"H.264 takes even sizes only; these frames are {width}x{height}.")
    rate = Fraction(round(clip.fps * 1000), 1000)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=format, options=_tags(format)) as container:
        container.metadata.update(metadata)
        pictures = container.add_stream(codec, rate=rate)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, pixel_format
        if "crf" in options:
            pictures.bit_rate = 0
        pictures.options = options
        waveform, sound_rate = _sound(clip, count / rate)
        sound = None
        if waveform is not None:
            # Opus knows few rates; PyAV resamples to the one it is given.
            encoder, rate_out = ("libopus", 48000) if format == "webm" else ("aac", sound_rate)
            sound = container.add_stream(encoder, rate=rate_out, layout=layout(waveform))
        for image in clip.images[..., :3]:
            check()
            frame = av.VideoFrame.from_ndarray(to_uint8(image), format="rgb24")
            container.mux(pictures.encode(frame.reformat(format=pixel_format)))
        container.mux(pictures.encode(None))
        if sound is not None and waveform is not None:
            container.mux(sound.encode(sound_frame(waveform, sound_rate)))
            container.mux(sound.encode(None))
    return buffer.getvalue()


def _tags(format: str) -> dict[str, str]:
    """Without this an MP4 keeps no metadata under names of one's own."""
    return {"movflags": "use_metadata_tags"} if format == "mp4" else {}


def _sound(clip: Clip, seconds: Fraction) -> tuple[Array | None, int]:
    """The first sound of the clip's audio, no longer than its pictures."""
    if clip.audio is None:
        return None, 0
    rate = int(clip.audio["sample_rate"])
    return clip.audio["waveform"][0][:, : math.ceil(rate * seconds)], rate


def _copied(path: Path, codec: str, metadata: Mapping[str, str], check: Check) -> bytes | None:
    import av

    buffer = io.BytesIO()
    with av.open(str(path)) as source:
        pictures, sounds = source.streams.video[:1], source.streams.audio[:1]
        names = [stream.codec_context.name for stream in pictures]
        allowed = _COPIED_PICTURES if codec == "auto" else {codec}
        if not names or names[0] not in allowed:
            return None
        if any(stream.codec_context.name not in _COPIED_SOUND for stream in sounds):
            return None
        with av.open(buffer, "w", format="mp4", options=_tags("mp4")) as target:
            target.metadata.update({**source.metadata, **metadata})
            copies = {stream: _same_stream(target, stream) for stream in (*pictures, *sounds)}
            for packet in source.demux(*copies):
                check()
                if packet.dts is None:
                    continue
                packet.stream = copies[packet.stream]
                target.mux(packet)
    return buffer.getvalue()


def _same_stream(target: Any, stream: Any) -> Any:
    """A stream of the same kind; before PyAV 14 the call had another name."""
    make = getattr(target, "add_stream_from_template", None)
    return make(stream) if make else target.add_stream(template=stream)
