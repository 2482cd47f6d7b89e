"""Frames and messages to the sockets that should hear them.

Jobs run in worker threads and speak through `Hub.publish`, which may be called from any thread and
never waits. Each socket has its own outbox: a peer that stops reading does not delay the others. It
loses its oldest previews first, and is disconnected when its messages pile up as well.

A job can be over before the client that submitted it has opened its socket, as the reference's own
examples do. In the Cloud dialect, messages without a listener are kept briefly for the next socket.

Who hears what: on the Cloud every socket of a user hears everything of that user; on ComfyUI a job's
events go to the clientId that submitted it. A ComfyUI job without one broadcasts its progress,
previews and interruption to all, and nothing else (protocol: two_clients recording).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketState

from ..protocol.frames import (
    PreviewImage,
    TextFrame,
    encode_preview,
    encode_preview_with_metadata,
    encode_text,
)
from ..protocol.messages import (
    Event,
    ExecutionInterrupted,
    Progress,
    ProgressState,
    Status,
    encode_message,
)
from .options import Dialect

_MAX_WAITING = 32 * 1024 * 1024
_GOODBYE = 1.0  # seconds a peer that is let go has to take the close frame
_KEPT_FOR = 10.0  # seconds
_MAX_KEPT = 1024 * 1024
_BROADCAST = (Progress, ProgressState, PreviewImage, ExecutionInterrupted)


@dataclass(frozen=True)
class Audience:
    """The recipients of an event: a user, and on ComfyUI the client that submitted the job."""

    user: str
    client_id: str | None = None


@dataclass(eq=False)
class Socket:
    """One connected WebSocket and what waits to be sent on it."""

    websocket: WebSocket
    user: str
    client_id: str
    metadata_previews: bool = False
    _outbox: deque[tuple[bool, str | bytes]] = field(default_factory=deque)
    _waiting: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _overrun: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, data: str | bytes, *, droppable: bool = False) -> None:
        """Queue one frame; to be called on the loop."""
        if self._overrun.is_set():
            return
        self._outbox.append((droppable, data))
        self._waiting += len(data)
        if self._waiting > _MAX_WAITING:
            self._shed()
        self._ready.set()

    def _shed(self) -> None:
        kept = deque(item for item in self._outbox if not item[0])
        self._outbox = kept
        self._waiting = sum(len(data) for _, data in kept)
        if self._waiting > _MAX_WAITING:
            self._outbox.clear()
            self._overrun.set()

    async def drain(self) -> None:
        """Send what is queued, in order, until cancelled, or until the peer leaves or is dropped (1013)."""
        tasks = [asyncio.create_task(wait) for wait in (self._send_all(), self._overrun.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._overrun.is_set():
            # A send that waits for a peer which never reads would keep a plain close waiting, too.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.websocket.close(1013), _GOODBYE)

    async def _send_all(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._outbox:
                _, data = self._outbox.popleft()
                self._waiting -= len(data)
                if isinstance(data, str):
                    await self.websocket.send_text(data)
                else:
                    await self.websocket.send_bytes(data)


class _Unheard:
    """The last moments' messages of a user who has no socket open."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, str]] = deque()
        self._size = 0

    def keep(self, data: str) -> None:
        now = time.monotonic()
        self._kept.append((now, data))
        self._size += len(data)
        while self._kept and (self._size > _MAX_KEPT or self._kept[0][0] < now - _KEPT_FOR):
            self._size -= len(self._kept.popleft()[1])

    def recent(self) -> list[str]:
        since = time.monotonic() - _KEPT_FOR
        return [data for moment, data in self._kept if moment >= since]


class Hub:
    """The connected sockets, and the one way to reach them."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sockets: list[Socket] = []
        self._inbox: deque[tuple[Audience, Event]] = deque()
        self._scheduled = False
        self._unheard: dict[str, _Unheard] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the hub which loop the sockets live on."""
        self._loop = loop

    def add(self, socket: Socket) -> None:
        """A socket has connected. On ComfyUI a newer socket of the same clientId takes over."""
        if self._dialect == "comfyui":
            self._sockets = [s for s in self._sockets if s.client_id != socket.client_id]
        self._sockets.append(socket)
        for data in self._unheard.pop(socket.user, _Unheard()).recent():
            socket.put(data)

    def remove(self, socket: Socket) -> None:
        """A socket has gone."""
        with contextlib.suppress(ValueError):
            self._sockets.remove(socket)

    async def close(self) -> None:
        """Close every socket (1001: going away)."""
        for socket in list(self._sockets):
            if socket.websocket.application_state == WebSocketState.CONNECTED:
                with contextlib.suppress(Exception):
                    await socket.websocket.close(1001)

    def listens(self, audience: Audience) -> bool:
        """Whether an event has a listener; without one it need not be made."""
        return any(self._hears(socket, audience, None) for socket in list(self._sockets))

    def publish(self, audience: Audience, *events: Event) -> None:
        """Send events in this order; from any thread, never waiting."""
        loop = self._loop
        if loop is None:
            return
        with self._lock:
            self._inbox.extend((audience, event) for event in events)
            if self._scheduled:
                return
            self._scheduled = True
        with contextlib.suppress(RuntimeError):  # the loop has closed: the server is stopping
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            items = list(self._inbox)
            self._inbox.clear()
            self._scheduled = False
        for audience, event in items:
            heard = [socket for socket in self._sockets if self._hears(socket, audience, event)]
            if heard:
                data = _encode(event)
                for socket in heard:
                    socket.put(data, droppable=isinstance(event, PreviewImage))
            elif self._dialect == "cloud" and not isinstance(event, (Status, PreviewImage, TextFrame)):
                self._unheard.setdefault(audience.user, _Unheard()).keep(json.dumps(encode_message(event)))

    def _hears(self, socket: Socket, audience: Audience, event: Event | None) -> bool:
        orphan = self._dialect == "comfyui" and audience.client_id is None
        # Each preview is published in both forms; a socket takes the one it asked for.
        with_metadata = socket.metadata_previews and not orphan
        if isinstance(event, PreviewImage) and (event.metadata is not None) != with_metadata:
            return False
        if self._dialect == "cloud":
            return socket.user == audience.user
        if isinstance(event, Status) or event is None:
            return True
        if orphan:
            return isinstance(event, _BROADCAST)
        return socket.client_id == audience.client_id


def _encode(event: Event) -> str | bytes:
    if isinstance(event, PreviewImage):
        if event.metadata is not None:
            return encode_preview_with_metadata(
                event.image, event.mime, node_id=event.node_id or "", prompt_id=event.prompt_id or ""
            )
        return encode_preview(event.image, event.mime)
    if isinstance(event, TextFrame):
        return encode_text(event.node_id or "", event.text)
    return json.dumps(encode_message(event))
