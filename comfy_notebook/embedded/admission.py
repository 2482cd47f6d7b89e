"""Who a request comes from, and whether a server that asks for no key may listen to it.

The Cloud requires a key. ComfyUI requires none, and neither does its dialect here as long as only this
machine can reach the server. A web page from any site can reach it too, through a browser on this machine;
such requests are refused with 403, as ComfyUI does. Unlike ComfyUI, the origin `null` (a sandboxed page) and
host names that others can point at this machine (DNS rebinding) are refused as well.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from .accounts import Account

if TYPE_CHECKING:
    from .server import Server


class Stranger(Exception):
    """A page of another site sent a request to a server that requires no key."""


def account_for(server: Server, connection: HTTPConnection, api_key: str | None) -> Account | None:
    """The account of a key, or the first one where no key is required. Raises `Stranger` if refused."""
    account = server.accounts.find(api_key)
    if account is not None or server.options.dialect == "cloud" or not server.is_local:
        return account
    host = connection.headers.get("host", "")
    if (host and not is_at_home(host)) or from_elsewhere(connection.headers.get("origin"), host):
        raise Stranger
    return server.accounts.first


def is_at_home(host: str) -> bool:
    """Whether a Host header is an IP address or localhost, which DNS rebinding cannot forge."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def from_elsewhere(origin: str | None, host: str) -> bool:
    """Whether the request comes from a page of another site."""
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:
        return True
