"""A redirect of the socket to another origin is refused: nothing that is the server's goes there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from comfy_notebook.client.exchange import Access
from comfy_notebook.client.socket import Socket
from comfy_notebook.keys import Key
from comfy_notebook.sync import IO


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every connection with these bytes; yields its address and what it was sent."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", seen
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def redirect(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


ACCESS = {
    "key": Key("a-key-for-one-origin", "a test"),
    "headers": {"X-Tunnel": "private"},
    "cookies": {"hub": "private"},
    "auth": ("me", "private"),
}


def _connect(address: str, path: str = "/ws?token=a-key-for-one-origin") -> str:
    """Try to connect once; returns why it failed."""
    access = Access(f"http://{address}", **ACCESS)
    live = Socket(access, f"ws://{address}{path}", lambda event: None)

    async def once() -> str:
        assert not await live.ready(10)
        await live.close()
        return live.last_error

    return IO.run(once())


def test_to_another_origin_it_is_refused() -> None:
    with answering(b"") as (elsewhere, seen), answering(redirect(f"ws://{elsewhere}/ws")) as (address, asked):
        error = _connect(address)
    assert "another origin" in error
    assert seen == []
    assert b"private" in asked[0]


def test_within_the_origin_it_is_followed() -> None:
    with answering(redirect("/moved")) as (address, asked):
        _connect(address)
    assert b"GET /moved" in asked[1]
    assert b"X-Tunnel: private" in asked[1]
