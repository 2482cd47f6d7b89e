"""Reading and writing sound files with PyAV (the `av` extra), which is imported on first use."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .base import room_for
from .pixels import Array
from .resample import resample

_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


@dataclass(frozen=True)
class Encoding:
    """A file format, its codec, and `quality`: bits a second, or None for the codec's best variable rate."""

    format: str
    codec: str
    bit_rate: int | None = None
    best: bool = False


def read_sound(path: Path, check: Callable[[], None]) -> tuple[Array, int]:
    """The first sound track of a file: (channels, samples) floats, and its rate. ValueError for none."""
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ValueError("No audio stream found in the file.")
        stream = container.streams.audio[0]
        return decoded(container.decode(stream), stream.codec_context.sample_rate, check)


def decoded(frames: Any, rate: int, check: Callable[[], None]) -> tuple[Array, int]:
    """Frames of sound put together as floats; ValueError when there are none, TooLarge for too many."""
    import av

    floats = av.AudioResampler(format="fltp")
    parts: list[Array] = []
    samples = 0
    for frame in frames:
        check()
        samples += frame.samples
        room_for(samples, len(frame.layout.channels))
        parts += [piece.to_ndarray().astype(np.float32) for piece in floats.resample(frame)]
    if not parts:
        raise ValueError("No audio frames decoded.")
    return np.concatenate(parts, axis=1), rate


def sound_frame(waveform: Array, rate: int) -> Any:
    """(channels, samples) as one PyAV frame; ValueError for more than two channels."""
    import av

    if len(waveform) not in (1, 2):
        raise ValueError(f"Mono or stereo can be written, not {len(waveform)} channels.")
    interleaved = np.ascontiguousarray(waveform.T, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout(waveform))
    frame.sample_rate, frame.pts = rate, 0
    return frame


def layout(waveform: Array) -> str:
    """PyAV's word for the number of channels."""
    return "mono" if len(waveform) == 1 else "stereo"


def sound_bytes(waveform: Array, rate: int, encoding: Encoding, metadata: Mapping[str, str]) -> bytes:
    """The file of (channels, samples). Opus has rates of its own: the sound is brought to the next higher."""
    import av

    if encoding.codec == "libopus" and rate not in _OPUS_RATES:
        fitting = next((r for r in _OPUS_RATES if r > rate), _OPUS_RATES[-1])
        waveform, rate = resample(waveform, rate, fitting), fitting
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=encoding.format) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(encoding.codec, rate=rate, layout=layout(waveform))
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        if encoding.best:
            stream.codec_context.qscale = 1
        container.mux(stream.encode(sound_frame(waveform, rate)))
        container.mux(stream.encode(None))
    return buffer.getvalue()
