"""`/api/assets`: a user's files as records, with names, tags and metadata of the user's own.

A hash finds the asking user's contents only: the Cloud shares contents between users who know the
hash, but a guess or a leaked hash should not read another user's file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..asset_search import SORTS, AssetSearch, Filter
from ..assets import Asset, extension, mime_of
from ..fetching import FetchFailed, fetch
from ..forms import read_form
from ..http import Refused, parse_json, query_bool, query_choice, query_int, read_json, server_of, user_of
from ..options import MAX_UPLOAD
from .asset_forms import (
    DETAILS,
    NEW_FROM_URL,
    NEW_REFERENCE,
    TAGS,
    checked,
    hash_of,
    tags_of_form,
    type_of,
)
from .files import storage_url
from .jobs import iso
from .uploads import check_picture


async def list_assets(request: Request) -> Response:
    """One page of the user's assets."""
    limit = query_int(request, "limit", 20, 1, 500)
    offset = query_int(request, "offset", 0, 0, 10**12)
    sort = query_choice(request, "sort", "created_at", tuple(SORTS))
    descending = query_choice(request, "order", "desc", ("asc", "desc")) == "desc"
    found = _search(request).matching(user_of(request), _filter(request), sort, descending)
    page = found[offset : offset + limit]
    return JSONResponse(
        {
            "assets": _shown(request, page),
            "total": len(found),
            "has_more": offset + len(page) < len(found),
        }
    )


async def create_asset(request: Request) -> Response:
    """Store a file: uploaded as a form, or fetched from a URL."""
    if request.headers.get("content-type", "").lower().startswith("application/json"):
        body = checked(await read_json(request), NEW_FROM_URL, ("url", "name"))
        try:
            fetched = await fetch(body["url"], MAX_UPLOAD, private=server_of(request).is_local)
        except FetchFailed as error:
            raise Refused(error.status, str(error)) from None
        return _keep(request, fetched.data, body["name"] or fetched.name, body | {"mime_type": fetched.mime})
    form = await read_form(request, status=413)
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise Refused(400, "The form has no file called file.")
    metadata = parse_json((form.text("user_metadata") or "{}").encode("utf-8", "surrogatepass"))
    fields = {name: form.text(name) for name in ("id", "name", "mime_type", "preview_id") if name in form}
    details = checked({**fields, "tags": tags_of_form(form), "user_metadata": metadata}, DETAILS)
    uploaded = upload.filename or "file"
    # A display name ("My Reference Image") does not tell the file type; the uploaded name does.
    details["mime_type"] = details.get("mime_type") or mime_of(details.get("name") or "", uploaded)
    data = await upload.read()
    return _keep(request, data, details.get("name") or uploaded, details, extension(uploaded))


async def create_from_hash(request: Request) -> Response:
    """Name a content the user already has."""
    body = checked(await read_json(request), NEW_REFERENCE, ("hash", "tags"))
    digest = hash_of(body["hash"])
    server, user = server_of(request), user_of(request)
    known = server.assets.by_hash(user, digest) if digest is not None else None
    if known is None:
        raise Refused(404, "You have no asset with this hash.")
    name = body.get("name") or known.name
    if known.name == name:
        return _created(request, known, new=False)
    asset = server.assets.refer(
        replace(known, id="", type=type_of(body["tags"]), subfolder="", name=name, filename=known.filename,
                mime=body.get("mime_type") or known.mime, metadata=body.get("user_metadata") or {}),
        tags=body["tags"],
    )  # fmt: skip
    return _created(request, asset, new=True)


async def get_asset(request: Request) -> Response:
    """One asset."""
    return JSONResponse(_shown(request, [_find(request)])[0])


async def update_asset(request: Request) -> Response:
    """Change the user's description of an asset; its content never changes."""
    body = checked(await read_json(request), DETAILS)
    if not body.keys() & {"name", "tags", "mime_type", "preview_id", "user_metadata"}:
        raise Refused(400, "Nothing to change: give a name, tags, mime_type, preview_id or user_metadata.")
    asset = _find(request)
    changed = server_of(request).assets.change(
        replace(
            asset,
            name=body.get("name") or asset.name,
            mime=body.get("mime_type") or asset.mime,
            metadata=body.get("user_metadata", asset.metadata),
            preview_id=body.get("preview_id", asset.preview_id),
        ),
        body.get("tags"),
    )
    shown = _shown(request, [changed])[0]
    wanted = ("id", "name", "asset_hash", "tags", "mime_type", "user_metadata", "updated_at")
    return JSONResponse({key: shown[key] for key in wanted})


async def delete_asset(request: Request) -> Response:
    """Delete an asset; its content goes with the last asset that has it."""
    asset = _find(request)
    server_of(request).assets.remove(asset.user, asset.id)
    return Response(status_code=204)


async def add_tags(request: Request) -> Response:
    """Tag an asset."""
    asset, had, given = await _tags_request(request)
    server_of(request).assets.change(asset, [*had, *given])
    total = sorted({*had, *given})
    return JSONResponse(
        {
            "added": [tag for tag in given if tag not in had],
            "already_present": [tag for tag in given if tag in had],
            "total_tags": total,
        }
    )


async def remove_tags(request: Request) -> Response:
    """Remove tags from an asset."""
    asset, had, given = await _tags_request(request)
    total = [tag for tag in had if tag not in given]
    server_of(request).assets.change(asset, total)
    return JSONResponse(
        {
            "removed": [tag for tag in given if tag in had],
            "not_present": [tag for tag in given if tag not in had],
            "total_tags": total,
        }
    )


async def list_tags(request: Request) -> Response:
    """The tags of the user's assets."""
    limit = query_int(request, "limit", 100, 1, 1000)
    offset = query_int(request, "offset", 0, 0, 10**12)
    by_name = query_choice(request, "order", "count_desc", ("count_desc", "name_asc")) == "name_asc"
    for name, default in (("include_zero", False), ("include_public", True)):
        query_bool(request, name, default)
    counts = _search(request).tag_counts(user_of(request), request.query_params.get("prefix", ""))
    tags = sorted(counts.items(), key=lambda item: item[0] if by_name else (-item[1], item[0]))
    page = tags[offset : offset + limit]
    return JSONResponse(
        {
            "tags": [{"name": name, "count": count} for name, count in page],
            "total": len(tags),
            "has_more": offset + len(page) < len(tags),
        }
    )


async def tag_histogram(request: Request) -> Response:
    """How often each tag occurs among the assets a filter lets through."""
    limit = query_int(request, "limit", 100, 1, 1000)
    search = _search(request)
    counts = search.histogram(search.matching(user_of(request), _filter(request)))
    return JSONResponse({"tag_counts": dict(list(counts.items())[:limit])})


async def has_hash(request: Request) -> Response:
    """Whether the user has a content of this hash."""
    digest = hash_of(request.path_params["hash"])
    if digest is None:
        raise Refused(400, "The hash must be written blake3:<64 hexadecimal digits>.")
    found = server_of(request).assets.by_hash(user_of(request), digest)
    return Response(status_code=200 if found is not None else 404)


async def remote_metadata(request: Request) -> Response:
    """What a URL would give, without fetching all of it."""
    url = request.query_params.get("url", "")
    if not url:
        raise Refused(400, "url is needed.")
    try:
        found = await fetch(url, 0, private=server_of(request).is_local)
    except FetchFailed as error:
        raise Refused(400 if error.status == 400 else 422, str(error)) from None
    return JSONResponse(
        {"content_length": found.length, "content_type": found.mime, "filename": found.name,
         "name": found.name, "tags": [], "validation": {"is_valid": True}}
    )  # fmt: skip


async def download(request: Request) -> Response:
    """Fetch a large file in the background; `/api/tasks/{id}` tells how that goes."""
    body = checked(await read_json(request), {**DETAILS, "source_url": str}, ("source_url",))
    server, user = server_of(request), user_of(request)
    known = server.downloads.known(user, body["source_url"])
    if known is not None:
        return _created(request, known, new=False)
    try:
        task = server.downloads.start(user, body["source_url"], body)
    except ValueError as error:
        raise Refused(400, str(error)) from None
    return JSONResponse({"task_id": task.id, "status": task.status, "message": task.message}, status_code=202)


async def get_task(request: Request) -> Response:
    """The progress of a background download (the contract names this route, and does not describe it)."""
    task = server_of(request).downloads.get(user_of(request), request.path_params["task_id"])
    if task is None:
        raise Refused(404, "There is no such task.")
    return JSONResponse(
        {"task_id": task.id, "status": task.status, "message": task.message, "asset_id": task.asset_id}
    )


def _keep(request: Request, data: bytes, name: str, details: dict[str, Any], suffix: str = "") -> Response:
    server, user = server_of(request), user_of(request)
    known = server.assets.get(user, details["id"]) if details.get("id") else None
    known = known or server.assets.by_hash(user, server.blobs.hash(data))
    if known is not None:
        return _created(request, known, new=False)
    if details.get("id") and server.assets.taken(details["id"]):
        raise Refused(400, "This id cannot be used.")
    suffix = extension(name) or suffix
    check_picture(data, f"file{suffix}")
    tags = details.get("tags") or []
    asset = Asset(
        user, f"{server.blobs.hash(data)}{suffix}", type_of(tags), name=name,
        mime=details.get("mime_type") or "", metadata=details.get("user_metadata") or {},
        preview_id=details.get("preview_id"), id=details.get("id") or "",
    )  # fmt: skip
    return _created(request, server.assets.add(asset, data, tags=tags), new=True)


def _created(request: Request, asset: Asset, *, new: bool) -> Response:
    body = _shown(request, [asset])[0] | {"created_new": new}
    return JSONResponse(body, status_code=201 if new else 200)


def _shown(request: Request, assets: list[Asset]) -> list[dict[str, Any]]:
    server = server_of(request)
    tags = _search(request).tags_of(assets)
    shown = []
    for asset in assets:
        body: dict[str, Any] = {
            "id": asset.id,
            "name": asset.name,
            "asset_hash": f"blake3:{asset.hash}",
            "size": asset.size,
            "mime_type": asset.mime,
            "tags": tags[asset.id],
            "user_metadata": dict(asset.metadata),
            "preview_id": asset.preview_id,
            "prompt_id": asset.job_id,
            "created_at": iso(asset.created),
            "updated_at": iso(asset.updated),
            "last_access_time": iso(asset.accessed),
            "is_immutable": False,
        }
        if asset.mime.startswith("image/"):
            body["preview_url"] = storage_url(request, server, asset)
            body["preview_id"] = asset.preview_id or asset.id
        shown.append(body)
    return shown


def _find(request: Request) -> Asset:
    asset = server_of(request).assets.get(user_of(request), str(request.path_params["id"]))
    if asset is None:
        raise Refused(404, "There is no such asset.", "ASSET_NOT_FOUND")
    return asset


async def _tags_request(request: Request) -> tuple[Asset, list[str], list[str]]:
    body = checked(await read_json(request), TAGS, ("tags",))
    if not body["tags"]:
        raise Refused(400, "tags must not be empty.")
    asset = _find(request)
    return asset, _search(request).tags_of([asset])[asset.id], list(dict.fromkeys(body["tags"]))


def _filter(request: Request) -> Filter:
    query = request.query_params
    text = query.get("metadata_filter")
    metadata = parse_json(text.encode("utf-8", "surrogatepass")) if text else {}
    if not isinstance(metadata, dict):
        raise Refused(400, "metadata_filter must be a JSON object.")
    query_bool(request, "include_public", True)
    return Filter(
        include_tags=[tag for part in query.getlist("include_tags") for tag in part.split(",") if tag],
        exclude_tags=[tag for part in query.getlist("exclude_tags") for tag in part.split(",") if tag],
        name_contains=query.get("name_contains", ""),
        metadata=metadata,
    )


def _search(request: Request) -> AssetSearch:
    return AssetSearch(server_of(request).database)
