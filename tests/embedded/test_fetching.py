"""Files from URLs, where the server is one that others can reach."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from comfy_notebook.embedded import fetching
from comfy_notebook.embedded.fetching import FetchFailed, fetch


@pytest.fixture
def source():
    class Source(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302 if self.path == "/inside" else 200)
            self.send_header("Location", "http://127.0.0.1/secret")
            self.send_header("Content-Length", "0" if self.path == "/inside" else "100")
            self.end_headers()
            if self.path == "/never":
                stop.wait(20)
            elif self.path != "/inside":
                self.wfile.write(f"{self.headers['Host']:100}".encode())

        def log_message(self, *args):
            pass

    stop = threading.Event()
    server = HTTPServer(("127.0.0.1", 0), Source)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def read(url, **options):
    return asyncio.run(fetch(url, 1000, private=False, **options))


@pytest.fixture
def public(monkeypatch):
    """Names anything.example, at an address that counts as public the first time it is asked for."""

    async def resolve(self, host, port, **options):
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    answers = iter([True, False])
    monkeypatch.setattr(fetching, "_is_public", lambda address: next(answers))


def test_the_address_that_was_checked_is_the_one_connected_to(public, source):
    # No name server knows this name, so only the address that was checked can have been asked.
    found = read(f"http://files.example:{source}/x")
    assert found.data.decode().strip() == f"files.example:{source}"


def test_a_redirect_is_checked_like_any_url(public, source):
    with pytest.raises(FetchFailed, match="private addresses"):
        read(f"http://files.example:{source}/inside")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://10.0.0.1/",
        "http://169.254.169.254/", "http://0.0.0.0/", "http://localhost/", "http://127.1/", "http://0x7f.1/",
    ],
)  # fmt: skip
def test_no_address_of_the_servers_own_network_is_read(url):
    with pytest.raises(FetchFailed):
        read(url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x/", "http://", "x", "http://[", "http://a:b/"]
)
def test_only_http_is_read(url):
    with pytest.raises(FetchFailed):
        read(url)


def test_a_source_that_says_nothing_is_given_up(public, source):
    with pytest.raises(FetchFailed, match=r"within 0 s"):
        read(f"http://files.example:{source}/never", seconds=0.2)
