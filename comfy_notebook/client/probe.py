"""The dialects by name, and which of them a server speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import ConnectionFailed
from .cloud import Cloud
from .comfyui import ComfyUI
from .dialect import Dialect
from .failures import error_of
from .http import Http


def kinds() -> dict[str, Callable[[], Dialect]]:
    """The dialects by name."""
    return {"cloud": Cloud, "comfyui": ComfyUI}


async def probe(http: Http) -> Dialect:
    """The dialect of a server, found by requesting routes that only one kind of server has.

    The Cloud has `/api/user`, which needs a key; ComfyUI has no such route. Raises `ConnectionFailed` when
    neither kind of server answers.
    """
    every = tuple(range(300, 600))
    user = await http.request("GET", "/api/user", accept=every, doing="the question what it is")
    said = user.json()
    if user.status in (200, 401, 403) and isinstance(said, Mapping) and "status" in said:
        return Cloud()
    if user.status == 401 and isinstance(said, Mapping) and "code" in said:
        return Cloud()
    stats = await http.request("GET", "/api/system_stats", accept=every, doing="the question what it is")
    if stats.status == 200 and isinstance(found := stats.json(), Mapping) and "system" in found:
        return ComfyUI()
    if stats.status in (401, 403, 407) or user.status in (401, 403, 407):
        raise error_of(stats if stats.status >= 400 else user, doing="a first question", access=http.access)
    if stats.status in (301, 302, 303, 307, 308):
        raise ConnectionFailed(
            f"{http.access.url} redirects elsewhere, which a ComfyUI server does not.",
            hint="A sign-in page may stand before it: pass headers=, cookies= or auth= to connect.",
        )
    raise ConnectionFailed(
        f"{http.access.url} answers, but not as a ComfyUI or Comfy Cloud server does "
        f"(HTTP {stats.status} for /api/system_stats).",
        hint="Check the port and the base path.",
    )
