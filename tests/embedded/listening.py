"""A client of the tests' own: a socket, and the API next to it."""

from __future__ import annotations

import json
import struct
import uuid
from contextlib import ExitStack

import httpx
from websockets.sync.client import connect


class Listener:
    """A socket, and the API next to it."""

    def __init__(self, server, flags=True, api_key=None, client_id=None):
        self._open = ExitStack()
        self.http = self._open.enter_context(
            httpx.Client(base_url=server.url, headers={"X-API-Key": api_key or server.api_key}, timeout=20)
        )
        self.client_id = client_id or str(uuid.uuid4())
        token = "" if api_key == "" else f"&token={api_key or server.api_key}"
        url = f"{server.url.replace('http', 'ws', 1)}/ws?clientId={self.client_id}{token}"
        self.socket = self._open.enter_context(connect(url, max_size=None))
        if flags:
            self.socket.send(
                json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
            )
        self.first = json.loads(self.socket.recv(timeout=10))

    def run(self, prompt, every=False, **more):
        answer = self.http.post("/api/prompt", json={"prompt": prompt, **more}).json()
        return self.follow(answer["prompt_id"], every)

    def follow(self, job_id, every=False):
        """Everything of this job up to `executing` with no node, frames among it.

        `every`: the messages of all jobs, and no frames.
        """
        heard = []
        while True:
            message = self.socket.recv(timeout=20)
            if isinstance(message, bytes):
                heard += [] if every else [message]
                continue
            message = json.loads(message)
            named = message["data"].get("prompt_id")
            if named is None or (named != job_id and not every):
                continue
            heard.append(message)
            if (message["type"], named) == ("executing", job_id) and message["data"]["node"] is None:
                return heard

    def close(self):
        self._open.close()


def kinds(heard):
    """The type of each message and frame; `notification` is the Cloud's alone."""
    named = [
        f"frame {struct.unpack('>I', item[:4])[0]}" if isinstance(item, bytes) else item["type"]
        for item in heard
    ]
    return [kind for kind in named if kind != "notification"]
