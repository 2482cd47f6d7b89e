"""What an exchange with a server is made of: whose address, which answer."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ..keys import Key


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

    @property
    def origin(self) -> tuple[str, str | None, int | None]:
        """Scheme, host and port."""
        return origin_of(self.url)

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


@dataclass(frozen=True)
class Response:
    """An HTTP answer with its whole body; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    url: str = field(default="", repr=False)

    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON."""
        try:
            return json.loads(self.content) if self.content else None
        except (ValueError, RecursionError):
            return None


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


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a URL. Raises `ValueError` for a port that is not a number."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
