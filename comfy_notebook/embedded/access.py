"""The access log: one line a request on standard error, without the query, where keys and signatures are."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("comfy_notebook.embedded.access")


class AccessLog:
    """Passes every request on and logs its outcome."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), "-"

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            elif message["type"] == "websocket.accept":
                status = "open"
                log.info("%s %s %s", "WS", _path(scope), status)
            elif message["type"] == "websocket.close" and status == "-":
                status = "403"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            method = scope.get("method", "WS")
            took = (time.perf_counter() - started) * 1000
            log.info("%s %s %s %.1f ms", method, _path(scope), "closed" if status == "open" else status, took)


def _path(scope: Scope) -> str:
    """The path, safe to print on one line."""
    return "".join(char if char.isprintable() else "?" for char in str(scope["path"]))[:200]
