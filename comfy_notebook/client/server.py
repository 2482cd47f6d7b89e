"""What a server says of itself and what holds besides jobs: features, versions, models, its log, workflows.

Models are listed by ComfyUI at `/api/models[/folder]` (names), by the Cloud at
`/api/experiment/models[/folder]` (objects with a name). The editor keeps its workflows in the user's files,
below `workflows/`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ..errors import ComfyError, WorkflowNotFound
from ..text import did_you_mean, printable
from .records import ServerInfo

if TYPE_CHECKING:
    from .connection import Connection
    from .http import Http

T = TypeVar("T")

_NO_ROUTE = (404, 405, 501)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LONGEST_LINE = 2000


async def features(http: Http) -> dict[str, Any]:
    """The feature flags."""
    return await _object(http, "/api/features", "the features")


async def system_stats(http: Http) -> dict[str, Any]:
    """Versions, devices and memory, as the server gives them."""
    return await _object(http, "/api/system_stats", "the system stats")


async def _object(http: Http, path: str, doing: str) -> dict[str, Any]:
    return (await http.get(path, doing=doing)).object(doing)


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


async def free(http: Http, *, unload_models: bool, free_memory: bool) -> None:
    """Have the server unload its models, and drop its cache of results with them."""
    body = {"unload_models": unload_models, "free_memory": free_memory}
    doing = "freeing memory"
    answer = await http.request(
        "POST", "/api/free", body=body, idempotent=True, accept=_NO_ROUTE, doing=doing
    )
    if answer.status in _NO_ROUTE:
        raise ComfyError(f"{http.access.url} has no way to free memory.", hint="It manages its own memory.")


async def logs(http: Http, lines: int) -> str:
    """The last lines of the server's own log, without terminal codes and secrets."""
    answer = await http.request("GET", "/internal/logs/raw", accept=_NO_ROUTE, doing="the server's log")
    if answer.status in _NO_ROUTE:
        raise ComfyError(f"{http.access.url} does not show its log.")
    entries = answer.object("the server's log", "entries")["entries"]
    said = [str(entry.get("m", "")) for entry in entries or () if isinstance(entry, Mapping)]
    text = _ANSI.sub("", "".join(said)).replace("\r", "\n")
    kept = [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(printable(line, _LONGEST_LINE) for line in kept)


async def workflow_names(http: Http) -> list[str]:
    """The workflows that the editor saved on the server, without `.json`."""
    answer = await http.request(
        "GET",
        "/api/userdata",
        params={"dir": "workflows", "recurse": "true", "full_info": "true"},
        accept=(400, *_NO_ROUTE),
        doing="the saved workflows",
    )
    if answer.status >= 400:
        return []
    found = answer.array("the saved workflows")
    paths = [item.get("path") if isinstance(item, Mapping) else item for item in found]
    names = (path.removeprefix("workflows/") for path in paths if isinstance(path, str))
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


async def saved_workflow(http: Http, name: str) -> Any:
    """The document of a saved workflow. Raises `WorkflowNotFound` with the closest names."""
    answer = await http.request("GET", _workflow_path(name), accept=_NO_ROUTE, doing="the workflow")
    if answer.status in _NO_ROUTE:
        known = await workflow_names(http)
        raise WorkflowNotFound(
            f"The server has no saved workflow {name!r}.",
            hint=did_you_mean(name, known) or (f"It has {', '.join(known[:10])}." if known else ""),
        )
    return answer.object("the workflow")


async def save_workflow(http: Http, document: Any, name: str, *, overwrite: bool) -> None:
    """Save a workflow's document. Raises `ComfyError` when there is one of that name."""
    params = {"overwrite": "true" if overwrite else "false"}
    answer = await http.request(
        "POST", _workflow_path(name), params=params, body=document, accept=(409,), doing="the workflow",
        idempotent=overwrite,
    )  # fmt: skip
    if answer.status == 409:
        raise ComfyError(f"The server has a workflow {name!r} already.", hint="overwrite=True replaces it.")


def _workflow_path(name: str) -> str:
    path = f"workflows/{name.removesuffix('.json')}.json"
    return f"/api/userdata/{quote(path, safe='')}"


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
            _device(device)
            for device in (devices if isinstance(devices, list) else [])
            if isinstance(device, Mapping)
        ),
        reason=connection.reason,
        pid=connection.server.pid if connection.server is not None else None,
    )


def _device(device: Mapping[str, Any]) -> str:
    """A device's name, with its memory if it has its own."""
    name, total, left = str(device.get("name", "?")), device.get("vram_total"), device.get("vram_free")
    if (
        device.get("type") == "cpu"
        or not isinstance(total, (int, float))
        or not isinstance(left, (int, float))
    ):
        return name
    return f"{name} ({left / 2**30:.1f} of {total / 2**30:.1f} GB VRAM free)" if total > 0 else name


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
