"""Fetching outputs: in parallel, streamed, resumed once, and checked against their length.

Source: protocol §10. On the Cloud `/api/view` answers with a redirect to a signed URL on another
host, which gets neither the key nor any other header of ours (`http.stream`).
"""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import AsyncIterator
from typing import Any

from ..config import settings
from ..errors import ComfyError, DownloadFailed
from .failures import error_of
from .http import Broken, Http

_TRIES = 3
_LEAST = 16 * 1024  # bytes in the time of one request


class Downloads:
    """One client's downloads, so many at a time and no more."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._slots: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def fetch(
        self, filename: str, subfolder: str = "", type: str = "output", **variant: str | None
    ) -> tuple[bytes, str]:
        """(bytes, mime) of a file the server has.

        `channel` ("rgb", "a", "rgba") and `preview` ("webp;90", "jpeg") ask for a variant, where the
        server makes one. Raises `DownloadFailed`.
        """
        loop = asyncio.get_running_loop()
        if self._slots is None or self._loop is not loop:
            self._slots, self._loop = asyncio.Semaphore(max(settings.downloads, 1)), loop
        params: dict[str, Any] = {"filename": filename, "subfolder": subfolder, "type": type, **variant}
        async with self._slots:
            try:
                return await self._whole(params)
            except DownloadFailed:
                raise
            except ComfyError as error:
                raise DownloadFailed(
                    f"{filename} could not be downloaded: {error.message}", hint=error.hint
                ) from None

    async def _whole(self, params: dict[str, Any]) -> tuple[bytes, str]:
        got = bytearray()
        mime, failure = "", ""
        for attempt in range(_TRIES):
            headers = {"Range": f"bytes={len(got)}-"} if got else {}
            try:
                async with self._http.stream("/api/view", params, headers) as (head, body):
                    if head.status >= 400:
                        if head.status == 416 and got:
                            got.clear()
                            continue
                        if head.status in (502, 503, 504) and attempt + 1 < _TRIES:
                            await asyncio.sleep(0.2 * 2**attempt)
                            continue
                        if head.status == 404:
                            raise DownloadFailed(
                                f"{params['filename']} is not on the server (any more).",
                                hint="Temporary files go when a ComfyUI restarts.",
                            )
                        raise error_of(
                            head, doing=f"the download of {params['filename']}", url=self._http.access.url
                        )
                    if got and head.status != 206:
                        got.clear()
                    begin = len(got)
                    mime = head.headers.get("content-type", "").partition(";")[0].strip()
                    await self._read(body, got)
                    expected = _length(head.headers)
                    if expected is None or len(got) - begin == expected:
                        _refuse_page(params["filename"], got, mime)
                        return bytes(got), mime
                    failure = f"{len(got)} bytes came of {begin + expected}"
            except Broken as error:
                failure = error.message
        raise DownloadFailed(f"{params['filename']} arrived incomplete: {failure}.", hint="Try again.")

    async def _read(self, body: AsyncIterator[bytes], got: bytearray) -> None:
        """All of it, for as long as it comes: a byte now and then would keep any one read from timing out."""
        began, had = time.monotonic(), len(got)
        async for piece in body:
            got += piece
            if time.monotonic() - began > settings.request_timeout:
                if len(got) - had < _LEAST:
                    raise Broken("the server sends too slowly")
                began, had = time.monotonic(), len(got)


def _refuse_page(filename: str, data: bytearray, mime: str) -> None:
    """Raise `DownloadFailed` for a web page or a JSON answer in place of a file of another kind."""
    kind = mimetypes.guess_type(filename)[0] or ""
    if kind.startswith("text/") or kind.endswith(("json", "xml")):
        return
    page = data[:256].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    if page or (mime == "application/json" and data[:64].lstrip().startswith((b"{", b"[", b"n"))):
        raise DownloadFailed(
            f"{'A web page' if page else 'A JSON answer'} came in place of {filename}.",
            hint="A proxy or a login page may stand before the server: open its URL in a browser.",
        )


def _length(headers: Any) -> int | None:
    # With a content-encoding the length is of the encoded bytes, which the client has already decoded.
    if headers.get("content-encoding", "identity") != "identity":
        return None
    try:
        return int(headers["content-length"])
    except (KeyError, ValueError):
        return None
