"""The dialects by name, and which of them a server speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ..errors import ComfyError, ConnectionFailed
from .cloud import Cloud
from .comfyui import ComfyUI
from .dialect import Dialect
from .exchange import REDIRECTS, Response
from .failures import error_of
from .http import Http

PAUSES = (0.5, 1.0, 2.0)
"""Seconds between questions to a server whose answers are not its own."""


def kinds() -> dict[str, Callable[[], Dialect]]:
    """The dialects by name."""
    return {"cloud": Cloud, "comfyui": ComfyUI}


async def probe(http: Http) -> Dialect:
    """The dialect of a server, found by requesting routes that only one kind of server has.

    The Cloud has `/api/user`, which needs a key; ComfyUI has no such route, and answers `/api/system_stats`.
    A busy server or a proxy is asked again: its answer says nothing about the dialect. Raises
    `ConnectionFailed` when neither kind of server answers.
    """
    user = await _ask(http, "/api/user")
    for pause in PAUSES:
        said = user.json()
        if user.status in (200, 401, 403) and isinstance(said, Mapping) and "status" in said:
            return Cloud()
        if user.status == 401 and isinstance(said, Mapping) and "code" in said:
            return Cloud()
        if not _is_passing(user):
            break
        await asyncio.sleep(pause)
        user = await _ask(http, "/api/user")
    stats = await _ask(http, "/api/system_stats")
    found = stats.json()
    if stats.status == 200 and isinstance(found, Mapping) and "system" in found and user.status < 500:
        return ComfyUI()
    raise _neither(http, user, stats)


async def _ask(http: Http, path: str) -> Response:
    return await http.request("GET", path, accept=tuple(range(300, 600)), doing="the question what it is")


def _is_passing(answer: Response) -> bool:
    """Whether an answer is one of a busy server or a proxy, rather than of the route."""
    return answer.status >= 500 or answer.status == 429 or (answer.status < 300 and answer.json() is None)


def _neither(http: Http, user: Response, stats: Response) -> ComfyError:
    """Why the dialect cannot be told."""
    url = http.access.url
    if stats.status in (401, 403, 407) or user.status in (401, 403, 407):
        return error_of(stats if stats.status >= 400 else user, doing="a first question", access=http.access)
    if stats.status in REDIRECTS:
        redirect = error_of(stats, doing="a first question", access=http.access)
        return ConnectionFailed(redirect.message, hint=redirect.hint)
    if user.status >= 500 or user.status == 429:
        return ConnectionFailed(
            f"{url} answered HTTP {user.status} for /api/user, so its kind of server is not known.",
            hint='Try again, or say which: connect(url, dialect="comfyui") or "cloud".',
        )
    return ConnectionFailed(
        f"{url} answers, but not as a ComfyUI or Comfy Cloud server does "
        f"(HTTP {stats.status} for /api/system_stats).",
        hint="Check the port and the base path.",
    )
