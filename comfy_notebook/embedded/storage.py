"""The storage origin: `GET /objects/{hash}` with a valid signature, on another port of the process.

It knows no keys and no users: the URL is the permission, for one object and a limited time.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from .assets import download_headers
from .blobs import HASH
from .http import server_of


async def get_object(request: Request) -> Response:
    """The object a signed URL names, whole or in part (`Range`)."""
    server = server_of(request)
    digest = request.path_params["digest"]
    grant = server.signer.check(digest, request.query_params) if HASH.fullmatch(digest) else None
    if grant is None:
        return JSONResponse(
            {"code": "FORBIDDEN", "message": "This link has expired or is not valid."}, status_code=403
        )
    path = server.blobs.path(grant.digest)
    if not path.is_file():
        return JSONResponse({"code": "NOT_FOUND", "message": "The object is gone."}, status_code=404)
    etag = f'"{grant.digest}"'
    headers = download_headers(grant.name, grant.mime) | {
        "ETag": etag,
        "Cache-Control": "private, max-age=3600, immutable",
        "Access-Control-Allow-Origin": "*",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=grant.mime, headers=headers)


ROUTES = [Route("/objects/{digest}", get_object, methods=["GET"])]
