"""What an exchange with a server is made of: the address with its secrets, and the answer.

The one rule about other origins: what `Access` holds is sent to the server's own origin and to no other.
Downloads follow a redirect to another origin without any of it; no other request follows redirects there.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..errors import ConnectionFailed, ServerError
from ..keys import Key

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SECURE = {"https", "wss"}


@dataclass(frozen=True)
class Access:
    """The address of one server and everything that is sent to its origin only.

    `verify` is True, False, or the path of a CA file.
    """

    url: str
    key: Key | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    verify: bool | str = True

    def own_headers(self) -> dict[str, str]:
        """The headers for the server's own origin, including cookies and basic auth."""
        out = dict(self.headers)
        if self.key is not None:
            out["X-API-Key"] = self.key.value
        if self.cookies:
            out["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.auth is not None and "Authorization" not in out:
            out["Authorization"] = "Basic " + base64.b64encode(":".join(self.auth).encode()).decode()
        return out

    def is_own(self, url: str) -> bool:
        """Whether a URL, http(s) or ws(s), is at the server's own origin."""
        return _origin(url) == _origin(self.url)

    def redirected(self, url: str, location: str) -> str:
        """The URL that a redirect from `url` leads to. Raises `ConnectionFailed` for what is not one."""
        try:
            target = urljoin(url, location)
            _origin(target)
        except ValueError:
            target = ""
        if urlsplit(target).scheme not in _PORTS:
            raise ConnectionFailed(f"{self.url} redirects to something that is not a URL.")
        return target


@dataclass(frozen=True)
class Response:
    """An HTTP answer with its whole body; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    url: str = field(default="", repr=False)

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON."""
        try:
            return json.loads(self.content) if self.content else None
        except (ValueError, RecursionError):
            return None

    def object(self, doing: str, *keys: str) -> dict[str, Any]:
        """The body as a JSON object that has these keys. Raises `ServerError` for anything else."""
        found = self.json()
        if isinstance(found, dict) and all(key in found for key in keys):
            return found
        raise self.not_the_answer(doing)

    def array(self, doing: str) -> list[Any]:
        """The body as a JSON array. Raises `ServerError` for anything else."""
        found = self.json()
        if isinstance(found, list):
            return found
        raise self.not_the_answer(doing)

    def not_the_answer(self, doing: str) -> ServerError:
        """The error for a successful answer that does not have the form of one."""
        if not self.content:
            what = "nothing"
        elif self.media_type == "text/html" or self.content.lstrip()[:1] == b"<":
            what = "a web page"
        elif self.json() is None:
            what = f"{self.media_type or 'text'} that is not JSON"
        else:
            what = "JSON of another form"
        host = urlsplit(self.url).netloc.rpartition("@")[2] or "The server"
        return ServerError(
            f"{host} answered {doing} with HTTP {self.status} and {what}.",
            status=self.status,
            body=self.content[:2000].decode("utf-8", "replace"),
            hint="A proxy or a sign-in page may stand before the server.",
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds in `Retry-After`, given as a number or a date; None without one."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _origin(url: str) -> tuple[bool, str | None, int | None]:
    """Whether it is encrypted, host and port. Raises `ValueError` for a port that is not a number."""
    parts = urlsplit(url)
    return parts.scheme in _SECURE, parts.hostname, parts.port or _PORTS.get(parts.scheme)
