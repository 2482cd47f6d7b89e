"""Requests that are repeated only when that does no harm, and secrets that stay at their origin."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from comfy_notebook.client import http as module
from comfy_notebook.client.exchange import Access
from comfy_notebook.client.http import Http, ResponseLost
from comfy_notebook.errors import AuthenticationError, ConnectionFailed, ServerError
from comfy_notebook.keys import Key
from comfy_notebook.sync import IO


class Scripted:
    """A server that answers as it is told, one answer a request, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                scripted.seen.append(
                    (self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
                )
                answer = scripted.answers.pop(0) if scripted.answers else (200, {}, b"{}")
                if answer == "hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_HEAD = _answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def servers() -> Iterator[tuple[Scripted, Scripted]]:
    pair = Scripted(), Scripted()
    yield pair
    for server in pair:
        server.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts."""
    monkeypatch.setattr(module.random, "random", lambda: -0.5)


def _use(server: Scripted, call: Any, **access: Any) -> Any:
    http = Http(Access(server.url, **access))

    async def run() -> Any:
        try:
            return await call(http)
        finally:
            await http.close()

    return IO.run(run())


BUSY = (503, {}, b"{}")


def test_what_is_safe_is_tried_again(servers: Any) -> None:
    server, _ = servers
    server.answers = [BUSY, "hang up", (200, {}, b'{"ok": true}')]
    assert _use(server, lambda http: http.get("/api/queue")).json() == {"ok": True}
    assert len(server.seen) == 3


def test_but_not_for_ever(servers: Any) -> None:
    server, _ = servers
    server.answers = [BUSY] * 20
    with pytest.raises(ServerError) as failed:
        _use(server, lambda http: http.get("/api/queue"))
    assert failed.value.status == 503
    assert len(server.seen) == module.ATTEMPTS


def test_a_submission_is_not_sent_twice(servers: Any) -> None:
    server, _ = servers
    server.answers = ["hang up"]
    with pytest.raises(ResponseLost):
        _use(server, lambda http: http.post("/api/prompt", {}))
    server.answers = [(502, {}, b"")]
    with pytest.raises(ServerError):
        _use(server, lambda http: http.post("/api/prompt", {}))
    assert len(server.seen) == 2


def test_unless_the_server_says_when(servers: Any) -> None:
    server, _ = servers
    server.answers = [(503, {"Retry-After": "0"}, b""), (200, {}, b"{}")]
    assert _use(server, lambda http: http.post("/api/prompt", {})).status == 200


def test_a_wait_that_is_too_long_is_said_instead(servers: Any) -> None:
    from comfy_notebook.errors import RateLimited

    server, _ = servers
    server.answers = [(429, {"Retry-After": "3600"}, b'{"error": {"type": "QUEUE_LIMIT"}}')]
    with pytest.raises(RateLimited) as limited:
        _use(server, lambda http: http.get("/api/queue"))
    assert limited.value.retry_after == 3600


def test_nothing_of_ours_goes_to_another_origin(servers: Any) -> None:
    server, storage = servers
    server.answers = [(302, {"Location": f"{storage.url}/signed?x=1", "Set-Cookie": "session=private"}, b"")]
    storage.answers = [(200, {}, b"picture")]

    async def fetch(http: Http) -> bytes:
        async with http.stream("/api/view", {"filename": "a.png"}) as (head, body):
            assert head.status == 200
            return b"".join([piece async for piece in body])

    access = {
        "key": Key("a-key-for-one-origin", "a test"),
        "headers": {"X-Tunnel": "private"},
        "cookies": {"hub": "private"},
        "auth": ("me", "private"),
    }
    assert _use(server, fetch, **access) == b"picture"
    own, foreign = server.seen[0][2], storage.seen[0][2]
    assert (own["x-api-key"], own["x-tunnel"], own["cookie"]) == (
        "a-key-for-one-origin",
        "private",
        "hub=private",
    )
    assert own["authorization"].startswith("Basic ")
    assert not {"x-api-key", "x-tunnel", "cookie", "authorization", "referer"} & set(foreign)
    assert "private" not in str(foreign)


def test_a_base_path_is_kept(servers: Any) -> None:
    server, _ = servers
    http = Http(Access(server.url + "/user/x/proxy/8188"))

    async def run() -> None:
        await http.get("/api/queue")
        await http.close()

    IO.run(run())
    assert server.seen[0][1] == "/user/x/proxy/8188/api/queue"


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionFailed, match=r"cannot be reached.*Is the server running"):
        IO.run(Http(Access(f"http://127.0.0.1:{port}")).get("/api/queue"))


def test_a_wrong_key_says_what_to_do(servers: Any) -> None:
    server, _ = servers
    server.answers = [(401, {}, b'{"code": "unauthorized", "message": "Invalid API key"}')]
    with pytest.raises(AuthenticationError, match=r"Invalid API key.*%comfy login"):
        _use(server, lambda http: http.get("/api/user"))


def test_a_redirect_of_the_server_itself_is_said(servers: Any) -> None:
    server, _ = servers
    server.answers = [(302, {"Location": "/login?next=secret"}, b"")]
    with pytest.raises(ServerError, match="redirects the queue to /login") as failed:
        _use(server, lambda http: http.get("/api/queue", doing="the queue"))
    assert "next=" not in str(failed.value)
