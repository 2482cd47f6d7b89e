"""Files in: `/api/upload/image` and `/api/upload/mask`.

The Cloud stores by content: the answer's `name` is the hash with the file's extension, `overwrite` means
nothing, and the `subfolder` is handed back and used for nothing. ComfyUI's dialect keeps names.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..assets import KINDS, extension, mime_of
from ..forms import Form, read_form
from ..http import Refused, server_of, user_of
from ..pictures import NotAPicture, opened
from ..server import Server


async def upload_image(request: Request) -> Response:
    """Store a file a graph can then name."""
    server = server_of(request)
    form = await read_form(request)
    data, filename = await _file(form)
    await asyncio.to_thread(check_picture, data, filename)
    # The contract's default; ComfyUI's is "input" (protocol §10).
    type = form.text("type") or "output"
    return JSONResponse(store_upload(server, user_of(request), data, filename, type, form.text("subfolder")))


def store_upload(
    server: Server, user: str, data: bytes, filename: str, type: str, subfolder: str
) -> dict[str, str]:
    """Store by content, and say under which name."""
    if type not in KINDS:
        raise Refused(400, f"type must be one of {', '.join(KINDS)}.")
    digest = server.blobs.put(data)
    name = f"{digest}{extension(filename)}"
    if server.assets.exact(user, name, "", type) is None:
        server.assets.refer(
            user, digest, len(data), name, type=type, name=filename or name, mime=mime_of(name)
        )
    return {"name": name, "subfolder": subfolder, "type": type}


def check_picture(data: bytes, filename: str) -> None:
    """Refuse a picture beyond the contract's limits; what is no picture is kept as it is."""
    if not mime_of(filename).startswith("image/"):
        return
    try:
        with opened(data):
            pass
    except NotAPicture as error:
        raise Refused(400, str(error), "INVALID_IMAGE") from None


async def _file(form: Form) -> tuple[bytes, str]:
    upload = form.get("image")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "The form has no file called image.")
    return await upload.read(), upload.filename or ""
