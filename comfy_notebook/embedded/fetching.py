"""Files from URLs, for `/api/assets`.

Only http and https. A server that others can reach does not fetch from private addresses: clients
must not read from its network. Redirects are followed one at a time, so that each address is checked, and
the checked address is the one connected to: a name may resolve differently a moment later.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from .assets import Asset, Assets, extension, mime_of

_TIMEOUT = 20.0  # seconds without a byte
_TOTAL = 300.0  # seconds in all; the background downloads have more
_HOPS = 5
SOURCES = ("huggingface.co", "civitai.com")
"""Where background downloads may come from (contract: /api/assets/download)."""


class FetchFailed(Exception):
    """A URL that could not be read; `status` is the contract's answer to that."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Fetched:
    """What a URL returned: content (empty when only the head was asked for), its length, type and name."""

    data: bytes
    length: int
    mime: str
    name: str


async def fetch(url: str, limit: int, *, private: bool, seconds: float = _TOTAL) -> Fetched:
    """Read a URL of at most `limit` bytes; 0 reads the head alone."""
    import httpx

    try:
        return await asyncio.wait_for(_fetch(url, limit, private), seconds)
    except asyncio.TimeoutError:
        raise FetchFailed(422, f"The URL was not read within {seconds:.0f} s.") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise FetchFailed(422, f"The URL could not be read: {type(error).__name__}.") from None


async def _fetch(url: str, limit: int, private: bool) -> Fetched:
    import httpx

    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
        for _ in range(_HOPS):
            address = await _check(url, private)
            asked = httpx.URL(url)
            headers, extensions = {"Host": asked.netloc.decode("ascii")}, {"sni_hostname": asked.host}
            target = asked.copy_with(host=address) if address else asked
            async with client.stream(
                "GET" if limit else "HEAD", target, headers=headers, extensions=extensions
            ) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers.get("location", ""))
                    continue
                return await _read(response, url, limit)
    raise FetchFailed(422, "The URL redirects too often.")


async def _check(url: str, private: bool) -> str | None:
    """The address to connect to, where it matters; `FetchFailed` for a URL that is not to be read."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise FetchFailed(400, "This is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise FetchFailed(400, "Only http and https URLs can be read.")
    if private:
        return None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchFailed(422, "The host of the URL is not known.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(_is_public, addresses)):
        raise FetchFailed(400, "This server does not read from private addresses.")
    return addresses[0]


def _is_public(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_global


async def _read(response: Any, url: str, limit: int) -> Fetched:
    status = response.status_code
    if status in (401, 403):
        raise FetchFailed(403, "The source asks for a login, or refuses.")
    if status in (404, 410):
        raise FetchFailed(404, "There is nothing at this URL.")
    if status >= 400:
        raise FetchFailed(422, f"The source answered {status}.")
    declared = response.headers.get("content-length", "")
    length = int(declared) if declared.isdecimal() and len(declared) < 19 else 0
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "file"
    mime = response.headers.get("content-type", "").partition(";")[0].strip() or mime_of(name)
    if not limit:
        return Fetched(b"", length, mime, name)
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > limit:
            raise FetchFailed(413, f"The file is larger than {limit // 1024**2} MB.")
        parts.append(part)
    return Fetched(b"".join(parts), size, mime, name)


@dataclass
class Task:
    """One background download."""

    id: str
    user: str
    status: str = "created"
    message: str = "Download task created."
    asset_id: str | None = None


class Downloads:
    """The background downloads of this process; what they brought is assets like any other."""

    def __init__(self, assets: Assets, limit: int) -> None:
        self._assets = assets
        self._limit = limit
        self._tasks: dict[str, Task] = {}
        self._running: set[asyncio.Task[None]] = set()

    def known(self, user: str, url: str) -> Asset | None:
        """The asset an earlier download of this URL made."""
        return self._assets.from_source(user, url)

    def get(self, user: str, id: str) -> Task | None:
        """A task of this user."""
        task = self._tasks.get(id)
        return task if task is not None and task.user == user else None

    def start(self, user: str, url: str, details: Mapping[str, Any]) -> Task:
        """Begin a download; ValueError when it is not from one of the sources."""
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            host = parts.hostname or ""
            if parts.scheme == "https" and any(host == s or host.endswith(f".{s}") for s in SOURCES):
                task = Task(str(uuid.uuid4()), user)
                self._tasks[task.id] = task
                running = asyncio.create_task(self._download(task, url, details))
                self._running.add(running)
                running.add_done_callback(self._running.discard)
                return task
        raise ValueError(f"source_url must be an https URL of {' or '.join(SOURCES)}.")

    async def _download(self, task: Task, url: str, details: Mapping[str, Any]) -> None:
        task.status = "running"
        try:
            found = await fetch(url, self._limit, private=False, seconds=3600)
        except FetchFailed as error:
            task.status, task.message = "failed", str(error)
            return
        try:
            await asyncio.to_thread(self._keep, task, url, details, found)
        except (OSError, sqlite3.OperationalError) as error:
            task.status, task.message = "failed", f"The file could not be stored: {error}."

    def _keep(self, task: Task, url: str, details: Mapping[str, Any], found: Fetched) -> None:
        name = details.get("name") or found.name
        metadata = {**details.get("user_metadata", {}), "source_url": url}
        digest = self._assets.hash(found.data)
        asset = Asset(
            task.user, f"{digest}{extension(found.name)}", "input", name=name, mime=found.mime,
            metadata=metadata, preview_id=details.get("preview_id"),
        )  # fmt: skip
        task.asset_id = self._assets.add(asset, found.data, tags=details.get("tags") or ()).id
        task.status, task.message = "completed", "Download complete."
