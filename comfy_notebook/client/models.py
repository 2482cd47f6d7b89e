"""Models by folder, by whichever route a server has.

ComfyUI has `/api/models[/folder]` (names); the Cloud `/api/experiment/models[/folder]` (objects).
A server with neither still lists them as the choices of its loaders in object_info.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import ComfyError
from ..text import did_you_mean

if TYPE_CHECKING:
    from ..clients import AsyncClient
    from .http import Http

_ABSENT = (404, 405, 501)


async def folders(http: Http) -> list[str]:
    """The folders models are kept in."""
    for path in ("/api/experiment/models", "/api/models"):
        answer = await http.request("GET", path, accept=_ABSENT, doing="the model folders")
        if answer.status == 200 and isinstance(found := answer.json(), list):
            return sorted(filter(None, (_name(item) for item in found)))
    return []


async def models_in(client: AsyncClient, folder: str) -> list[str]:
    """The names of the models in a folder. Raises `ComfyError` with the closest names for an unknown one."""
    http = client.http
    for path in ("/api/experiment/models", "/api/models"):
        answer = await http.request(
            "GET", f"{path}/{quote(folder, safe='')}", accept=_ABSENT, doing="the models"
        )
        if answer.status == 200 and isinstance(found := answer.json(), list):
            return [name for item in found if (name := _name(item))]
    known = await folders(http)
    if folder in known:
        return []
    raise ComfyError(
        f"The server has no model folder {folder!r}.",
        hint=did_you_mean(folder, known) or (f"It has {', '.join(known)}." if known else ""),
    )


def _name(item: Any) -> str:
    if isinstance(item, Mapping):
        item = item.get("name")
    return item if isinstance(item, str) else ""
