"""Uploads to one server: each content is sent once, as the multipart form that both dialects take."""

from __future__ import annotations

import asyncio
import io
import json
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, UploadRejected
from ..images import dimensions
from . import packing
from .packing import Packed
from .records import FileRef, UploadLimits

if TYPE_CHECKING:
    from .dialect import Dialect
    from .downloads import Downloads
    from .http import Http
    from .live import LiveJobs
    from .meter import Meter

# Sent each time: the Cloud's default is "output", and LoadImage reads inputs.
UPLOAD_TYPE = "input"
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class _Sent:
    """What is needed to send a file again."""

    value: Callable[[], Any]
    """The value that was uploaded; None when it is gone."""
    digest: str
    name: str | None
    subfolder: str


def _held(value: Any) -> Callable[[], Any]:
    """A reference that does not keep a picture in memory: a file's name as it is, else a weak one."""
    if isinstance(value, (str, os.PathLike)):
        return lambda: value
    try:
        return weakref.ref(value)
    except TypeError:  # bytes
        return lambda: None


class Uploads:
    """What the server was sent, by content."""

    def __init__(
        self, http: Http, dialect: Dialect, live: LiveJobs, downloads: Downloads, meter: Meter
    ) -> None:
        self._http = http
        self._dialect = dialect
        self._live = live
        self._downloads = downloads
        self._meter = meter
        self._sent: dict[tuple[str, str], FileRef] = {}
        self._sources: dict[str, _Sent] = {}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    @property
    def limits(self) -> UploadLimits:
        """The largest file the server takes."""
        return self._dialect.upload_limits(self._live.flags)

    async def upload(
        self,
        value: Any,
        name: str | None = None,
        *,
        subfolder: str = "",
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> FileRef:
        """Send a file, unless the server has its content already."""

        def pack() -> tuple[Packed, str]:
            packed = packing.pack(value, name)
            packing.check(packed, self.limits)
            return packed, packed.digest

        # Compressing a large picture takes seconds, during which the socket must be read.
        packed, digest = await asyncio.to_thread(pack)
        # Where a server keeps names, equal bytes under another name are another file.
        where = (digest, "" if self._dialect.names_by_content else f"{subfolder}/{packed.name}")
        async with self._turns.setdefault(where, asyncio.Lock()):
            if where not in self._sent or overwrite:
                self._sent[where] = await self._known_or_sent(packed, subfolder, overwrite, progress)
        self._turns.pop(where, None)
        ref = self._sent[where]
        self._sources.setdefault(ref.value, _Sent(_held(value), digest, name, subfolder))
        return ref

    async def send_again(self, text: str) -> FileRef | None:
        """Send a file that the server has lost once more; `text` names it as an input does.

        None when this client did not send it, or when its content is no longer at hand.
        """
        sent = self._sources.get(text)
        value = sent.value() if sent is not None else None
        if sent is None or value is None:
            return None
        try:
            packed = await asyncio.to_thread(packing.pack, value, sent.name)
        except ComfyError:
            return None
        if packed.digest != sent.digest:
            return None
        for where in [where for where, ref in self._sent.items() if ref.value == text]:
            del self._sent[where]
        return await self.upload(value, sent.name, subfolder=sent.subfolder)

    async def _known_or_sent(
        self, packed: Packed, subfolder: str, overwrite: bool, progress: Progress | None
    ) -> FileRef:
        known = None
        if not overwrite:
            known = await self._dialect.known_file(self._http, packed.data, packed.name)
        if known is not None:
            return known
        if progress is None:
            self._meter.begin(packed.name, len(packed.data))
        fields = {"subfolder": subfolder} if subfolder else {}
        if overwrite:
            fields["overwrite"] = "true"  # ComfyUI accepts exactly "true" and "1"
        return await self._send(packed, "/api/upload/image", fields, progress or self._meter.note)

    async def upload_mask(self, mask: Any, original: Any, name: str | None = None) -> FileRef:
        """Send a mask for a picture of the same size that the server has, or that is uploaded first."""
        if not isinstance(original, FileRef):
            original = await self.upload(original)
        data, _ = await self._downloads.fetch(original.name, original.subfolder, original.type)
        stem = original.name.rpartition(".")[0] or original.name

        def pack() -> Packed:
            packed = packing.pack_mask(mask, dimensions(data), name or f"mask_{stem}.png")
            packing.check(packed, self.limits)
            return packed

        packed = await asyncio.to_thread(pack)
        ref = {"filename": original.name, "subfolder": original.subfolder, "type": original.type}
        return await self._send(packed, "/api/upload/mask", {"original_ref": json.dumps(ref)})

    async def _send(
        self, packed: Packed, route: str, fields: Mapping[str, str], progress: Progress | None = None
    ) -> FileRef:
        answer = await self._http.request(
            "POST",
            route,
            form=lambda: {
                "data": {"type": UPLOAD_TYPE, **fields},
                "files": {"image": (packed.name, _Sending(packed.data, progress), packed.mime)},
            },
            accept=(400, 413),
            idempotent=True,
            doing="the upload",
            timeout=max(60.0, len(packed.data) / 100_000),
        )
        if answer.status >= 400:
            raise self._refused(packed, answer.status, answer.json())
        stored = answer.object("the upload")
        return self._dialect.stored(stored, FileRef(packed.name, fields.get("subfolder", ""), UPLOAD_TYPE))

    def _refused(self, packed: Packed, status: int, body: Any) -> UploadRejected:
        said = body.get("message") or body.get("error") if isinstance(body, Mapping) else ""
        said = f": {said}" if said else ""
        if status == 413:
            size, limit = len(packed.data) / 2**20, self.limits.bytes
            takes = f"; it takes {limit / 2**20:.1f} MB" if limit is not None else ""
            return UploadRejected(
                f"{packed.name} with its {size:.1f} MB is too large for the server{takes}{said}.",
                hint="A proxy before the server may have a limit of its own. Send fewer pixels, or a "
                "compressed format.",
            )
        return UploadRejected(f"The server refused {packed.name}{said}.")


class _Sending(io.BytesIO):
    """A file that reports how much of it was read for sending."""

    def __init__(self, data: bytes, progress: Progress | None) -> None:
        super().__init__(data)
        self._total = len(data)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if piece and self._progress is not None:
            self._progress(self.tell(), self._total)
        return piece
