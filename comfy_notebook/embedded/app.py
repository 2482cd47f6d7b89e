"""The server as one ASGI application: the API on one port, stored objects on another.

Both ports are sockets of the same process; a request goes by the port it came to. This is the list of
every route there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from . import storage
from .access import AccessLog
from .http import Refused, not_served, refused, route
from .routes import files, info, jobs, prompt, queue, socket, uploads
from .server import Server


def api_routes() -> list[BaseRoute]:
    """The Cloud's contract."""
    return [
        route("/api/prompt", prompt.post_prompt, "POST"),
        route("/api/prompt", prompt.get_prompt),
        route("/api/object_info", info.object_info),
        route("/api/object_info/{class_type:path}", info.object_info_of),
        route("/api/features", info.features, public=True),
        route("/api/workflow_templates", info.workflow_templates, public=True),
        route("/api/global_subgraphs", info.global_subgraphs, public=True),
        route("/api/global_subgraphs/{id}", info.global_subgraph, public=True),
        route("/api/experiment/models", info.model_folders, public=True),
        route("/api/experiment/models/{folder}", info.models_in, public=True),
        route(
            "/api/experiment/models/preview/{folder}/{path_index}/{filename:path}",
            info.model_preview,
            public=True,
        ),
        route("/api/system_stats", info.system_stats, public=True),
        route("/api/user", info.user),
        route("/api/jobs", jobs.list_jobs),
        route("/api/jobs/cancel", jobs.cancel_jobs, "POST"),
        route("/api/jobs/{job_id}", jobs.get_job),
        route("/api/jobs/{job_id}/cancel", jobs.cancel_job, "POST"),
        route("/api/job/{job_id}/status", jobs.get_status),
        route("/api/queue", queue.get_queue),
        route("/api/queue", queue.post_queue, "POST"),
        route("/api/interrupt", queue.post_interrupt, "POST"),
        route("/api/view", files.view),
        route("/api/files/mask-layers", files.mask_layers),
        route("/api/upload/image", uploads.upload_image, "POST"),
        WebSocketRoute("/ws", socket.socket),
    ]


def build_app(server: Server) -> ASGIApp:
    """The application of both ports."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server.start()
        yield
        await server.stop()

    handlers = {Refused: refused, HTTPException: not_served}
    api = Starlette(routes=api_routes(), exception_handlers=handlers, lifespan=lifespan)
    objects = Starlette(routes=storage.ROUTES, exception_handlers=handlers)
    api.state.server = objects.state.server = server

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        address = scope.get("server") or (None, None)
        stored = scope["type"] == "http" and address[1] == server.storage_port
        await (objects if stored else api)(scope, receive, send)

    return AccessLog(by_port)
