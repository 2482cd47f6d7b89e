"""Video and sound, written and read back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comfy_notebook.embedded.nodes import base
from comfy_notebook.embedded.nodes.base import TooLarge, Ui
from comfy_notebook.embedded.nodes.resample import resample

from .kit import Bench, Folder, run

av = pytest.importorskip("av")

PROMPT = {"1": {"class_type": "EmptyImage", "inputs": {"color": 0}}}
WORKFLOW = {"workflow": {"nodes": [], "version": 0.4}}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Folder(tmp_path), prompt=PROMPT, extra_pnginfo=WORKFLOW)


def tone(seconds: float = 0.5, rate: int = 44100, channels: int = 2, hertz: float = 440) -> dict[str, Any]:
    time = np.arange(round(seconds * rate), dtype=np.float32) / rate
    wave = (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return {"waveform": np.stack([wave] * channels)[None], "sample_rate": rate}


def frames(count: int = 8, height: int = 48, width: int = 64) -> np.ndarray:
    """A bright square that walks over a dark ground."""
    images = np.full((count, height, width, 3), 0.1, np.float32)
    for number, image in enumerate(images):
        image[8:24, 4 * number : 4 * number + 16] = (0.9, 0.5, 0.2)
    return images


def stored(bench: Bench, made: Any) -> tuple[dict[str, Any], bytes]:
    """What the node reports, and the one file it saved."""
    assert isinstance(made, Ui)
    (data,) = bench.saved.values()
    return dict(made.ui), data


def test_a_video_carries_its_frames_sound_and_workflow(bench: Bench) -> None:
    images = frames()
    (video,) = run(bench, "CreateVideo", images=images, fps=8.0, audio=tone(1.0))
    made = run(bench, "SaveVideo", video=video, filename_prefix="video/a", format="auto", codec="auto")
    ui, data = stored(bench, made)
    entry = {"filename": "a_00001_.mp4", "subfolder": "video", "type": "output"}
    assert ui == {"images": [entry], "animated": [True]}

    bench.files.root.joinpath("in.mp4").write_bytes(data)
    (loaded,) = run(bench, "LoadVideo", file="in.mp4")
    again, sound, fps, *depth = run(bench, "GetVideoComponents", video=loaded)
    assert depth == [8, "sRGB"]
    assert fps == 8.0
    assert again.shape == images.shape
    assert np.abs(again - images).mean() < 0.02
    assert sound["sample_rate"] == 44100
    assert sound["waveform"].shape[1] == 2
    with av.open(io.BytesIO(data)) as container:
        assert container.metadata["prompt"] == '{"1": {"class_type": "EmptyImage", "inputs": {"color": 0}}}'
        assert container.metadata["workflow"] == '{"nodes": [], "version": 0.4}'
        assert container.streams.video[0].codec_context.name == "h264"


def test_a_loaded_video_is_saved_without_encoding_it_again(bench: Bench) -> None:
    (video,) = run(bench, "CreateVideo", images=frames(), fps=8.0)
    _, data = stored(
        bench, run(bench, "SaveVideo", video=video, filename_prefix="a", format="auto", codec="auto")
    )
    bench.files.root.joinpath("in.mp4").write_bytes(data)
    bench.saved.clear()
    (loaded,) = run(bench, "LoadVideo", file="in.mp4")
    _, copy = stored(
        bench, run(bench, "SaveVideo", video=loaded, filename_prefix="b", format="mp4", codec="h264")
    )
    assert _packets(copy) == _packets(data)


def _packets(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def test_a_video_without_sound_has_none(bench: Bench) -> None:
    (video,) = run(bench, "CreateVideo", images=frames(), fps=30.0)
    images, sound, fps, *_ = run(bench, "GetVideoComponents", video=video)
    assert (len(images), sound, fps) == (8, None, 30.0)


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_webm(bench: Bench, codec: str) -> None:
    images = frames(height=64)
    ui, data = stored(
        bench, run(bench, "SaveWEBM", images=images, filename_prefix="w", codec=codec, fps=8.0, crf=20.0)
    )
    assert ui["images"][0]["filename"] == "w_00001_.webm"
    with av.open(io.BytesIO(data)) as container:
        assert '"EmptyImage"' in container.metadata["PROMPT"]
        assert len(list(container.decode(video=0))) == len(images)


def test_odd_sizes_are_refused_before_encoding(bench: Bench) -> None:
    (video,) = run(bench, "CreateVideo", images=frames(height=47), fps=8.0)
    with pytest.raises(ValueError, match="even sizes only; these frames are 64x47"):
        run(bench, "SaveVideo", video=video, filename_prefix="a", format="auto", codec="auto")


@pytest.mark.parametrize(
    ("node", "options", "suffix", "rate", "error"),
    [
        ("SaveAudio", {}, ".flac", 44100, 1e-4),
        ("SaveAudioMP3", {"quality": "V0"}, ".mp3", 44100, 0.02),
        ("SaveAudioMP3", {"quality": "320k"}, ".mp3", 44100, 0.02),
        ("SaveAudioOpus", {"quality": "128k"}, ".opus", 48000, 0.05),
    ],
)
def test_sound_is_saved_and_loaded(
    bench: Bench, node: str, options: dict[str, str], suffix: str, rate: int, error: float
) -> None:
    ui, data = stored(bench, run(bench, node, audio=tone(1.0), filename_prefix="audio/t", **options))
    assert ui == {"audio": [{"filename": f"t_00001_{suffix}", "subfolder": "audio", "type": "output"}]}
    bench.files.root.joinpath(f"in{suffix}").write_bytes(data)
    (loaded,) = run(bench, "LoadAudio", audio=f"in{suffix}")
    assert loaded["sample_rate"] == rate
    assert loaded["waveform"].shape[:2] == (1, 2)
    middle = loaded["waveform"][0, 0, rate // 4 : rate // 4 + 4096]
    assert abs(np.abs(middle).max() - 0.5) < error + 0.01
    with av.open(io.BytesIO(data)) as container:
        tags = {**container.metadata, **container.streams.audio[0].metadata}
        assert "EmptyImage" in tags["prompt"]


def test_a_preview_of_sound_is_temporary(bench: Bench) -> None:
    ui, _ = stored(bench, run(bench, "PreviewAudio", audio=tone()))
    assert ui["audio"][0]["type"] == "temp"
    assert ui["audio"][0]["filename"].startswith("ComfyUI_temp_")


def test_a_file_without_sound(bench: Bench) -> None:
    (video,) = run(bench, "CreateVideo", images=frames(), fps=8.0)
    _, data = stored(
        bench, run(bench, "SaveVideo", video=video, filename_prefix="a", format="auto", codec="auto")
    )
    bench.files.root.joinpath("in.mp4").write_bytes(data)
    with pytest.raises(ValueError, match="No audio stream"):
        run(bench, "LoadAudio", audio="in.mp4")


def test_a_small_file_of_endless_sound_is_an_oom_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _, data = stored(bench, run(bench, "SaveAudio", audio=tone(2.0), filename_prefix="a"))
    bench.files.root.joinpath("in.flac").write_bytes(data)
    monkeypatch.setattr(base, "_SMALL", 0)
    monkeypatch.setattr(base, "LARGEST_ARRAY", 100_000)
    with pytest.raises(TooLarge):
        run(bench, "LoadAudio", audio="in.flac")


def test_resampling_keeps_a_tone() -> None:
    for old, new in ((44100, 48000), (48000, 44100), (8000, 44100)):
        before, after = tone(0.5, old)["waveform"], tone(0.5, new)["waveform"]
        again = resample(before, old, new)
        assert again.shape == after.shape
        assert np.abs(again - after)[..., 500:-500].max() < 2e-3


def test_editing_sound(bench: Bench) -> None:
    mono, stereo = tone(0.5, 22050, 1), tone(0.25)
    (both,) = run(bench, "AudioConcat", audio1=mono, audio2=stereo, direction="after")
    assert both["sample_rate"] == 44100
    assert both["waveform"].shape == (1, 2, 22050 + 11025)
    (loud,) = run(bench, "AudioMerge", audio1=tone(), audio2=tone(0.25), merge_method="add")
    assert np.abs(loud["waveform"]).max() <= 1.0
    (half,) = run(bench, "AudioAdjustVolume", audio=stereo, volume=-6)
    assert half["waveform"].max() == pytest.approx(0.5 * 10 ** (-6 / 20), rel=1e-3)
    (tail,) = run(bench, "TrimAudioDuration", audio=tone(1.0), start_index=-0.25, duration=60.0)
    assert tail["waveform"].shape[-1] == 11025
    left, right = run(bench, "SplitAudioChannels", audio=stereo)
    assert np.array_equal(left["waveform"], right["waveform"])
    with pytest.raises(ValueError, match="Start time must be less"):
        run(bench, "TrimAudioDuration", audio=tone(), start_index=0.0, duration=0.0)
    with pytest.raises(ValueError, match="1 channels"):
        run(bench, "SplitAudioChannels", audio=mono)
    with pytest.raises(TooLarge):
        run(bench, "EmptyAudio", duration=1e12, sample_rate=44100, channels=2)
