"""Uploads of one client: packed, checked, sent once for each content."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError
from ..images import dimensions
from . import assets, masks
from .assets import Progress
from .records import FileRef

if TYPE_CHECKING:
    from .dialect import Dialect
    from .downloads import Downloads
    from .http import Http
    from .live import LiveJobs
    from .meter import Meter


@dataclass(frozen=True)
class _Sent:
    """What was sent under a name, as far as it can be sent again."""

    value: Callable[[], Any]
    """The value that was uploaded; None when it is gone."""
    digest: str
    name: str | None
    subfolder: str


def _held(value: Any) -> Callable[[], Any]:
    """A reference that keeps no picture in memory: to the name of a file, or a weak one."""
    if isinstance(value, (str, os.PathLike)):
        return lambda: value
    try:
        return weakref.ref(value)
    except TypeError:  # bytes
        return lambda: None


class Uploads:
    """What this client has given its server, by content."""

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

    async def upload(
        self,
        value: Any,
        name: str | None = None,
        *,
        subfolder: str = "",
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> FileRef:
        """Give the server a file, unless it has the same content already."""
        dialect = self._dialect
        limits = dialect.upload_limits(self._live.flags)

        def pack() -> tuple[assets.Packed, str]:
            packed = assets.pack(value, name)
            assets.check(packed, limits)
            return packed, packed.digest

        # Compressing a large picture takes seconds, in which the socket must be read.
        packed, digest = await asyncio.to_thread(pack)
        # A name the server keeps is part of what was sent.
        where = (digest, "" if dialect.names_by_content else f"{subfolder}/{packed.name}")
        async with self._turns.setdefault(where, asyncio.Lock()):
            if where not in self._sent or overwrite:
                self._sent[where] = await self._send(packed, subfolder, overwrite, progress)
        self._turns.pop(where, None)
        ref = self._sent[where]
        self._sources.setdefault(ref.value, _Sent(_held(value), digest, name, subfolder))
        return ref

    async def send_again(self, text: str) -> FileRef | None:
        """Send a file once more that the server has lost, named as an input names it.

        None when it is not one this client has sent, or when its content is no longer at hand.
        """
        sent = self._sources.get(text)
        value = sent.value() if sent is not None else None
        if sent is None or value is None:
            return None
        try:
            packed = await asyncio.to_thread(assets.pack, value, sent.name)
        except ComfyError:
            return None
        if packed.digest != sent.digest:
            return None
        for where in [where for where, ref in self._sent.items() if ref.value == text]:
            del self._sent[where]
        return await self.upload(value, sent.name, subfolder=sent.subfolder)

    async def _send(
        self, packed: assets.Packed, subfolder: str, overwrite: bool, progress: Progress | None
    ) -> FileRef:
        dialect, ref = self._dialect, None
        if not overwrite:
            ref = await dialect.known_file(self._http, packed.data, packed.name)
        if ref is None:
            if progress is None:
                self._meter.begin(packed.name, len(packed.data))
            ref = await assets.send(
                self._http,
                dialect,
                packed,
                subfolder=subfolder,
                overwrite=overwrite,
                progress=progress or self._meter.note,
            )
        return ref

    async def upload_mask(self, mask: Any, original: Any, name: str | None = None) -> FileRef:
        """Give a picture the server has a mask of the same size."""
        if not isinstance(original, FileRef):
            original = await self.upload(original)
        data, _ = await self._downloads.fetch(original.name, original.subfolder, original.type)
        own = name or f"mask_{original.name.rpartition('.')[0] or original.name}.png"
        limits = self._dialect.upload_limits(self._live.flags)

        def pack() -> assets.Packed:
            picture = masks.as_alpha(masks.to_mask(mask), dimensions(data))
            packed = assets.pack(picture, own)
            assets.check(packed, limits)
            return packed

        packed = await asyncio.to_thread(pack)
        return await assets.send(
            self._http,
            self._dialect,
            packed,
            route="/api/upload/mask",
            fields={"original_ref": assets.original_ref(original)},
        )
