"""A server with scripted answers over real sockets, for what no real server should send."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from comfy_notebook.clients import Client

JOB = "11111111-2222-4333-8444-555555555555"
KEY = "a-key-for-the-odd-server"

Answer = Callable[[Request], Any]


class Odd:
    """`server.answers["GET /api/jobs/ID"]` is a JSON value, a Response, or a function of the request.

    `asked` lists the requests. `socket(websocket)` is what the live connection does after its first
    status; the default keeps it open and says nothing. A submission is accepted as `JOB`.
    """

    def __init__(self, **tls: Any) -> None:
        self._tls = tls
        self.answers: dict[str, Any] = {
            "GET /api/user": {"status": "active"},
            "POST /api/prompt": {"prompt_id": JOB, "number": 1, "node_errors": {}},
            "GET /api/queue": {"queue_running": [], "queue_pending": []},
            "GET /api/object_info": {},
        }
        self.asked: list[str] = []
        self.socket: Callable[[WebSocket], Awaitable[None]] = _silent
        self.greets = True
        self.connections = 0

    def __enter__(self) -> Odd:
        app = Starlette(
            routes=[
                WebSocketRoute("/ws", self._socket),
                Route("/{path:path}", self._http, methods=["GET", "POST", "HEAD"]),
            ]
        )
        config = uvicorn.Config(
            app, port=0, log_config=None, access_log=False, ws="websockets-sansio", lifespan="off",
            timeout_graceful_shutdown=1, **self._tls,
        )  # fmt: skip
        ready = threading.Event()

        class Server(uvicorn.Server):
            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                ready.set()

        self._server = Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve()), daemon=True, name="odd"
        )
        self._thread.start()
        assert ready.wait(10)
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)

    def connect(self, dialect: str = "cloud") -> Client:
        """A client of it."""
        import comfy_notebook as comfy

        return comfy.connect(self.url, api_key=KEY, dialect=dialect, default=False, quiet=True)

    async def _http(self, request: Request) -> Response:
        key = f"{request.method} {request.url.path}"
        self.asked.append(key)
        answer = self.answers.get(key)
        if callable(answer) and not isinstance(answer, Response):
            answer = answer(request)
            if inspect.isawaitable(answer):
                answer = await answer
        if answer is None:
            return Response(status_code=404)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    async def _socket(self, socket: WebSocket) -> None:
        self.connections += 1
        await socket.accept()
        try:
            if self.greets:
                await socket.send_json(
                    {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "s"}}
                )
            await self.socket(socket)
        except (WebSocketDisconnect, RuntimeError):
            pass


async def _silent(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()


def record(status: str, **more: Any) -> dict[str, Any]:
    """A job's record as the Cloud gives it."""
    return {"id": JOB, "status": status, "create_time": 1_700_000_000_000, **more}


def raw(text: str, status: int = 200, mime: str = "application/json") -> Response:
    """An answer that is exactly this text."""
    return Response(text, status, media_type=mime)
