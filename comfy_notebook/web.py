"""Reading a file from an http(s) or data URL: bounded, and by default not from private addresses.

A workflow may come from anyone, and the URLs in it with it. So a name is resolved once, all of its
addresses must be public, and the address that was checked is the one connected to, on every redirect.
`Settings.private_urls` allows the others. Behind an HTTP proxy the proxy resolves the name.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import mimetypes
import socket
import time
from dataclasses import dataclass, field
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
    import httpx

    until = time.monotonic() + seconds
    try:
        with httpx.Client(timeout=_SILENCE) as client:
            for _ in range(_REDIRECTS):
                with client.stream("GET", **_request(url)) as answer:
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers.get("location", ""))
                        continue
                    return _read(answer, url, limit, until)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise DownloadFailed(f"{_shown(url)} could not be read: {error or type(error).__name__}.") from None
    raise DownloadFailed(f"{_shown(url)} redirects more than {_REDIRECTS} times.")


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
    if answer.status_code >= 400:
        raise DownloadFailed(f"{_shown(url)} could not be read (HTTP {answer.status_code}).")
    data = bytearray()
    for piece in answer.iter_bytes():
        data += piece
        if len(data) > limit:
            raise DownloadFailed(f"{_shown(url)} is larger than {limit >> 20} MB.")
        if time.monotonic() > until:
            raise DownloadFailed(f"{_shown(url)} took too long to read.")
    if data[:512].lstrip().lower().startswith(_PAGE):
        raise DownloadFailed(
            f"{_shown(url)} is a web page, not a file.", hint="Look for its raw or download link."
        )
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
