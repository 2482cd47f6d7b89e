"""Reading a file from an http(s) or data URL: bounded, and by default not from private addresses.

A workflow may come from anyone, and the URLs in it with it. So a name is resolved once, all of its
addresses must be public, and the address that was checked is the one connected to, on every redirect.
`Settings.private_urls` allows the others. Behind an HTTP proxy the proxy resolves the name.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import ipaddress
import mimetypes
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from .config import settings
from .errors import DownloadFailed
from .text import clip, redact

if TYPE_CHECKING:
    from httpx import Response

LARGEST = 512 * 1024 * 1024
LONGEST = 300.0
_SILENCE = 30.0
_REDIRECTS = 5
_PAGE = (b"<!doctype html", b"<html")
Progress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Fetched:
    """The file behind a URL."""

    name: str
    data: bytes = field(repr=False)


def is_url(value: object) -> bool:
    """Whether it is a text with an http, https or data URL."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://", "data:"))


def fetch(url: str, *, limit: int = LARGEST, seconds: float = LONGEST) -> Fetched:
    """Read the file behind a URL of at most `limit` bytes within `seconds`. Raises `DownloadFailed`."""
    if url[:5].lower() == "data:":
        return _from_data(url, limit)
    until = time.monotonic() + seconds
    with _answer(url) as (answer, final):
        return _read(answer, final, limit, until)


def length(url: str) -> int | None:
    """How many bytes the file behind a URL has, where its server says. Raises `DownloadFailed`."""
    with _answer(url) as (answer, _):
        _check_status(answer, url)
        return _content_length(answer)


def download(url: str, path: Path, *, sha256: str = "", progress: Progress | None = None) -> None:
    """Download a file of any size to `path`, whose folder must exist; an interrupted one is resumed.

    The unfinished file is `path` with `.part` at its end, and takes its name once it is whole and, where
    `sha256` is given, has that hash. `progress` is called with the bytes here and in all (0 when not
    known). Raises `DownloadFailed`.
    """
    part = path.with_name(f"{path.name}.part")
    here = part.stat().st_size if part.exists() else 0
    with _answer(url, {"Range": f"bytes={here}-"} if here else {}) as (answer, _):
        whole = answer.status_code == 416 and here > 0  # there is nothing after what is here
        if not whole:
            _check_status(answer, url)
            here = here if answer.status_code == 206 else 0
            remaining = _content_length(answer)
            try:
                written = _append(answer, part, here, remaining, progress, url)
            except OSError as error:
                raise DownloadFailed(f"{path.name} cannot be written: {error.strerror or error}.") from None
            if remaining is not None and written != here + remaining:
                raise DownloadFailed(
                    f"{path.name} stopped after {written:,} of {here + remaining:,} bytes.",
                    hint="Run it again to continue there.",
                )
    if sha256 and (found := _sha256(part)) != sha256.lower():
        part.unlink()
        raise DownloadFailed(f"{path.name} has the hash {found}, not {sha256.lower()}, and was deleted.")
    os.replace(part, path)


@contextlib.contextmanager
def _answer(url: str, headers: Mapping[str, str] | None = None) -> Iterator[tuple[Response, str]]:
    """The answer to a GET and its URL after all redirects; its body is still to be read."""
    import httpx

    try:
        with httpx.Client(timeout=_SILENCE) as client:
            for _ in range(_REDIRECTS):
                request = _request(url)
                request["headers"] = {**request.get("headers", {}), **(headers or {})}
                with client.stream("GET", **request) as answer:
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers.get("location", ""))
                        continue
                    yield answer, url
                    return
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise DownloadFailed(f"{_shown(url)} could not be read: {error or type(error).__name__}.") from None
    raise DownloadFailed(f"{_shown(url)} redirects more than {_REDIRECTS} times.")


def _append(
    answer: Response, part: Path, here: int, remaining: int | None, progress: Progress | None, url: str
) -> int:
    total = 0 if remaining is None else here + remaining
    with part.open("ab" if here else "wb") as file:
        for piece in answer.iter_bytes():
            if here == 0:
                _refuse_page(piece, url)
            file.write(piece)
            here += len(piece)
            if progress is not None:
                progress(here, total)
    return here


def _content_length(answer: Response) -> int | None:
    said = answer.headers.get("content-length", "")
    encoded = answer.headers.get("content-encoding", "identity") != "identity"
    return int(said) if said.isdecimal() and len(said) < 19 and not encoded else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def _check_status(answer: Response, url: str) -> None:
    if answer.status_code in (401, 403):
        raise DownloadFailed(f"{_shown(url)} asks for a login or refuses (HTTP {answer.status_code}).")
    if answer.status_code >= 400:
        raise DownloadFailed(f"{_shown(url)} could not be read (HTTP {answer.status_code}).")


def _refuse_page(start: bytes, url: str) -> None:
    if start[:512].lstrip().lower().startswith(_PAGE):
        raise DownloadFailed(
            f"{_shown(url)} is a web page, not a file.", hint="Look for its raw or download link."
        )


def _request(url: str) -> dict[str, Any]:
    """The URL to ask, with the address that was checked in place of the host's name."""
    import httpx

    asked = httpx.URL(url)
    if asked.scheme not in ("http", "https") or not asked.host:
        raise DownloadFailed(f"{_shown(url)} is not an http or https URL.")
    if settings.private_urls:
        return {"url": asked}
    proxied = asked.scheme in getproxies() and not proxy_bypass(asked.host)
    try:
        found = socket.getaddrinfo(asked.host, asked.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        if proxied:
            return {"url": asked}
        raise DownloadFailed(f"{_shown(url)} could not be read: host {asked.host!r} is unknown.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(_is_public, addresses)):
        raise DownloadFailed(
            f"{_shown(url)} is at a private address, which is not read from unasked.",
            hint="Set %config ComfyMagics.private_urls = True (in Python: "
            "comfy_notebook.config.settings.private_urls), or give the file's Path.",
        )
    if proxied:
        return {"url": asked}
    return {
        "url": asked.copy_with(host=addresses[0]),
        "headers": {"Host": asked.netloc.decode("ascii")},
        "extensions": {"sni_hostname": asked.host},
    }


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_global) and not found.is_multicast


def _read(answer: Response, url: str, limit: int, until: float) -> Fetched:
    _check_status(answer, url)
    data = bytearray()
    for piece in answer.iter_bytes():
        data += piece
        if len(data) > limit:
            raise DownloadFailed(f"{_shown(url)} is larger than {limit >> 20} MB.")
        if time.monotonic() > until:
            raise DownloadFailed(f"{_shown(url)} took too long to read.")
    _refuse_page(bytes(data[:512]), url)
    name = unquote_to_bytes(urlsplit(url).path.rpartition("/")[2]).decode("utf-8", "replace")
    return Fetched(_with_suffix(name or "file", answer.headers.get("content-type", "")), bytes(data))


def _from_data(url: str, limit: int) -> Fetched:
    head, comma, body = url[5:].partition(",")
    if not comma:
        raise DownloadFailed(f"{_shown(url)} is not a data URL: it has no comma.")
    if len(body) > limit * 4:
        raise DownloadFailed(f"{_shown(url)} is larger than {limit >> 20} MB.")
    data = unquote_to_bytes(body)
    if head.lower().endswith(";base64"):
        try:
            data = base64.b64decode(b"".join(data.split()) + b"==", validate=False)
        except binascii.Error as error:
            raise DownloadFailed(f"{_shown(url)} is not valid base64: {error}.") from None
    if not data:
        raise DownloadFailed(f"{_shown(url)} is empty.")
    mime = head.partition(";")[0].strip() or "text/plain"
    return Fetched(_with_suffix("image" if mime.startswith("image/") else "file", mime), data)


def _with_suffix(name: str, mime: str) -> str:
    if "." in name:
        return name
    return name + (mimetypes.guess_extension(mime.partition(";")[0].strip()) or "")


def _shown(url: str) -> str:
    """The URL as messages show it: short, and without the query, where keys are."""
    if url[:5].lower() == "data:":
        return "The data URL"
    return clip(redact(url.partition("?")[0]), 200)
