"""`connect`: choose the server, the dialect and the credentials, and say why."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..config import (
    CLOUD_URL,
    LOCAL_URL,
    TARGETS,
    URL_VARIABLE,
    base_url,
    url_credentials,
)
from ..errors import AuthenticationError, ComfyError
from ..keys import KEY_VARIABLES, Key, environment_key, find_key, require_safe
from ..text import clip, register
from .connection import Connection
from .dialect import Dialect
from .exchange import Access
from .http import Http
from .probe import kinds, probe

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .embedded import Embedded


@dataclass(frozen=True)
class Choice:
    """A target, its URL, and why it was chosen."""

    target: str
    url: str
    reason: str
    key: Key | None = None
    dialect: str | None = None
    server: Embedded | None = None


class ConnectOptions(TypedDict, total=False):
    """The options of `connect`.

    `headers`, `cookies` and `auth=(user, password)` are sent to the server's own origin only; `verify` is
    True, False or a CA file; `dialect` ("cloud", "comfyui") skips the probing of a URL.
    """

    api_key: str | None
    headers: Mapping[str, str] | None
    cookies: Mapping[str, str] | None
    auth: tuple[str, str] | None
    verify: bool | str | Path
    dialect: str | None


async def open_connection(target: str | None = None, **options: Unpack[ConnectOptions]) -> Connection:
    """A connection to a target or URL, checked by a first request."""
    choice = await choose(target, options.get("api_key"))
    headers, cookies, auth = options.get("headers"), options.get("cookies"), options.get("auth")
    verify = options.get("verify", True)
    if target is not None and "://" in target:
        auth = auth or url_credentials(target)
    for value in [*(headers or {}).values(), *(cookies or {}).values(), *(auth or ())[1:]]:
        register(value)
    require_safe(choice.url, choice.key)
    access = Access(
        choice.url,
        key=choice.key,
        headers=dict(headers or {}),
        cookies=dict(cookies or {}),
        auth=auth,
        verify=_verify(verify),
    )
    _require_sendable(access)
    http = Http(access)
    name = options.get("dialect") or choice.dialect
    try:
        if name is not None and name not in kinds():
            raise ComfyError(f"There is no dialect {name!r}.", hint=f"There are {' and '.join(kinds())}.")
        dialect = kinds()[name]() if name is not None else await probe(http)
        if dialect.has_accounts:
            await _check_account(http, dialect)
    except BaseException:
        await http.close()
        raise
    reason = choice.reason + ("; its certificate is not checked" if verify is False else "")
    return Connection.to(http, dialect, target=choice.target, reason=reason, server=choice.server)


def warn_unverified(verify: bool | str | Path) -> None:
    """Warn of `verify=False`, in the name of the first line outside this package."""
    if verify is False:
        import inspect
        import warnings

        package = __name__.partition(".")[0]
        frame, level = inspect.currentframe(), 1
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
            frame, level = frame.f_back, level + 1
        warnings.warn(
            "The server's certificate is not checked: anyone between here and there can read the API key.",
            stacklevel=level,
        )


async def choose(target: str | None, api_key: str | None) -> Choice:
    """The server to use: the one named, else the first that is available."""
    if target is None:
        if url := os.environ.get(URL_VARIABLE, "").strip():
            return await choose_url(url, api_key, f"the environment variable {URL_VARIABLE} is set")
        key = find_key(api_key)
        if key is not None:
            return Choice("cloud", CLOUD_URL, f"an API key was found ({key.source})", key, "cloud")
        if await _answers(LOCAL_URL):
            return Choice("local", LOCAL_URL, "a ComfyUI answers there", None)
        return await _embedded(api_key, "no API key was found and no ComfyUI answers on 127.0.0.1:8188")
    if not isinstance(target, str):
        raise ComfyError(
            f"connect() takes a server, not {type(target).__name__} {clip(repr(target), 60)}.",
            hint=f"One of {', '.join(TARGETS)}, or a URL.",
        )
    name = target.strip().lower()
    if name == "cloud":
        key = find_key(api_key)
        if key is None:
            raise AuthenticationError(
                "Comfy Cloud asks for an API key, and none was found.",
                hint=f"%comfy login stores one; {KEY_VARIABLES[0]} and connect(api_key=…) work too. "
                "%comfy connect embedded needs no account.",
            )
        return Choice("cloud", CLOUD_URL, f"as asked, with the key from {key.source}", key, "cloud")
    if name == "local":
        key = Key(api_key, "the api_key argument") if api_key else None
        return Choice("local", LOCAL_URL, "as asked", key)
    if name == "embedded":
        return await _embedded(api_key, "as asked")
    return await choose_url(target, api_key, "as asked")


async def choose_url(url: str, api_key: str | None, reason: str) -> Choice:
    """A server by its URL. The stored key is the Cloud's: another host gets only one meant for it."""
    found = base_url(url).removesuffix("/api")  # the base of the routes, as some guides give it
    if found == CLOUD_URL:
        return Choice("cloud", found, reason, find_key(api_key), "cloud")
    key = Key(api_key.strip(), "the api_key argument") if api_key else _key_for_url(reason)
    return Choice(found, found, reason, key)


def _key_for_url(reason: str) -> Key | None:
    """The key in the environment is sent to COMFY_BASE_URL only, never to another URL unasked."""
    return environment_key() if URL_VARIABLE in reason else None


async def _embedded(api_key: str | None, reason: str) -> Choice:
    from .embedded import launcher

    joined = launcher.running is not None
    server = await asyncio.get_running_loop().run_in_executor(None, launcher.start)
    why = f"{reason}; {'joined the one running' if joined else f'started as process {server.pid}'}"
    key = Key(server.api_key, "the embedded server")
    return Choice("embedded", server.url, why, key, "cloud", server)


async def _answers(url: str) -> bool:
    """Whether a ComfyUI answers at once on this machine."""
    http = Http(Access(url))
    try:
        found = await http.request(
            "GET", "/api/system_stats", accept=tuple(range(300, 600)), timeout=1.5, idempotent=False
        )
        body = found.json()
        return found.status == 200 and isinstance(body, Mapping) and "system" in body
    except ComfyError:
        return False
    finally:
        await http.close()


def _verify(verify: bool | str | Path) -> bool | str:
    if isinstance(verify, bool):
        return verify
    path = Path(verify).expanduser()
    if not path.exists():
        raise ComfyError(f"There is no CA file {str(verify)!r}.", hint="verify= takes a PEM file's path.")
    from . import tls

    tls.check(str(path))
    return str(path)


def _require_sendable(access: Access) -> None:
    """Refuse characters that a header cannot hold, such as the line break that begins another header."""
    if access.key is not None and not _is_plain(access.key.value):
        raise AuthenticationError(
            f"The API key from {access.key.source} contains characters that an API key cannot have.",
            hint="Copy it again: line breaks and typographic characters slip in.",
        )
    for name, value in access.own_headers().items():
        if not _is_plain(name) or not _is_plain(value):
            raise ComfyError(
                f"The header {name!r} contains characters that a header cannot have.",
                hint="Usually a line break or an accented letter.",
            )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


async def _check_account(http: Http, dialect: Dialect) -> None:
    """Raise now, not at the first run, when the key is wrong or the account not active."""
    if http.access.key is None:
        raise AuthenticationError(
            f"{http.access.url} asks for an API key, and none was given.",
            hint="connect(url, api_key=…), or COMFY_CLOUD_API_KEY beside COMFY_BASE_URL.",
        )
    await dialect.user(http)
