"""Downloads of outputs: several at a time, streamed, resumed after a break, checked for completeness.

The Cloud answers `/api/view` with a redirect to a signed URL on another host, which
gets none of our headers (`http.stream`). A signed URL expires, so each attempt begins at `/api/view`.
"""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..config import settings
from ..errors import ComfyError, DownloadFailed
from ..sync import jitter
from .exchange import Response, retry_after
from .failures import error_of
from .http import Http, Interrupted

_TRIES = 4
_RETRIED = {429, 500, 502, 503, 504}
_LONGEST_WAIT = 30.0
_LEAST = 16 * 1024
"""Bytes that must arrive in the time of one request; slower counts as broken."""
MAX_FILE = 4 * 2**30
"""The most bytes of one output, which is kept in memory."""


class Downloads:
    """The downloads from one server, of which `settings.downloads` run at the same time."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._slots: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def fetch(
        self, filename: str, subfolder: str = "", type: str = "output", **variant: str | None
    ) -> tuple[bytes, str]:
        """(bytes, mime) of a file on the server.

        `channel` ("rgb", "a", "rgba") and `preview` ("webp;90", "jpeg") request a variant, where the
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
        """The file, in as many attempts as it takes; an attempt asks only for the bytes still missing."""
        got = bytearray()
        name, failure, page = params["filename"], "", ""
        for attempt in range(1, _TRIES + 1):
            headers = {"Range": f"bytes={len(got)}-"} if got else {}
            pause = 0.0
            try:
                async with self._http.stream("/api/view", params, headers) as (head, body):
                    if head.status >= 400:
                        wait = self._wait_after(head, attempt)
                        if head.status == 416:
                            got.clear()
                        elif wait is None or attempt == _TRIES:
                            raise self._refused(head, name)
                        failure, pause = f"{_host(head)} answered HTTP {head.status}", wait or 0.0
                    elif head.status == 206 and not _continues(head.headers, len(got)):
                        got.clear()
                        failure = "another part than asked for came"
                    else:
                        if head.status != 206:
                            got.clear()
                        begin = len(got)
                        await self._read(body, got)
                        expected = _length(head.headers)
                        if expected is not None and len(got) - begin != expected:
                            failure = f"{len(got)} of {begin + expected} bytes came"
                        elif page := _page_instead(name, got, head.media_type):
                            got.clear()
                            pause = 0.2 * attempt
                        else:
                            return bytes(got), head.media_type
            except Interrupted as error:
                failure = error.message.rstrip(".")
            if pause:
                await asyncio.sleep(pause)
        if page:
            raise DownloadFailed(
                f"{page} came in place of {name}.",
                hint="A proxy or a sign-in page may stand before the server: open its URL in a browser.",
            )
        raise DownloadFailed(f"{name} arrived incomplete: {failure}.", hint="Try again.")

    def _wait_after(self, head: Response, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; None for an answer that is final."""
        asked = retry_after(head.headers)
        if head.status in _RETRIED:
            wait = asked if asked is not None else 0.2 * 2**attempt * jitter(0.5)
            return wait if wait <= _LONGEST_WAIT else None
        # A signed URL that has expired is refused by its host; `/api/view` makes a new one.
        expired = head.status in (400, 401, 403, 410) and not self._http.access.is_own(head.url)
        return 0.0 if expired or head.status == 416 else None

    def _refused(self, head: Response, name: str) -> ComfyError:
        if head.status == 404:
            return DownloadFailed(
                f"{name} is not on the server (any more).",
                hint="Temporary files are deleted when a ComfyUI restarts.",
            )
        if self._http.access.is_own(head.url):
            return error_of(head, doing=f"the download of {name}", access=self._http.access)
        return DownloadFailed(
            f"{name} could not be downloaded: {_host(head)}, which the server redirected to, "
            f"answered HTTP {head.status}.",
            hint="Try again.",
        )

    async def _read(self, body: AsyncIterator[bytes], got: bytearray) -> None:
        """Read all of it, unless it comes too slowly: a byte now and then lets no single read time out."""
        began, had = time.monotonic(), len(got)
        async for piece in body:
            got += piece
            if len(got) > MAX_FILE:
                raise DownloadFailed(f"The file has more than {MAX_FILE / 2**30:g} GB.")
            if time.monotonic() - began > settings.request_timeout:
                if len(got) - had < _LEAST:
                    raise Interrupted("The server sends too slowly.")
                began, had = time.monotonic(), len(got)


def _page_instead(name: str, data: bytearray, media_type: str) -> str:
    """What came, when it is a web page or a JSON answer in place of a file of another kind; else ""."""
    kind = mimetypes.guess_type(name)[0] or ""
    if kind.startswith("text/") or kind.endswith(("json", "xml")):
        return ""
    if data[:256].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "A web page"
    if media_type == "application/json" and data[:64].lstrip().startswith((b"{", b"[", b"n")):
        return "A JSON answer"
    return ""


def _host(head: Response) -> str:
    return urlsplit(head.url).netloc.rpartition("@")[2]


def _continues(headers: Mapping[str, str], at: int) -> bool:
    """Whether a partial answer begins with byte `at`."""
    said = headers.get("content-range", "")
    return not said or said.startswith(f"bytes {at}-")


def _length(headers: Mapping[str, str]) -> int | None:
    # With a content-encoding the length is that of the encoded bytes, which httpx has already decoded.
    if headers.get("content-encoding", "identity") != "identity":
        return None
    try:
        return int(headers["content-length"])
    except (KeyError, ValueError):
        return None
