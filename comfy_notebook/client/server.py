"""What a server says of itself and what it holds besides jobs: features, versions, model files.

Models are listed by ComfyUI at `/api/models[/folder]` (names), by the Cloud at
`/api/experiment/models[/folder]` (objects with a name).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ..errors import ComfyError
from ..text import did_you_mean
from .records import ServerInfo

if TYPE_CHECKING:
    from .connection import Connection
    from .http import Http

T = TypeVar("T")

_NO_ROUTE = (404, 405, 501)


async def features(http: Http) -> dict[str, Any]:
    """The feature flags."""
    return await _object(http, "/api/features", "the features")


async def system_stats(http: Http) -> dict[str, Any]:
    """Versions, devices and memory, as the server gives them."""
    return await _object(http, "/api/system_stats", "the system stats")


async def _object(http: Http, path: str, doing: str) -> dict[str, Any]:
    found = (await http.get(path, doing=doing)).json()
    return found if isinstance(found, dict) else {}


async def model_folders(http: Http) -> list[str]:
    """The folders that models are kept in."""
    for path in ("/api/experiment/models", "/api/models"):
        answer = await http.request("GET", path, accept=_NO_ROUTE, doing="the model folders")
        if answer.status == 200 and isinstance(found := answer.json(), list):
            return sorted(filter(None, (_model_name(item) for item in found)))
    return []


async def models_in(http: Http, folder: str) -> list[str]:
    """The models in a folder. Raises `ComfyError` with the closest names for an unknown folder."""
    for path in ("/api/experiment/models", "/api/models"):
        answer = await http.request(
            "GET", f"{path}/{quote(folder, safe='')}", accept=_NO_ROUTE, doing="the models"
        )
        if answer.status == 200 and isinstance(found := answer.json(), list):
            return [name for item in found if (name := _model_name(item))]
    known = await model_folders(http)
    if folder in known:
        return []
    raise ComfyError(
        f"The server has no model folder {folder!r}.",
        hint=did_you_mean(folder, known) or (f"It has {', '.join(known)}." if known else ""),
    )


def _model_name(item: Any) -> str:
    if isinstance(item, Mapping):
        item = item.get("name")
    return item if isinstance(item, str) else ""


async def describe(connection: Connection) -> ServerInfo:
    """What `info()` returns, requested at once; None for what the server does not tell."""
    http, dialect = connection.http, connection.dialect
    stats, queue, user = await asyncio.gather(
        _or_none(system_stats(http)), dialect.queue(http), _or_none(dialect.user(http))
    )
    stats = stats or {}
    system = stats.get("system")
    system = system if isinstance(system, Mapping) else {}
    devices = stats.get("devices")
    version = system.get("comfyui_version") or system.get("cloud_version")
    return ServerInfo(
        url=connection.url,
        dialect=dialect.name,
        version=str(version) if version else None,
        user=user,
        running=len(queue.running),
        pending=len(queue.pending),
        devices=tuple(
            str(device.get("name", "?"))
            for device in (devices if isinstance(devices, list) else [])
            if isinstance(device, Mapping)
        ),
        reason=connection.reason,
        pid=connection.server.pid if connection.server is not None else None,
    )


async def _or_none(asked: Awaitable[T]) -> T | None:
    with contextlib.suppress(ComfyError):
        return await asked
    return None


async def diagnose(connection: Connection) -> list[str]:
    """The lines about this connection in the report of `%comfy debug`."""
    live, key = connection.live, connection.access.key
    events = f"{'connected' if live.alive else 'not connected'}, {live.generation} times"
    lines = [
        f"connected to {connection.target} at {connection.url}, {connection.dialect.name} dialect",
        f"chosen: {connection.reason}",
        f"API key: {key.source if key is not None else 'none'}",
        f"last HTTP status: {connection.http.last_status}",
        f"live events: {events}; {live.last_error or 'no error'}",
        f"jobs being followed: {len(live)}",
    ]
    try:
        info = await describe(connection)
        lines.append(f"server: {info.version}, {info.running} running, {info.pending} waiting")
    except ComfyError as error:
        lines.append(f"server: {type(error).__name__}: {error}")
    if connection.server is not None:
        lines += [
            "embedded server's log:",
            *(f"  {line}" for line in connection.server.log(10).splitlines()),
        ]
    return lines
