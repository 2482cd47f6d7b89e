"""ComfyUI's own spellings, for `--dialect comfyui`: what its routes answer where the Cloud's differ.

No key, one user, one job at a time. Facts are from recordings of ComfyUI 0.3.64 and 0.33.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from ..assets import download_headers
from ..http import Refused, query_int, read_json, server_of, user_of
from ..jobs import Job
from ..pictures import NotAPicture, reencode, take_alpha, take_channel
from ..server import MODELS
from .files import find_file
from .history import ENDED
from .jobs import execution_meta, execution_status
from .queue import local_item


async def view(request: Request) -> Response:
    """The bytes of a file, or a picture made from it."""
    server = server_of(request)
    query = request.query_params
    if not query.get("filename"):
        return Response(status_code=404)
    if any(".." in query.get(name, "").replace("\\", "/").split("/") for name in ("filename", "subfolder")):
        return Response(status_code=400 if ".." in query["filename"] else 403)
    if query["filename"].startswith("/"):
        return Response(status_code=400)
    try:
        asset = find_file(request, default="output")
    except Refused as error:
        return Response(status_code=error.status)
    path, headers = server.assets.path(asset), download_headers(asset.filename, asset.mime)
    preview, channel = query.get("preview"), query.get("channel", "rgba")
    try:
        if preview is not None:
            data, mime = await asyncio.to_thread(reencode, path, preview, channel)
            return Response(data, media_type=mime, headers=headers)
        if channel == "rgb":
            return Response(
                await asyncio.to_thread(take_channel, path, False), media_type="image/png", headers=headers
            )
        if channel == "a":
            return Response(
                await asyncio.to_thread(take_alpha, path), media_type="image/png", headers=headers
            )
    except NotAPicture as error:
        raise Refused(400, str(error)) from None
    return FileResponse(path, media_type=asset.mime, headers=headers | {"ETag": f'"{asset.hash}"'})


async def list_history(request: Request) -> Response:
    """Ended jobs by id, oldest first; `max_items` the newest, or from `offset` on."""
    newest = query_int(request, "max_items", -1, -(10**9), 10**9)
    offset = query_int(request, "offset", -1, -(10**9), 10**9)
    limit = newest if newest >= 0 else 10_000
    jobs, _ = server_of(request).jobs.page(
        user_of(request),
        statuses=ENDED,
        descending=offset < 0,
        offset=max(offset, 0),
        limit=limit,
        vanished=False,
    )
    ordered = jobs if offset >= 0 else list(reversed(jobs))
    return JSONResponse({job.id: _entry(job) for job in ordered})


async def get_history(request: Request) -> Response:
    """One ended job by its id; an unknown one is an empty object."""
    job = server_of(request).jobs.get(user_of(request), request.path_params["prompt_id"])
    if job is None or not job.status.is_final or job.vanished:
        return JSONResponse({})
    return JSONResponse({job.id: _entry(job)})


async def models(request: Request) -> Response:
    """The model folders, or the models of one."""
    folder = request.path_params.get("folder")
    if folder is None:
        return JSONResponse(list(MODELS))
    return JSONResponse(MODELS[folder]) if folder in MODELS else Response(status_code=404)


async def assets_disabled(request: Request) -> Response:
    """The answer of a ComfyUI that was started without its assets."""
    message = "Assets system is disabled. Start the server with --enable-assets to use this feature."
    error = {"code": "SERVICE_DISABLED", "message": message, "details": {}}
    return JSONResponse({"error": error}, status_code=503)


async def free(request: Request) -> Response:
    """Let go of kept results."""
    body = await read_json(request, empty={})
    if body.get("free_memory") or body.get("unload_models"):
        server_of(request).cache.clear()
    return Response()


async def output_files(request: Request) -> Response:
    """The names in a folder, newest first as ComfyUI's editor asks for them."""
    folder = request.path_params["folder"]
    if folder not in ("input", "output", "temp"):
        return Response(status_code=400)
    names = server_of(request).assets.names(user_of(request), folder)
    return JSONResponse([name for name in names if "/" not in name])


def _entry(job: Job) -> dict[str, Any]:
    return {
        "prompt": local_item(job),
        "outputs": job.outputs,
        "status": execution_status(job),
        "meta": execution_meta(job),
    }
