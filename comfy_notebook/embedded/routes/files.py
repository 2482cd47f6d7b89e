"""Files out: `/api/view` and `/api/files/mask-layers`.

On the Cloud a file is read in two steps: this route answers 302 to a signed URL on the storage
origin, which needs no key and must be given none. Only a picture taken apart (`channel`) is answered
here. ComfyUI's dialect answers with the bytes.
"""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ..assets import KINDS, LAYERS, Asset
from ..http import Refused, query_int, server_of, user_of
from ..pictures import NotAPicture, take_channel, thumbnail
from ..server import Server

_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]")
_CHANNELS = ("rgb", "a", "alpha")


async def view(request: Request) -> Response:
    """Where a file can be read; with `channel` part of a picture, with `res` a small one.

    `res` (64 to 1024, the longer edge) is the newer specification's.
    """
    server = server_of(request)
    asset = find_file(request)
    query_int(request, "frame_rate", 0, -(10**18), 10**18)
    query_int(request, "timestamp", 0, -(10**18), 10**18)
    channel = request.query_params.get("channel")
    if channel:
        if channel not in _CHANNELS and channel != "rgba":
            raise Refused(400, f"channel must be one of {', '.join(_CHANNELS)}.")
        if channel != "rgba":
            try:
                png = await asyncio.to_thread(take_channel, server.assets.path(asset), channel[0] == "a")
            except NotAPicture as error:
                raise Refused(400, str(error)) from None
            return Response(png, media_type="image/png")
    if "res" in request.query_params:
        edge = query_int(request, "res", 512, 64, 1024)
        try:
            jpeg = await asyncio.to_thread(thumbnail, server.assets.path(asset), edge)
        except NotAPicture as error:
            raise Refused(400, str(error)) from None
        return Response(jpeg, media_type="image/jpeg")
    return RedirectResponse(storage_url(request, server, asset), status_code=302)


def find_file(request: Request, default: str | None = None) -> Asset:
    """The file a query names (of the type `default` when it names no type); a 400 or 404 when none."""
    query = request.query_params
    filename, subfolder = query.get("filename", ""), query.get("subfolder", "")
    type = query.get("type") or default
    if not filename:
        raise Refused(400, "filename is needed.")
    if type is not None and type not in KINDS:
        raise Refused(400, f"type must be one of {', '.join(KINDS)}.")
    server, user = server_of(request), user_of(request)
    asset = server.assets.find(user, filename, subfolder, type)
    if asset is None:
        raise Refused(404, "There is no such file.", "FILE_NOT_FOUND")
    return asset


def storage_url(request: Request, server: Server, asset: Asset) -> str:
    """The signed URL of a file, on the host this request came to."""
    host = request.url.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host):
        host = "127.0.0.1"
    path = server.signer.path(asset.hash, asset.filename, asset.mime)
    return f"{request.url.scheme}://{host}:{server.storage_port}{path}"


async def mask_layers(request: Request) -> Response:
    """The files of the mask editor that belong together."""
    filename = request.query_params.get("filename", "")
    assets = server_of(request).assets
    asset = assets.find(user_of(request), filename) if filename else None
    layers = assets.mask_layers(asset) if asset is not None else None
    if layers is None:
        raise Refused(404, "There is no such mask.", "FILE_NOT_FOUND")
    return JSONResponse({layer: layers.get(layer) for layer in LAYERS})
