"""`/api/userdata`: the files an editor keeps on the server. Refusals here are plain text, by the contract.

Writing answers with the file's full description: the contract's schema for it has no other form, though
ComfyUI's own answers with the path alone unless asked.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..http import query_bool, query_choice, read_body, server_of, user_of
from ..options import MAX_UPLOAD
from ..userdata import BadPath, UserFile
from .jobs import iso


async def list_userdata(request: Request) -> Response:
    """The files of a folder."""
    folder = request.query_params.get("dir", "")
    recurse = query_bool(request, "recurse", False)
    if not folder:
        return PlainTextResponse("Directory not provided", 400)
    server = server_of(request)
    try:
        files = server.userdata.list(user_of(request), folder, recurse)
    except BadPath:
        return PlainTextResponse("Invalid directory", 400)
    if files is None:
        return PlainTextResponse("Directory not found", 404)
    if server.options.dialect == "comfyui" and not query_bool(request, "full_info", False):
        return JSONResponse([file.path for file in files])
    return JSONResponse(
        [{"path": file.path, "size": file.size, "modified": file.modified / 1000} for file in files]
    )


async def get_userdata(request: Request) -> Response:
    """The content of a file."""
    try:
        content = server_of(request).userdata.read(user_of(request), request.path_params["file"])
    except BadPath:
        return PlainTextResponse("Invalid path", 400)
    if content is None:
        return PlainTextResponse("File not found", 404)
    return Response(
        content, media_type="application/octet-stream", headers={"X-Content-Type-Options": "nosniff"}
    )


async def post_userdata(request: Request) -> Response:
    """Write a file."""
    overwrite = query_choice(request, "overwrite", "true", ("true", "false")) == "true"
    query_choice(request, "full_info", "false", ("true", "false"))
    content = await read_body(request, MAX_UPLOAD)
    server = server_of(request)
    try:
        file = server.userdata.write(user_of(request), request.path_params["file"], content, overwrite)
    except BadPath:
        return PlainTextResponse("Invalid path", 400)
    return _written(request, file)


async def move_userdata(request: Request) -> Response:
    """Rename a file (ComfyUI's route; the Cloud's contract has none)."""
    overwrite = query_choice(request, "overwrite", "true", ("true", "false")) == "true"
    names = request.path_params["file"], request.path_params["to"]
    try:
        file = server_of(request).userdata.move(user_of(request), *names, overwrite)
    except BadPath:
        return PlainTextResponse("Invalid path", 400)
    except KeyError:
        return PlainTextResponse("File not found", 404)
    return _written(request, file)


async def delete_userdata(request: Request) -> Response:
    """Delete a file."""
    try:
        found = server_of(request).userdata.remove(user_of(request), request.path_params["file"])
    except BadPath:
        found = False
    return Response(status_code=204) if found else PlainTextResponse("File not found", 404)


def _written(request: Request, file: UserFile | None) -> Response:
    if file is None:
        return PlainTextResponse("File already exists", 409)
    full: dict[str, Any] = {"path": file.path, "size": file.size, "modified": iso(file.modified)}
    short = server_of(request).options.dialect == "comfyui" and not query_bool(request, "full_info", False)
    return Response(json.dumps(file.path if short else full), media_type="application/json")
