"""Files with a workflow in them, as ComfyUI and its savers write them, made by other libraries' writers."""

from __future__ import annotations

import io
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

PROMPT, EDITOR = "prompt", "workflow"


def picture() -> Image.Image:
    return Image.new("RGB", (8, 8), (200, 30, 60))


def _saved(format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture().save(file, format, **options)
    return file.getvalue()


def png(api: Any, editor: Any, how: str = "tEXt") -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in ((PROMPT, api), (EDITOR, editor)):
        if value is not None:
            text = json.dumps(value, ensure_ascii=how != "iTXt")
            if how == "iTXt":
                info.add_itxt(key, text)
            elif how == "iTXt packed":
                info.add_itxt(key, text, zip=True)
            else:
                info.add_text(key, text, zip=how == "zTXt")
    return _saved("PNG", pnginfo=info)


def _exif(api: Any, editor: Any, tags: tuple[int, int] = (0x0110, 0x010F)) -> bytes:
    exif = Image.Exif()
    exif[tags[0]] = f"prompt:{json.dumps(api)}"
    exif[tags[1]] = f"workflow:{json.dumps(editor)}"
    return exif.tobytes()


def webp(api: Any, editor: Any) -> bytes:
    return _saved("WEBP", exif=_exif(api, editor))


def jpeg(api: Any, editor: Any) -> bytes:
    return _saved("JPEG", exif=_exif(api, editor, (0x010F, 0x010E)))


def jpeg_user_comment(api: Any, editor: Any, code: bytes = b"ASCII\0\0\0", codec: str = "ascii") -> bytes:
    exif = Image.Exif()
    text = json.dumps({"prompt": json.dumps(api), "workflow": editor})
    exif[0x8769] = {0x9286: code + text.encode(codec)}
    return _saved("JPEG", exif=exif.tobytes())


def avif(api: Any, editor: Any) -> bytes:
    return _saved("AVIF", exif=_exif(api, editor))


def media(container: str, codec: str, texts: dict[str, str], **options: str) -> bytes:
    """A short clip or sound with these texts as container metadata, written by FFmpeg as ComfyUI does."""
    import av
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made"
        _encode(path, av, np, container, codec, texts, options)
        return path.read_bytes()


def _encode(
    path: Path, av: Any, np: Any, container: str, codec: str, texts: dict[str, str], options: dict[str, str]
) -> None:
    with av.open(str(path), "w", format=container, options=options) as out:
        out.metadata.update(texts)
        if codec in ("mpeg4", "libvpx-vp9", "libvpx"):
            stream = out.add_stream(codec, rate=4)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            frame.pts = 0
        else:
            stream = out.add_stream(codec, rate=48000)
            stream.layout = "mono"
            kind = "s16" if codec == "flac" else "flt" if codec == "libopus" else "fltp"
            samples = np.zeros((1, 4800), np.int16 if kind == "s16" else np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
            frame.sample_rate = 48000
            frame.pts = 0
            resampler = av.AudioResampler(stream.codec_context.format, "mono", 48000, frame_size=960)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(piece))
            frame = None
        if frame is not None:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _both(api: Any, editor: Any) -> dict[str, str]:
    return {"prompt": json.dumps(api), "workflow": json.dumps(editor)}


def svg(api: Any, editor: Any) -> bytes:
    inner = json.dumps({"prompt": api, "workflow": editor})
    return (
        '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">'
        f"<metadata>\n<![CDATA[\n{inner}\n]]>\n</metadata><path d='M0 0'/></svg>"
    ).encode()


def glb(api: Any, editor: Any) -> bytes:
    extras = {"prompt": json.dumps(api), "workflow": editor}
    body = json.dumps({"asset": {"version": "2.0", "extras": extras}}).encode()
    body += b" " * (-len(body) % 4)
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(body), len(body), b"JSON") + body


def latent(api: Any, editor: Any) -> bytes:
    header = {
        "__metadata__": {"prompt": json.dumps(api), "workflow": json.dumps(editor)},
        "latent_tensor": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    body = json.dumps(header).encode()
    return struct.pack("<Q", len(body)) + body + bytes(4)


PICTURES: dict[str, Callable[[Any, Any], bytes]] = {
    "PNG": png,
    "PNG iTXt": lambda a, e: png(a, e, "iTXt"),
    "PNG iTXt packed": lambda a, e: png(a, e, "iTXt packed"),
    "PNG zTXt": lambda a, e: png(a, e, "zTXt"),
    "WebP": webp,
    "JPEG": jpeg,
    "JPEG UserComment": jpeg_user_comment,
    "JPEG UserComment UTF-16": lambda a, e: jpeg_user_comment(a, e, b"UNICODE\0", "utf-16-be"),
    "AVIF": avif,
    "SVG": svg,
    "GLB": glb,
    "safetensors": latent,
}
MEDIA: dict[str, Callable[[Any, Any], bytes]] = {
    "MP4": lambda a, e: media("mp4", "mpeg4", _both(a, e), movflags="use_metadata_tags"),
    "MP4 faststart": lambda a, e: media("mp4", "mpeg4", _both(a, e), movflags="use_metadata_tags+faststart"),
    "QuickTime": lambda a, e: media("mov", "mpeg4", _both(a, e), movflags="use_metadata_tags"),
    "WebM": lambda a, e: media("webm", "libvpx-vp9", _both(a, e)),
    "Matroska": lambda a, e: media("matroska", "mpeg4", _both(a, e)),
    "FLAC": lambda a, e: media("flac", "flac", _both(a, e)),
    "Ogg": lambda a, e: media("ogg", "libopus", _both(a, e)),
    "MP3": lambda a, e: media("mp3", "libmp3lame", _both(a, e)),
}
