"""The ComfyUI editor (PyPI `comfyui-frontend-package`) in front of an embedded server.

A proxy on loopback serves the editor's files and passes everything else on, with the server's key: the
editor itself knows of no key.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.servers import EmbeddedServer

PASSED_ON = ("api/", "internal/", "templates/")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
_NOT_PASSED = {"content-encoding", "content-length", "transfer-encoding", "connection"}


def editor_files() -> Path | None:
    """The editor's static files; None when the package is not installed."""
    found = importlib.util.find_spec("comfyui_frontend_package")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / "static"


@contextlib.contextmanager
def editor_proxy(server: EmbeddedServer, files: Path) -> Iterator[str]:
    """The address of the editor for a server."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))

    async def answer(request: Request) -> Response:
        return await _answer(request, server, files)

    async def open_socket(websocket: WebSocket) -> None:
        await _socket(websocket, server)

    routes = [WebSocketRoute("/ws", open_socket), Route("/{path:path}", answer, methods=_METHODS)]
    app = Starlette(routes=routes)
    web = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio", lifespan="off"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        web.should_exit = True
        thread.join(10)


async def _answer(request: Request, server: EmbeddedServer, files: Path) -> Response:
    path = request.path_params["path"]
    if not path.startswith(PASSED_ON):
        found = files / (path or "index.html")
        return FileResponse(found) if found.is_file() else Response(status_code=404)
    # The path as it came, `%2F` and all.
    target = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
    headers = {
        name: value for name, value in request.headers.items() if name not in ("host", "origin", "connection")
    }
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        answer = await http.request(
            request.method, target, content=await request.body(), headers={**headers, **server.headers}
        )
        if answer.is_redirect:  # signed URLs of stored files; they get no key
            async with httpx.AsyncClient() as storage:
                answer = await storage.get(answer.headers["location"])
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED}
    return Response(answer.content, answer.status_code, kept)


async def _socket(websocket: WebSocket, server: EmbeddedServer) -> None:
    await websocket.accept()
    url = f"{server.url.replace('http', 'ws', 1)}/ws?{websocket.url.query}&token={server.api_key}"
    async with websockets.connect(url, max_size=None) as upstream:

        async def down() -> None:
            async for message in upstream:
                await (websocket.send_bytes if isinstance(message, bytes) else websocket.send_text)(message)

        async def up() -> None:
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    await upstream.send(await websocket.receive_text())

        tasks = [asyncio.ensure_future(down()), asyncio.ensure_future(up())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
