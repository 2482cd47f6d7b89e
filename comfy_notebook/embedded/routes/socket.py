"""`/ws`: the messages of a user's jobs as they happen.

The Cloud takes the API key as `token` and ignores the clientId; ComfyUI takes any clientId and makes
one when there is none. The first frame is a `status` with the socket's `sid`. Feature flags count when
they are the first JSON message a client sends, and only then (ws_handshake recording).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...protocol.messages import FeatureFlags, Status, encode_message
from ..admission import Stranger, account_for
from ..events import Socket
from ..http import Refused, server_of
from ..server import Server
from .info import FEATURES


async def socket(websocket: WebSocket) -> None:
    """One client, for as long as it stays."""
    server = server_of(websocket)
    api_key = websocket.query_params.get("token") or websocket.headers.get("X-API-Key")
    try:
        account = account_for(server, websocket, api_key)
    except Stranger:
        await websocket.send_denial_response(Response(status_code=403))
        return
    if account is None:
        refusal = Refused(401, "An API key is needed as the token of this URL, and this is not a valid one.")
        await websocket.send_denial_response(refusal.response())
        return
    await websocket.accept()
    client_id = websocket.query_params.get("clientId") or uuid.uuid4().hex
    connected = Socket(websocket, account.user, client_id)
    status = Status(queue_remaining=server.scheduler.remaining(account.user), sid=client_id)
    connected.put(json.dumps(encode_message(status)))
    server.hub.add(connected)
    listening = asyncio.create_task(_listen(server, connected))
    sending = asyncio.create_task(connected.drain())
    try:
        await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.hub.remove(connected)
        listening.cancel()
        sending.cancel()
        await asyncio.gather(listening, sending, return_exceptions=True)  # a send to a peer that has gone


async def _listen(server: Server, connected: Socket) -> None:
    first = True
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await connected.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content = _json(message.get("text"))
            if content is None:
                continue
            if first and content.get("type") == "feature_flags":
                flags = content.get("data")
                wanted = flags.get("supports_preview_metadata") if isinstance(flags, dict) else None
                connected.metadata_previews = wanted is True
                connected.put(json.dumps(encode_message(FeatureFlags(flags=FEATURES))))
            first = False


def _json(text: Any) -> dict[str, Any] | None:
    try:
        content = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
