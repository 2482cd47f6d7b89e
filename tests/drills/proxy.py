"""A TCP proxy that cuts WebSockets at random moments, the same ones each time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes everything on to a server; each WebSocket is cut after a random number of bytes.

    Half of the cuts are a reset, half a silent end. Plain HTTP is left alone.
    """

    def __init__(self, url: str, seed: int, least: int = 300, most: int = 20000) -> None:
        self._target = urlsplit(url)
        self._random = random.Random(seed)
        self._range = (least, most)
        self.cuts = 0

    def __enter__(self) -> CuttingProxy:
        ready = threading.Event()

        async def main() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()
            await self._stop.wait()
            server.close()

        self._thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            first = await reader.read(65536)
            back.write(first)
            limit = self._random.randint(*self._range) if b"/ws?" in first.split(b"\r\n")[0] else None
            pumps = [_pump(reader, back), _pump(there, writer, limit)]
            with contextlib.suppress(asyncio.CancelledError):  # the proxy itself is ending
                await asyncio.wait(
                    [asyncio.ensure_future(pump) for pump in pumps], return_when=asyncio.FIRST_COMPLETED
                )
            if limit is not None:
                self.cuts += 1
                if self._random.random() < 0.5:
                    writer.transport.abort()
        finally:
            for end in (writer, back):
                with contextlib.suppress(Exception):
                    end.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, limit: int | None = None) -> None:
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        while limit is None or limit > 0:
            data = await source.read(65536)
            if not data:
                return
            if limit is not None:
                data, limit = data[:limit], limit - len(data)
            sink.write(data)
            await sink.drain()
