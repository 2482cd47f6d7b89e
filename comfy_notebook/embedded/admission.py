"""Who a request comes from, and whether a server that asks for no key may listen to it.

The Cloud asks for a key. ComfyUI asks for none, and neither does its dialect here as long as only this
machine can reach the server. A web page of anywhere can, too, through a browser on this machine: what
one sends is refused, as ComfyUI does (403). Beyond ComfyUI, so are the origin `null` of a page in a
sandbox, and a host that is a name others can point at this machine (DNS rebinding).
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
    """A page of another site asks a server that wants no key."""


def account_for(server: Server, connection: HTTPConnection, api_key: str | None) -> Account | None:
    """The account of a key; without one the first, where none is asked for. `Stranger` when it may not."""
    account = server.accounts.find(api_key)
    if account is not None or server.options.dialect == "cloud" or not server.is_local:
        return account
    host = connection.headers.get("host", "")
    if (host and not is_at_home(host)) or from_elsewhere(connection.headers.get("origin"), host):
        raise Stranger
    return server.accounts.first


def is_at_home(host: str) -> bool:
    """Whether a Host header names this machine in a way nobody else can bend: an address, or localhost."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def from_elsewhere(origin: str | None, host: str) -> bool:
    """Whether the page that asks is of another site than the one it asks."""
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:
        return True
