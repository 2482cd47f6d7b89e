"""Files in: `/api/upload/image` and `/api/upload/mask`.

The Cloud stores by content: the answer's `name` is the hash with the file's extension, `overwrite` means
nothing, and the `subfolder` is handed back and used for nothing. ComfyUI keeps names: the same name with
other bytes becomes "name (1).png" unless `overwrite` is exactly "true" or "1" (upload_view recording).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..assets import KINDS, Asset, extension, mime_of
from ..forms import Form, read_form
from ..http import Refused, parse_json, server_of, user_of
from ..pictures import NotAPicture, apply_mask, opened
from ..server import Server
from ..userdata import BadPath, normal


async def upload_image(request: Request) -> Response:
    """Store a file a graph can then name."""
    form = await read_form(request)
    data, filename = await _file(form)
    await asyncio.to_thread(check_picture, data, filename)
    # The contract's default; ComfyUI's is "input".
    local = server_of(request).options.dialect == "comfyui"
    type = form.text("type") or ("input" if local else "output")
    asset = _store(request, form, data, filename, type)
    return JSONResponse(_answer(asset, form))


async def upload_mask(request: Request) -> Response:
    """Store an uploaded picture with the alpha of a mask: what is transparent there is to be repainted."""
    server, user = server_of(request), user_of(request)
    form = await read_form(request)
    data, filename = await _file(form)
    reference = _reference(form)
    original = server.assets.find(user, reference["filename"], reference["subfolder"], reference["type"])
    if original is None:
        raise Refused(400, "original_ref names no file of yours.", "FILE_NOT_FOUND")
    try:
        picture = await asyncio.to_thread(apply_mask, server.assets.path(original), data)
    except NotAPicture as error:
        raise Refused(400, str(error), "INVALID_IMAGE") from None
    metadata = {
        "is_mask": True,
        "original_hash": f"{original.hash}{extension(original.filename)}",
        "mask_type": "painted_masked",
    }
    # Both dialects default to "output" here.
    type = form.text("type") or "output"
    asset = _store(request, form, picture, _png_name(filename), type, metadata)
    answer = _answer(asset, form)
    if server.options.dialect == "cloud":
        related = server.assets.mask_layers(asset) or {}
        related = {layer: name for layer, name in related.items() if name != asset.filename}
        answer["metadata"] = metadata | {"related_files": related}
    return JSONResponse(answer)


def check_picture(data: bytes, filename: str) -> None:
    """Refuse a picture beyond the contract's limits; other files (SVG among them) are kept as they are."""
    if not mime_of(filename).startswith("image/") or mime_of(filename) == "image/svg+xml":
        return
    try:
        with opened(data):
            pass
    except NotAPicture as error:
        raise Refused(400, str(error), "INVALID_IMAGE") from None


def hash_name(server: Server, data: bytes, filename: str) -> str:
    """The name the Cloud gives a content: its hash, with the extension it came with."""
    return f"{server.blobs.hash(data)}{extension(filename)}"


def _store(
    request: Request,
    form: Form,
    data: bytes,
    filename: str,
    type: str,
    metadata: dict[str, Any] | None = None,
) -> Asset:
    server, user = server_of(request), user_of(request)
    if type not in KINDS:
        raise Refused(400, f"type must be one of {', '.join(KINDS)}.")
    if server.options.dialect == "comfyui":
        return _store_by_name(server, user, form, data, filename, type, metadata or {})
    name = hash_name(server, data, filename)
    known = server.assets.exact(user, name, "", type)
    if known is not None and known.name == (filename or name):
        return known
    return server.assets.add(Asset(user, name, type, name=filename, metadata=metadata or {}), data)


def _store_by_name(
    server: Server, user: str, form: Form, data: bytes, filename: str, type: str, metadata: dict[str, Any]
) -> Asset:
    try:
        subfolder = normal(form.text("subfolder"))
        name = normal(filename)
    except BadPath:
        raise Refused(400, "The name or the subfolder leads out of the folder.") from None
    if not name or "/" in name:
        raise Refused(400, "The file name must be a plain name.")
    if form.text("overwrite") in ("true", "1"):
        return server.assets.add(Asset(user, name, type, subfolder, metadata=metadata), data, overwrite=True)
    digest = server.blobs.hash(data)
    for candidate in _candidates(name):
        known = server.assets.exact(user, candidate, subfolder, type)
        if known is None:
            return server.assets.add(Asset(user, candidate, type, subfolder, metadata=metadata), data)
        if known.hash == digest:
            return known
    raise AssertionError("there is always a next number")


def _candidates(name: str) -> Iterator[str]:
    yield name
    path, number = PurePosixPath(name), 1
    while True:
        yield f"{path.stem} ({number}){path.suffix}"
        number += 1


def _answer(asset: Asset, form: Form) -> dict[str, Any]:
    return {
        "name": asset.filename,
        "subfolder": asset.subfolder or form.text("subfolder"),
        "type": asset.type,
    }


def _png_name(filename: str) -> str:
    return f"{PurePosixPath(filename).stem or 'mask'}.png"


def _reference(form: Form) -> dict[str, Any]:
    text = form.text("original_ref")
    if not text:
        raise Refused(400, "original_ref is needed: a JSON object naming the original picture.")
    found = parse_json(text.encode("utf-8", "surrogatepass"))
    if not isinstance(found, dict) or not isinstance(found.get("filename"), str) or not found["filename"]:
        raise Refused(400, "original_ref must be a JSON object with a filename.")
    reference = {
        "filename": found["filename"],
        "subfolder": found.get("subfolder") or "",
        "type": found.get("type"),
    }
    if not isinstance(reference["subfolder"], str) or reference["type"] not in (None, "", *KINDS):
        raise Refused(400, "original_ref has a subfolder or type that cannot be.")
    reference["type"] = reference["type"] or None
    return reference


async def _file(form: Form) -> tuple[bytes, str]:
    upload = form.get("image")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "The form has no file called image.")
    return await upload.read(), upload.filename or ""
