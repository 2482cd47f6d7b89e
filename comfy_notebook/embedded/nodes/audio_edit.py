"""Nodes that make and change sound. AUDIO is {"waveform": (batch, channels, samples), "sample_rate"}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .base import Context, Input, Node, Output, room_for
from .pixels import Array
from .resample import resample

Audio = dict[str, Any]
_FOREVER = 0xFFFFFFFFFFFFFFFF


class _Audio(Node):
    category = "audio"
    python_module = "comfy_extras.nodes_audio"
    outputs: ClassVar[Sequence[Output]] = (Output("AUDIO"),)


def audio(waveform: Array, sample_rate: int) -> Audio:
    """An AUDIO value."""
    return {"waveform": waveform, "sample_rate": sample_rate}


def _same_rate(one: Audio, two: Audio) -> tuple[Array, Array, int]:
    rate = max(one["sample_rate"], two["sample_rate"])
    first, second = (resample(a["waveform"], a["sample_rate"], rate) for a in (one, two))
    return first, second, rate


class EmptyAudio(_Audio):
    """Silence."""

    display_name = "Empty Audio"
    inputs = {
        "duration": Input("FLOAT", {"default": 60.0, "min": 0.0, "max": _FOREVER, "step": 0.01}),
        "sample_rate": Input("INT", {"default": 44100, "advanced": True, "max": 192000, "min": 1}),
        "channels": Input("INT", {"default": 2, "min": 1, "max": 2, "advanced": True}),
    }

    def run(self, ctx: Context, *, duration: float, sample_rate: int, channels: int) -> tuple[Any, ...]:
        samples = round(duration * sample_rate)
        room_for(channels, samples)
        return (audio(np.zeros((1, channels, samples), np.float32), sample_rate),)


class AudioConcat(_Audio):
    """One sound after the other, both in stereo, at the higher of their rates."""

    display_name = "Concatenate Audio"
    inputs = {
        "audio1": Input("AUDIO"),
        "audio2": Input("AUDIO"),
        "direction": Input("COMBO", {"default": "after"}, choices=("after", "before"), v3=True),
    }

    def run(self, ctx: Context, *, audio1: Audio, audio2: Audio, direction: str) -> tuple[Any, ...]:
        first, second, rate = _same_rate(audio1, audio2)
        parts = [np.repeat(part, 2, axis=1) if part.shape[1] == 1 else part for part in (first, second)]
        if direction == "before":
            parts.reverse()
        return (audio(np.concatenate(parts, axis=2), rate),)


class AudioMerge(_Audio):
    """Two sounds at once; the second is cut or filled up to the first, and what is too loud scaled to 1."""

    display_name = "Merge Audio"
    inputs = {
        "audio1": Input("AUDIO"),
        "audio2": Input("AUDIO"),
        "merge_method": Input("COMBO", choices=("add", "mean", "subtract", "multiply"), v3=True),
    }

    def run(self, ctx: Context, *, audio1: Audio, audio2: Audio, merge_method: str) -> tuple[Any, ...]:
        first, second, rate = _same_rate(audio1, audio2)
        length = first.shape[-1]
        second = second[..., :length]
        second = np.pad(second, [(0, 0), (0, 0), (0, length - second.shape[-1])])
        if merge_method == "subtract":
            merged = first - second
        elif merge_method == "multiply":
            merged = first * second
        else:
            merged = (first + second) / np.float32(2 if merge_method == "mean" else 1)
        loudest = float(np.abs(merged).max(initial=0))
        return (audio(merged / np.float32(loudest) if loudest > 1 else merged, rate),)


class AudioAdjustVolume(_Audio):
    """Louder or softer, in decibels."""

    display_name = "Adjust Audio Volume"
    inputs = {
        "audio": Input("AUDIO"),
        "volume": Input("INT", {"default": 1.0, "min": -100, "max": 100}),
    }

    def run(self, ctx: Context, *, audio: Audio, volume: int) -> tuple[Any, ...]:
        return ({**audio, "waveform": audio["waveform"] * np.float32(10 ** (volume / 20))},)


class TrimAudioDuration(_Audio):
    """A part of the sound; a negative start counts from the end. ValueError when nothing is left."""

    display_name = "Trim Audio Duration"
    inputs = {
        "audio": Input("AUDIO"),
        "start_index": Input("FLOAT", {"default": 0.0, "min": -_FOREVER, "max": _FOREVER, "step": 0.01}),
        "duration": Input("FLOAT", {"default": 60.0, "min": 0.0, "step": 0.01}),
    }

    def run(self, ctx: Context, *, audio: Audio, start_index: float, duration: float) -> tuple[Any, ...]:
        waveform, rate = audio["waveform"], audio["sample_rate"]
        length = waveform.shape[-1]
        start = round(start_index * rate) + (length if start_index < 0 else 0)
        start = max(0, min(start, length - 1))
        stop = min(start + round(duration * rate), length)
        if start >= stop:
            raise ValueError(
                "AudioTrim: Start time must be less than end time and be within the audio length."
            )
        return ({**audio, "waveform": waveform[..., start:stop]},)


class SplitAudioChannels(_Audio):
    """The left and the right of a stereo sound. ValueError for any other."""

    display_name = "Split Audio Channels"
    inputs = {"audio": Input("AUDIO")}
    outputs = (Output("AUDIO", "left"), Output("AUDIO", "right"))

    def run(self, ctx: Context, *, audio: Audio) -> tuple[Any, ...]:
        waveform = audio["waveform"]
        if waveform.shape[1] != 2:
            raise ValueError(
                f"AudioSplit: a stereo sound is needed, this one has {waveform.shape[1]} channels."
            )
        return tuple({**audio, "waveform": waveform[:, side : side + 1]} for side in (0, 1))


NODES: list[type[Node]] = [
    EmptyAudio,
    AudioConcat,
    AudioMerge,
    AudioAdjustVolume,
    TrimAudioDuration,
    SplitAudioChannels,
]
