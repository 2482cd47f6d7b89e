"""The server as one ASGI application: the API on one port, stored objects on another.

Both ports are sockets of the same process; the port of a request decides which part serves it. All
routes are listed here.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from . import storage
from .access import AccessLog
from .http import Refused, crashed, gone, not_served, refused, route, unwritable
from .routes import (
    assets,
    comfyui_jobs,
    editor,
    files,
    history,
    info,
    jobs,
    local,
    prompt,
    queue,
    socket,
    uploads,
    userdata,
)
from .server import Server


def cloud_routes() -> list[BaseRoute]:
    """The Cloud's contract."""
    preview = "/api/experiment/models/preview/{folder}/{path_index}/{filename:any}"
    return [
        *_shared_routes("/api"),
        *_internal_routes(),
        route("/api/user", info.user),
        route(preview, info.model_preview, public=True),
        route("/api/jobs", jobs.list_jobs),
        route("/api/jobs/cancel", jobs.cancel_jobs, "POST"),
        route("/api/jobs/{job_id}", jobs.get_job),
        route("/api/jobs/{job_id}/cancel", jobs.cancel_job, "POST"),
        route("/api/job/{job_id}/status", jobs.get_status),
        route("/api/history_v2", history.list_history),
        route("/api/history_v2/{prompt_id}", history.get_history),
        route("/api/view", files.view),
        route("/api/files/mask-layers", files.mask_layers),
        route("/api/assets", assets.list_assets),
        route("/api/assets", assets.create_asset, "POST"),
        route("/api/assets/from-hash", assets.create_from_hash, "POST"),
        route("/api/assets/remote-metadata", assets.remote_metadata),
        route("/api/assets/download", assets.download, "POST"),
        route("/api/assets/tags/refine", assets.tag_histogram),
        route("/api/assets/hash/{hash}", assets.has_hash, "HEAD"),
        route("/api/assets/{id:uuid}", assets.get_asset),
        route("/api/assets/{id:uuid}", assets.update_asset, "PUT"),
        route("/api/assets/{id:uuid}", assets.delete_asset, "DELETE"),
        route("/api/assets/{id:uuid}/tags", assets.add_tags, "POST"),
        route("/api/assets/{id:uuid}/tags", assets.remove_tags, "DELETE"),
        route("/api/tags", assets.list_tags),
        route("/api/tasks/{task_id}", assets.get_task),
        WebSocketRoute("/ws", socket.socket),
    ]


def comfyui_routes() -> list[BaseRoute]:
    """ComfyUI's routes, each with and without `/api`."""
    routes: list[BaseRoute] = [
        *_internal_routes(),
        route("/internal/files/{folder}", local.output_files),
        route("/api/jobs", comfyui_jobs.list_jobs),
        route("/api/jobs/cancel", comfyui_jobs.cancel_jobs, "POST"),
        route("/api/jobs/{job_id}", comfyui_jobs.get_job),
        route("/api/jobs/{job_id}/cancel", comfyui_jobs.cancel_job, "POST"),
    ]
    for prefix in ("", "/api"):
        routes += [
            *_shared_routes(prefix),
            route(f"{prefix}/view", local.view),
            route(f"{prefix}/history", local.list_history),
            route(f"{prefix}/history/{{prompt_id}}", local.get_history),
            route(f"{prefix}/assets{{rest:any}}", local.assets_disabled),
            route(f"{prefix}/tags", local.assets_disabled),
            WebSocketRoute(f"{prefix}/ws", socket.socket),
        ]
    return routes


def _shared_routes(prefix: str) -> list[BaseRoute]:
    return [
        route(f"{prefix}/prompt", prompt.post_prompt, "POST"),
        route(f"{prefix}/prompt", prompt.get_prompt),
        route(f"{prefix}/object_info", info.object_info),
        route(f"{prefix}/object_info/{{class_type:any}}", info.object_info_of),
        route(f"{prefix}/features", info.features, public=True),
        *_editor_routes(prefix),
        route(f"{prefix}/experiment/models", info.model_folders, public=True),
        route(f"{prefix}/experiment/models/{{folder}}", info.models_in, public=True),
        route(f"{prefix}/system_stats", info.system_stats, public=True),
        route(f"{prefix}/history", history.post_history, "POST"),
        route(f"{prefix}/queue", queue.get_queue),
        route(f"{prefix}/queue", queue.post_queue, "POST"),
        route(f"{prefix}/interrupt", queue.post_interrupt, "POST"),
        route(f"{prefix}/upload/image", uploads.upload_image, "POST"),
        route(f"{prefix}/upload/mask", uploads.upload_mask, "POST"),
        route(f"{prefix}/userdata", userdata.list_userdata, plain=True),
        route(f"{prefix}/userdata/{{file:any}}/move/{{to:any}}", userdata.move_userdata, "POST", plain=True),
        route(f"{prefix}/userdata/{{file:any}}", userdata.get_userdata, plain=True),
        route(f"{prefix}/userdata/{{file:any}}", userdata.post_userdata, "POST", plain=True),
        route(f"{prefix}/userdata/{{file:any}}", userdata.delete_userdata, "DELETE", plain=True),
    ]


def _editor_routes(prefix: str) -> list[BaseRoute]:
    return [
        route(f"{prefix}/users", editor.users),
        route(f"{prefix}/settings", editor.get_settings),
        route(f"{prefix}/settings", editor.post_settings, "POST"),
        route(f"{prefix}/settings/{{id:any}}", editor.get_setting),
        route(f"{prefix}/settings/{{id:any}}", editor.post_setting, "POST"),
        route(f"{prefix}/i18n", editor.empty_object, public=True),
        route(f"{prefix}/extensions", editor.empty_list, public=True),
        route(f"{prefix}/embeddings", editor.empty_list, public=True),
        route(f"{prefix}/node_replacements", editor.empty_object, public=True),
        route(f"{prefix}/workflow_templates", editor.empty_object, public=True),
        route(f"{prefix}/global_subgraphs", editor.empty_object, public=True),
        route(f"{prefix}/global_subgraphs/{{id}}", editor.no_subgraph, public=True),
        route(f"{prefix}/models", local.models),
        route(f"{prefix}/models/{{folder}}", local.models),
        route(f"{prefix}/free", local.free, "POST"),
    ]


def _internal_routes() -> list[BaseRoute]:
    """The editor's routes outside `/api`."""
    return [
        route("/internal/logs", editor.logs),
        route("/internal/logs/raw", editor.raw_logs),
        route("/internal/logs/subscribe", editor.subscribe_logs, "PATCH"),
        route("/templates/index.json", editor.empty_list, public=True),
        route("/templates/{file:any}", editor.workflow_template, public=True),
    ]


def build_app(server: Server) -> ASGIApp:
    """The application of both ports."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server.start()
        yield
        await server.stop()

    handlers = {
        Refused: refused, HTTPException: not_served, ClientDisconnect: gone,
        sqlite3.OperationalError: unwritable, OSError: unwritable, Exception: crashed,
    }  # fmt: skip
    routes = cloud_routes() if server.options.dialect == "cloud" else comfyui_routes()
    api = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    objects = Starlette(routes=storage.ROUTES, exception_handlers=handlers)
    api.state.server = objects.state.server = server

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        address = scope.get("server") or (None, None)
        stored = scope["type"] == "http" and address[1] == server.storage_port
        await (objects if stored else api)(scope, receive, send)

    return AccessLog(by_port)
