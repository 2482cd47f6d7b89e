"""Uploads: any Python value a picture or file can be ▶ a file the server has, sent once.

PIL images and arrays become the same metadata-free PNG, so that equal pixels are one asset (the
rules are those of `images`). What the server would refuse for its size is
refused here, before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NoOutput, UploadRejected
from ..images import decode, dimensions, from_array, heif_kind, is_array, is_pil, to_png
from ..text import missing_file_hint
from ..web import fetch, is_url
from .records import FileRef, UploadLimits

if TYPE_CHECKING:
    from .dialect import Dialect
    from .http import Http

IMAGE_NAME = "image.png"
# Said each time: the Cloud's default is "output", and LoadImage reads inputs (protocol, §10).
UPLOAD_TYPE = "input"
_PIECE = 256 * 1024
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Packed:
    """A file about to be sent."""

    name: str
    data: bytes = field(repr=False)

    @property
    def mime(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def pack(value: Any, name: str | None = None) -> Packed:
    """The file a value stands for: bytes as they are, but HEIC as PNG. Raises `UploadRejected`."""
    packed = _packed(value, name)
    if heif_kind(packed.data) != "a HEIC":
        return packed
    try:
        data = to_png(decode(packed.data, packed.name))
    except NoOutput as error:
        raise UploadRejected(
            f"{packed.name} is a HEIC picture, which ComfyUI cannot read.",
            hint="Save it as PNG or JPEG, or have it converted: pip install pillow-heif.",
        ) from error
    return Packed(f"{packed.name.rpartition('.')[0] or packed.name}.png", data)


def _packed(value: Any, name: str | None) -> Packed:
    if is_url(value):
        file = fetch(value)
        return Packed(_clean(name or file.name), file.data)
    if isinstance(value, (str, os.PathLike)):
        return _from_path(Path(value), name)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return Packed(_clean(name or _guess_name(data)), data)
    if is_pil(value):
        return Packed(_clean(name or IMAGE_NAME), to_png(value))
    if is_array(value):
        return Packed(_clean(name or IMAGE_NAME), to_png(from_array(value)))
    if hasattr(value, "kind") and hasattr(value, "bytes"):  # an Output of another run
        return Packed(_clean(name or value.safe_name), value.bytes)
    if callable(getattr(value, "read", None)):
        data = value.read()
        if not isinstance(data, bytes):
            raise UploadRejected("The file object gives text, not bytes.", hint="Open it with mode 'rb'.")
        own = getattr(value, "name", None)
        return Packed(_clean(name or (Path(own).name if isinstance(own, str) else _guess_name(data))), data)
    raise UploadRejected(
        f"A {type(value).__name__} cannot be uploaded.",
        hint="Give a path, a URL, bytes, a file object, a PIL image, "
        "or an array of H×W, H×W×1, H×W×3 or H×W×4.",
    )


def _from_path(path: Path, name: str | None) -> Packed:
    path = path.expanduser()
    try:
        return Packed(_clean(name or path.name), path.read_bytes())
    except FileNotFoundError:
        raise UploadRejected(f"There is no file {str(path)!r}.", hint=missing_file_hint(path)) from None
    except OSError as error:
        raise UploadRejected(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None


def check(packed: Packed, limits: UploadLimits) -> None:
    """Raise `UploadRejected` for a file larger than the server takes."""
    size, limit = len(packed.data), limits.bytes
    if size == 0:
        raise UploadRejected(f"{packed.name} is empty.")
    if limit is not None and size > limit:
        raise UploadRejected(
            f"{packed.name} has {size / 2**20:.1f} MB; the server takes {limit / 2**20:.0f} MB.",
            hint="Make it smaller: fewer pixels, or a compressed format.",
        )
    edge, pixels = limits.edge, limits.pixels
    if edge is None or pixels is None or not packed.mime.startswith("image/"):
        return
    found = dimensions(packed.data)
    if found is None:
        return
    width, height = found
    if max(width, height) > edge or width * height > pixels:
        raise UploadRejected(
            f"{packed.name} is {width}×{height}; the server takes at most {edge} pixels "
            f"an edge and {pixels / 10**6:g} megapixels.",
            hint="Scale it down first.",
        )


async def send(
    http: Http,
    dialect: Dialect,
    packed: Packed,
    *,
    subfolder: str = "",
    overwrite: bool = False,
    route: str = "/api/upload/image",
    fields: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> FileRef:
    """Send one file as the multipart form both servers take; returns where it ended up."""
    form = {"type": UPLOAD_TYPE, **({"subfolder": subfolder} if subfolder else {}), **(fields or {})}
    if overwrite:
        form["overwrite"] = "true"  # ComfyUI knows exactly "true" and "1"
    boundary = uuid.uuid4().hex
    head, tail = _multipart(packed, form, boundary)
    total = len(head) + len(packed.data) + len(tail)

    async def body() -> AsyncIterator[bytes]:
        sent = 0
        yield head
        view = memoryview(packed.data)
        for start in range(0, len(view), _PIECE):
            piece = bytes(view[start : start + _PIECE])
            yield piece
            sent += len(piece)
            if progress is not None:
                progress(sent, len(view))
        yield tail

    answer = await http.request(
        "POST",
        route,
        content=body,
        headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(total),
        },
        accept=(400, 413),
        idempotent=True,
        doing="the upload",
        timeout=max(60.0, len(packed.data) / 100_000),
    )
    found = answer.json()
    if answer.status >= 400:
        said = found.get("message") or found.get("error") if isinstance(found, Mapping) else ""
        raise UploadRejected(f"The server refused {packed.name}{f': {said}' if said else ''}.")
    return dialect.stored(
        found if isinstance(found, Mapping) else {}, FileRef(packed.name, subfolder, form["type"])
    )


def _multipart(packed: Packed, form: Mapping[str, str], boundary: str) -> tuple[bytes, bytes]:
    def quoted(text: str) -> str:
        return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in form.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{quoted(packed.name)}"\r\n'
        f"Content-Type: {packed.mime}\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()


def original_ref(ref: FileRef) -> str:
    """A file as `upload/mask` wants it named."""
    return json.dumps({"filename": ref.name, "subfolder": ref.subfolder, "type": ref.type})


def _guess_name(data: bytes) -> str:
    from ..protocol.frames import sniff

    mime = sniff(data[:16])
    return "file.bin" if mime is None else f"image{mimetypes.guess_extension(mime) or '.png'}"


def _clean(name: str) -> str:
    base = name.replace("\\", "/").rpartition("/")[2].strip()
    if not base or base in (".", ".."):
        raise UploadRejected(f"{name!r} is no file name.")
    return base
