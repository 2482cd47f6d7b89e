"""What the client is measured against: one httpx client, one WebSocket, PIL, written by hand.

Nothing of `comfy_notebook` is used. It trusts the network and the server completely: no retries, no
polling, no reconnecting, no types; it is the least that can be done, not what should be.
"""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image
from websockets.asyncio.client import connect


class Floor:
    """A connected server: `await floor.run(graph)` gives the pictures of a job."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self.early: set[str] = set()
        self.previews = 0
        self.preview_bytes = 0

    async def __aenter__(self) -> Floor:
        self.http = httpx.AsyncClient(verify=False, trust_env=False, headers={"X-API-Key": self.key})
        self.storage = httpx.AsyncClient(verify=False, trust_env=False)
        host = urlsplit(self.url).netloc
        self.socket = await connect(
            f"ws://{host}/ws?clientId=floor&token={self.key}",
            max_size=None, compression=None, ping_interval=None, proxy=None,
        )  # fmt: skip
        await self.socket.send(
            json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        )
        await self.socket.recv()
        self.task = asyncio.ensure_future(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await self.socket.close()
        await self.http.aclose()
        await self.storage.aclose()

    async def _listen(self) -> None:
        async for raw in self.socket:
            if isinstance(raw, bytes):
                self.previews += 1
                self.preview_bytes += len(raw)
                continue
            message = json.loads(raw)
            if message["type"] in ("execution_success", "execution_error", "execution_interrupted"):
                job_id = message["data"]["prompt_id"]
                if job_id in self.waiting:
                    self.waiting.pop(job_id).set_result(None)
                else:
                    self.early.add(job_id)

    async def submit(self, graph: dict[str, Any]) -> str:
        answer = await self.http.post(f"{self.url}/api/prompt", json={"prompt": graph})
        return answer.json()["prompt_id"]

    async def wait(self, job_id: str) -> list[Image.Image]:
        if job_id not in self.early:
            self.waiting[job_id] = asyncio.get_running_loop().create_future()
            await self.waiting[job_id]
        record = (await self.http.get(f"{self.url}/api/jobs/{job_id}")).json()
        files = [f for out in record["outputs"].values() for f in out.get("images", ())]
        return await asyncio.gather(*(self._fetch(file) for file in files))

    async def _fetch(self, file: dict[str, Any]) -> Image.Image:
        params = {key: file[key] for key in ("filename", "subfolder", "type")}
        redirect = await self.http.get(f"{self.url}/api/view", params=params)
        answer = await self.storage.get(redirect.headers["location"])
        image = Image.open(io.BytesIO(answer.content))
        image.load()
        return image

    async def run(self, graph: dict[str, Any]) -> list[Image.Image]:
        return await self.wait(await self.submit(graph))
