"""Requests that are repeated only when that does no harm, and secrets that stay at their origin."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from comfy_notebook.client import http as module
from comfy_notebook.client.exchange import Access
from comfy_notebook.client.http import Http, ResponseLost
from comfy_notebook.errors import (
    AuthenticationError,
    ConnectionFailed,
    InsufficientCredits,
    RateLimited,
    ServerError,
    SubscriptionInactive,
)
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
    monkeypatch.setattr(module, "jitter", lambda spread: 0.0)


def _use(server: Scripted, call: Any, **access: Any) -> Any:
    http = Http(Access(server.url, **access))

    async def run() -> Any:
        try:
            return await call(http)
        finally:
            await http.close()

    return IO.run(run())


BUSY = (503, {}, b"{}")


def test_a_safe_request_is_retried(servers: Any) -> None:
    server, _ = servers
    server.answers = [BUSY, "hang up", (200, {}, b'{"ok": true}')]
    assert _use(server, lambda http: http.get("/api/queue")).json() == {"ok": True}
    assert len(server.seen) == 3


def test_retries_are_bounded(servers: Any) -> None:
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
    for status in (502, 504):
        server.answers = [(status, {}, b"")]
        with pytest.raises(ResponseLost) as lost:
            _use(server, lambda http: http.post("/api/prompt", {}))
        assert lost.value.late, "the server behind the proxy may still be working on it"
    assert len(server.seen) == 3


def test_a_submission_is_repeated_when_the_server_says_when(servers: Any) -> None:
    server, _ = servers
    server.answers = [(503, {"Retry-After": "0"}, b""), (200, {}, b"{}")]
    assert _use(server, lambda http: http.post("/api/prompt", {})).status == 200


def test_a_wait_that_is_too_long_is_an_error(servers: Any) -> None:
    server, _ = servers
    server.answers = [(429, {"Retry-After": "3600"}, b'{"error": {"type": "QUEUE_LIMIT"}}')]
    with pytest.raises(RateLimited) as limited:
        _use(server, lambda http: http.get("/api/queue"))
    assert limited.value.retry_after == 3600


def test_no_header_of_ours_goes_to_another_origin(servers: Any) -> None:
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


def test_a_refused_connection_asks_whether_the_server_runs() -> None:
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


def test_a_redirect_names_its_target(servers: Any) -> None:
    server, _ = servers
    server.answers = [(302, {"Location": "/login?next=secret"}, b"")]
    with pytest.raises(ServerError, match="redirects the queue to /login") as failed:
        _use(server, lambda http: http.get("/api/queue", doing="the queue"))
    assert "next=" not in str(failed.value)


def test_a_2_gb_answer_in_2_mb_of_gzip_is_refused(servers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 2**20)
    server, _ = servers
    bomb = gzip.compress(b" " * 2**24)
    server.answers = [(200, {"Content-Encoding": "gzip"}, bomb)]
    with pytest.raises(ServerError, match="more than 1 MB"):
        _use(server, lambda http: http.get("/api/queue"))


def test_only_the_encodings_asked_for_are_decoded(servers: Any) -> None:
    server, _ = servers
    server.answers = [(200, {"Content-Encoding": "zstd"}, b"x")]
    with pytest.raises(ServerError, match="not asked for: zstd"):
        _use(server, lambda http: http.get("/api/queue"))
    assert server.seen[0][2]["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (429, "PAYMENT_REQUIRED", InsufficientCredits),
        (429, "FREE_TIER_EXHAUSTED", InsufficientCredits),
        (429, "PARTNER_NODE_PAYMENT_REQUIRED", InsufficientCredits),
        (402, "PARTNER_NODE_PAYMENT_REQUIRED", InsufficientCredits),
        (429, "FREE_TIER_UNAVAILABLE", SubscriptionInactive),
        (402, "CLOUD_SUBSCRIPTION_REQUIRED", SubscriptionInactive),
    ],
)
def test_a_billing_gate_is_never_retried(
    servers: Any, status: int, kind: str, error: type[Exception]
) -> None:
    server, _ = servers
    body = json.dumps({"error": {"type": kind, "message": "queue limit, try again soon"}}).encode()
    server.answers = [(status, {"Retry-After": "0"}, body)]
    with pytest.raises(error) as refused:
        _use(server, lambda http: http.get("/api/queue"))
    assert len(server.seen) == 1
    assert not refused.value.transient


def test_a_bare_429_says_nothing_about_a_subscription(servers: Any) -> None:
    server, _ = servers
    server.answers = [(429, {}, b"<html>slow down</html>")]
    with pytest.raises(RateLimited) as limited:
        _use(server, lambda http: http.get("/api/queue"))
    assert limited.value.transient
    assert "slow down" not in str(limited.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_that_refuses_is_not_the_servers_last_word(servers: Any, status: int) -> None:
    server, _ = servers
    server.answers = [(status, {}, b"<html>Sign in</html>")]
    with pytest.raises(AuthenticationError) as refused:
        _use(server, lambda http: http.get("/api/queue", doing="the queue"))
    assert refused.value.transient
    server.answers = [(status, {}, b'{"code": "unauthorized", "message": "Invalid API key"}')]
    with pytest.raises(AuthenticationError) as refused:
        _use(server, lambda http: http.get("/api/queue", doing="the queue"))
    assert not refused.value.transient


def test_a_refusal_of_basic_auth_names_what_was_sent(servers: Any) -> None:
    server, _ = servers
    server.answers = [(401, {"WWW-Authenticate": 'Basic realm="hub"'}, b"")]
    with pytest.raises(AuthenticationError, match=r"the user and password were sent\. Check auth="):
        _use(server, lambda http: http.get("/api/queue"), auth=("me", "wrong"))


def test_a_sign_in_page_names_what_it_may_want(servers: Any) -> None:
    server, _ = servers
    server.answers = [(401, {}, b"<html>Sign in</html>")]
    with pytest.raises(AuthenticationError, match=r"a sign-in page; the cookies were sent\. .*headers="):
        _use(server, lambda http: http.get("/api/queue"), cookies={"hub": "old"})


def test_a_redirect_to_https_says_which_url_to_use(servers: Any) -> None:
    server, _ = servers
    secure = server.url.replace("http://", "https://")
    server.answers = [(301, {"Location": f"{secure}/api/queue"}, b"")]
    with pytest.raises(ServerError, match=f"connect to {secure}"):
        _use(server, lambda http: http.get("/api/queue"))


def test_a_request_follows_no_redirect_to_another_origin(servers: Any) -> None:
    server, other = servers
    server.answers = [(307, {"Location": f"{other.url}/api/prompt"}, b"")]
    with pytest.raises(ServerError, match="redirects"):
        _use(server, lambda http: http.post("/api/prompt", {}), key=Key("a-key", "a test"))
    assert other.seen == []
