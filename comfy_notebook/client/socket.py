"""One WebSocket per client: connected first, always drained, reconnected with the same clientId.

`ready` returns True once the server's first message has come, which is when it has registered this client.
Every frame becomes a typed event and is delivered at once, on the loop; frames that name no job (types 1
and 3, and ComfyUI's `executing` after a reconnect) get the job and node that this socket last heard of.
Nothing here decides how a job ended.

Three facts of the wire (recordings races, reconnect, ws_handshake): a socket that is not read stalls every
other client's; a socket opened before the close handshake of the previous one is dropped together with it;
feature flags count only in the first JSON message.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..config import is_loopback
from ..protocol.frames import PreviewImage, TextFrame, decode_frame
from ..protocol.messages import (
    Event,
    Executing,
    ExecutionStart,
    FeatureFlags,
    Progress,
    ProgressState,
    Status,
    decode_message,
)
from ..sync import jitter, within
from ..text import redact
from . import tls
from .exchange import Access

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection, connect

log = logging.getLogger("comfy_notebook.socket")

FLAGS = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
FIRST_STATUS = 5.0
BACKOFF = (0.1, 10.0)
STEADY = 0.5
IDLE = 30.0
PONG = 20.0
MAX_MESSAGE = 128 * 2**20
"""The most bytes of one message; a longer one closes the socket, and jobs are polled."""


class Socket:
    """The live connection to one server; an `EventSource`."""

    def __init__(
        self,
        access: Access,
        url: str,
        deliver: Callable[[Event], None],
        resync: Callable[[], None] = lambda: None,
    ) -> None:
        self._access = access
        self._url = url
        self._deliver = deliver
        self._resync = resync
        self._attribution = Attribution()
        self._watched: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._up: asyncio.Event | None = None
        self._tried: asyncio.Event | None = None
        self._connection: ClientConnection | None = None
        self._failures = 0
        self._spoken = False
        self.generation = 0
        self.flags: Mapping[str, Any] = {}
        self.last_error = ""
        self.sid: str | None = None

    @property
    def alive(self) -> bool:
        """Connected, and the server has spoken."""
        return self._up is not None and self._up.is_set() and self._spoken

    @property
    def refused(self) -> bool:
        """The last attempts to connect all failed."""
        return not self.alive and self._failures > 0

    async def ready(self, timeout: float) -> bool:
        """Connect, and wait for the server's first message; False when it has not come in time.

        A socket whose last attempt failed is not waited for again: jobs are polled meanwhile.
        """
        self._begin()
        assert self._tried is not None
        if self.refused:
            return False
        with contextlib.suppress(asyncio.TimeoutError):
            await within(timeout, self._tried.wait())
        return self.alive

    def watch(self, job_id: str) -> None:
        self._watched.add(job_id)
        self._begin()

    def unwatch(self, job_id: str) -> None:
        self._watched.discard(job_id)
        self._attribution.forget(job_id)

    def distrust(self) -> None:
        """Close with the handshake and reconnect: the server has stopped sending to this socket."""
        if self._connection is not None:
            log.debug("the socket is silent: reconnecting")
            self._closing = asyncio.ensure_future(self._connection.close(1000))

    async def close(self) -> None:
        """End for good."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._up, self._tried = asyncio.Event(), asyncio.Event()
            self._failures = 0
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        """Connect, drain, and reconnect for as long as a job is watched."""
        from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException

        assert self._up is not None
        assert self._tried is not None
        delay = BACKOFF[0]
        while True:
            began, at, self._spoken = self.generation, time.monotonic(), False
            try:
                await self._connected()
            except asyncio.CancelledError:
                raise
            except (OSError, InvalidHandshake, InvalidURI, WebSocketException, EOFError) as error:
                # The URL in the error holds the key, so it is kept redacted.
                self.last_error = redact(f"{type(error).__name__}: {error}")
                log.debug("socket: %s", self.last_error)
            finally:
                self._up.clear()
                self._connection = None
            if self.generation != began:
                # Do not reconnect at once to a server that closes at once, nor wait long for a bad network.
                delay = BACKOFF[0] if time.monotonic() - at >= STEADY else min(delay, STEADY)
                self._tried.clear()
                self._resync()  # what the server had to tell may be lost
            else:
                self._failures += 1
                self._tried.set()
            if not self._watched:
                return  # `ready` and `watch` begin again
            await asyncio.sleep(delay * jitter(0.5))
            delay = min(delay * 2, BACKOFF[1])

    async def _connected(self) -> None:
        connect = _connect_within(self._access)
        own = self._access.own_headers()
        # The Cloud takes the key from the URL's token; the other headers are for proxies.
        headers = {name: value for name, value in own.items() if name != "X-API-Key"}
        options: dict[str, Any] = {}
        if self._url.startswith("wss"):
            options["ssl"] = tls.context(self._access.verify)
        if is_loopback(self._access.url) and "proxy" in inspect.signature(connect.__init__).parameters:
            options["proxy"] = None  # websockets 15 and later would ask the environment for one
        async with connect(
            self._url,
            additional_headers=headers,
            user_agent_header=None,
            max_size=MAX_MESSAGE,
            max_queue=256,
            compression=None,
            ping_interval=None,
            open_timeout=15,
            close_timeout=2,
            logger=_quiet_logger(),
            **options,
        ) as connection:
            self._connection = connection
            await connection.send(json.dumps(FLAGS))
            await self._drain(connection)

    async def _drain(self, connection: ClientConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        assert self._up is not None
        loop = asyncio.get_running_loop()
        late = loop.call_later(FIRST_STATUS, self._registered)
        watchdog = loop.create_task(self._watchdog(connection))
        self._heard = loop.time()
        try:
            async for raw in connection:
                self._heard, self._spoken = loop.time(), True
                event = decode_frame(raw) if isinstance(raw, bytes) else decode_message(raw)
                if isinstance(event, FeatureFlags):
                    self.flags = dict(event.flags)
                elif isinstance(event, Status) and event.sid:
                    self.sid = event.sid
                if not self._up.is_set():
                    self._registered()
                try:
                    self._deliver(self._attribution.complete(event))
                except Exception:  # a bug in a receiver must not stop the draining
                    log.exception("an event could not be delivered")
        except ConnectionClosed as closed:
            self.last_error = f"closed: {closed.rcvd.code if closed.rcvd else 'without a handshake'}"
        finally:
            late.cancel()
            watchdog.cancel()

    def _registered(self) -> None:
        if self._up is not None and self._tried is not None and not self._up.is_set():
            self.generation += 1
            self._failures = 0
            self._up.set()
            self._tried.set()
            if self.generation > 1:
                self._resync()

    async def _watchdog(self, connection: ClientConnection) -> None:
        """Notice a connection that died without a close (a laptop's sleep, a NAT's timeout)."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(IDLE / 2)
            if not self._watched or loop.time() - self._heard < IDLE:
                continue
            try:
                await asyncio.wait_for(await connection.ping(), PONG)
            except asyncio.TimeoutError:
                if loop.time() - self._heard >= IDLE:
                    log.debug("no pong: reconnecting")
                    connection.transport.abort()
                    return
            except Exception:
                return


class Attribution:
    """Fills in the job and node of frames without them: those that this socket last heard of."""

    def __init__(self) -> None:
        self._last: tuple[str | None, str | None] = (None, None)
        self._node: dict[str, str | None] = {}

    def forget(self, job_id: str) -> None:
        self._node.pop(job_id, None)

    def complete(self, event: Event) -> Event:
        """The event with its job and node."""
        if isinstance(event, PreviewImage):
            if event.metadata is not None:
                if event.prompt_id is not None:
                    return event
                return replace(event, prompt_id=self._job_of(event.node_id))
            return replace(event, prompt_id=self._last[0], node_id=self._last[1])
        if isinstance(event, TextFrame):
            return replace(event, prompt_id=self._job_of(event.node_id))
        if isinstance(event, Executing) and event.prompt_id is None:
            event = replace(event, prompt_id=self._last[0])
        if isinstance(event, (Executing, Progress)) and event.prompt_id is not None:
            self._note(event.prompt_id, event.node)
        elif isinstance(event, ExecutionStart) and event.prompt_id is not None:
            self._note(event.prompt_id, None)
        elif isinstance(event, ProgressState) and event.prompt_id is not None:
            running = [key for key, node in event.nodes.items() if node.state == "running"]
            if running:
                self._note(event.prompt_id, running[-1])
        return event

    def _note(self, job_id: str, node: str | None) -> None:
        self._last = (job_id, node)
        self._node.pop(job_id, None)
        self._node[job_id] = node
        while len(self._node) > 256:
            self._node.pop(next(iter(self._node)))

    def _job_of(self, node_id: str | None) -> str | None:
        for job_id in reversed(self._node):
            if self._node[job_id] == node_id:
                return job_id
        return self._last[0]


def _connect_within(access: Access) -> type[connect]:
    """The library's `connect`, refusing redirects to another origin than the server's."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import SecurityError

    class Connect(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            found = super().process_redirect(exc)
            if isinstance(found, str) and not access.is_own(found):
                return SecurityError("the server redirects the socket to another origin")
            return found

    return Connect


def socket_url(url: str, query: Mapping[str, str]) -> str:
    """The WebSocket's URL beside an http(s) one, below the same base path."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path + "/ws", urlencode(query), ""))


def _quiet_logger() -> logging.Logger:
    """A logger of ours for the library's messages: its request line holds the key."""
    logger = logging.getLogger("comfy_notebook.websockets")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    return logger
