"""The server that plays recordings back, as the ComfyUI that made them behaved.

A submission gets the recorded run of the same graph, else the next one in order; jobs run one after
another; ids are the client's own where it sends one, as in ComfyUI. `Faults` make it misbehave in the
ways real servers and networks have been seen to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .recording import ENDS, Frame, Recording, Run, load

FLAGS = {
    "type": "feature_flags",
    "data": {"supports_preview_metadata": True, "max_upload_size": 104857600},
}


@dataclass
class Faults:
    """What goes wrong. Frames are counted over a job's run."""

    refuse_socket: bool = False
    silent: bool = False
    cut_after: int | None = None
    duplicate: bool = False
    shuffle: bool = False
    foreign: bool = False
    hide_history: int = 0
    shuffle_history: int | None = None
    forget: bool = False
    break_view: int = 0
    short_view: int = 0
    busy: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)


@dataclass
class _Job:
    id: str
    number: int
    run: Run
    graph: dict[str, Any]
    client_id: str | None
    extra_data: dict[str, Any]
    interrupted: bool = False


class Replay:
    """A recording being played on a free port of this machine; a context manager."""

    def __init__(self, recording: Recording | str, *, speed: float = 0.0, port: int = 0) -> None:
        self.recording = load(recording) if isinstance(recording, str) else recording
        self.common = load("misc_http")
        self.speed = speed
        self.faults = Faults()
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.sockets: dict[str, WebSocket] = {}
        self.connections = 0
        self.hold: asyncio.Event | None = None
        self._port = port
        self._pending: list[_Job] = []
        self._running: _Job | None = None
        self._history: dict[str, Any] = {}
        self._used: list[Run] = []
        self._number = 0
        self._looks = 0

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Replay:
        routes = [
            WebSocketRoute("/ws", self._socket),
            WebSocketRoute("/api/ws", self._socket),
            Route("/{path:path}", self._http, methods=["GET", "POST", "HEAD"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), port=self._port, log_config=None, access_log=False,
            ws="websockets-sansio", timeout_graceful_shutdown=1, lifespan="off",
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="replay")
        self._ready = threading.Event()
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the replay server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away, cutting every connection."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)

    def _serve(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._wake = asyncio.Event()
            self.hold = asyncio.Event()
            self.hold.set()
            worker = self._loop.create_task(self._work())
            serving = self._loop.create_task(self._server.serve())
            while not self._server.started:
                if serving.done():
                    return
                await asyncio.sleep(0.005)
            self._port = self._server.servers[0].sockets[0].getsockname()[1]
            self._ready.set()
            await serving
            worker.cancel()
            for connection in list(self._server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0)

        asyncio.run(main())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def pause(self) -> None:
        """Let jobs run no further than the next frame."""
        assert self.hold is not None
        self.on_loop(self.hold.clear)

    def go(self) -> None:
        """Let them go on."""
        assert self.hold is not None
        self.on_loop(self.hold.set)

    def on_loop(self, call: Callable[..., Any], *args: Any) -> None:
        """Do something on the server's own loop, and wait until it is done."""
        done = threading.Event()

        def run() -> None:
            call(*args)
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(5)

    def restart(self) -> None:
        """What a ComfyUI forgets when it restarts: queue, history and sockets."""

        def forget() -> None:
            self._pending.clear()
            self._history.clear()
            if self._running is not None:
                self._running.interrupted = True
            self._running = None
            for socket in list(self.sockets.values()):
                self._cutting = asyncio.ensure_future(_close(socket))

        self.faults.forget = True
        self.on_loop(forget)

    # -- the socket ----------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        self.connections += 1
        if self.faults.refuse_socket:
            await socket.close(1008)
            return
        await socket.accept()
        sid = socket.query_params.get("clientId") or uuid.uuid4().hex
        self.sockets[sid] = socket
        await socket.send_json({**self._status(), "data": {**self._status()["data"], "sid": sid}})
        first = True
        try:
            while True:
                message = json.loads(await socket.receive_text())
                if first and message.get("type") == "feature_flags":
                    await socket.send_json(FLAGS)
                first = False
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            if self.sockets.get(sid) is socket:
                del self.sockets[sid]

    def _status(self) -> dict[str, Any]:
        remaining = len(self._pending) + (self._running is not None)
        return {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": remaining}}}}

    async def _send(self, client_id: str | None, frame: Frame) -> None:
        socket = self.sockets.get(client_id or "")
        if socket is None or self.faults.silent:
            return
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            if isinstance(frame, bytes):
                await socket.send_bytes(frame)
            else:
                await socket.send_json(frame)

    async def _broadcast_status(self) -> None:
        for client_id in list(self.sockets):
            await self._send(client_id, self._status())

    # -- running ---------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                self._running = job = min(self._pending, key=lambda job: job.number)
                self._pending.remove(job)
                await self._broadcast_status()
                entry = await self._play(job)
                if not self.faults.forget:
                    self._history[job.id] = entry
                self._running = None
                await self._broadcast_status()
                await self._send(job.client_id, _executing_null(job.id))

    async def _play(self, job: _Job) -> dict[str, Any]:
        assert self.hold is not None
        frames = [(at, _renamed(frame, job)) for at, frame in job.run.frames]
        if self.faults.foreign:
            frames = _with_foreign(frames)
        if self.faults.shuffle:
            frames[1:-2] = reversed(frames[1:-2])
        previous = sent = 0
        for at, frame in frames:
            if not isinstance(frame, bytes) and frame["type"] == "executing" and not frame["data"]["node"]:
                continue
            await self.hold.wait()
            await asyncio.sleep(max(at - previous, 0) / self.speed if self.speed else 0)
            previous = at
            if job.interrupted:
                break
            for _ in range(2 if self.faults.duplicate else 1):
                await self._send(job.client_id, frame)
            sent += 1
            if self.faults.cut_after is not None and sent == self.faults.cut_after:
                socket = self.sockets.get(job.client_id or "")
                if socket is not None:
                    await _close(socket)
        if job.interrupted:
            data = {"prompt_id": job.id, "node_id": None, "node_type": None, "executed": []}
            await self._send(job.client_id, {"type": "execution_interrupted", "data": data})
            return self._entry(job, "error", [["execution_interrupted", data]], {})
        return self._recorded(job)

    def _recorded(self, job: _Job) -> dict[str, Any]:
        if job.run.history is not None and job.run.job_id is not None:
            text = json.dumps(job.run.history).replace(job.run.job_id, job.id)
            return json.loads(text)
        outputs, messages, word = {}, [], "success"
        for _, frame in job.run.frames:
            if isinstance(frame, bytes):
                continue
            if frame["type"] == "executed" and frame["data"].get("output"):
                outputs[frame["data"]["node"]] = frame["data"]["output"]
            if frame["type"] in (*ENDS, "execution_start"):
                messages.append([frame["type"], {**frame["data"], "prompt_id": job.id}])
                word = "error" if frame["type"] in ENDS[1:] else word
        return self._entry(job, word, messages, outputs)

    def _entry(self, job: _Job, word: str, messages: list[Any], outputs: dict[str, Any]) -> dict[str, Any]:
        status = {"status_str": word, "completed": word == "success", "messages": messages}
        return {"prompt": self._tuple(job), "outputs": outputs, "status": status, "meta": {}}

    def _tuple(self, job: _Job) -> list[Any]:
        return [job.number, job.id, job.graph, job.extra_data, []]

    # -- HTTP ------------------------------------------------------------------------------------------

    async def _http(self, request: Request) -> Response:
        body = await request.body()
        path = "/" + request.path_params["path"]
        self.requests.append((request.method, path, dict(request.headers), body))
        if self.faults.busy and path == "/api/prompt":
            status, headers, content = self.faults.busy.pop(0)
            return JSONResponse(content, status, headers=headers)
        path = path.removeprefix("/api")
        if request.method == "POST":
            sent = json.loads(body) if body[:1] == b"{" else {}
            return await self._post(path, sent)
        if path == "/queue":
            running = [self._tuple(self._running)] if self._running is not None else []
            return JSONResponse(
                {"queue_running": running, "queue_pending": [self._tuple(job) for job in self._pending]}
            )
        if path.startswith("/history"):
            return self._look(path.removeprefix("/history").strip("/"))
        if path == "/view":
            return self._view(request)
        return self._answer(f"{request.method} {path}")

    async def _post(self, path: str, sent: dict[str, Any]) -> Response:
        if path == "/prompt":
            return await self._submit(sent)
        if path == "/queue":
            if sent.get("clear"):
                self._pending.clear()
            self._pending = [job for job in self._pending if job.id not in (sent.get("delete") or ())]
            await self._broadcast_status()
            return Response()
        if path == "/interrupt":
            named = sent.get("prompt_id")
            if self._running is not None and named in (None, self._running.id):
                self._running.interrupted = True
            return Response()
        if path == "/history":
            for job_id in sent.get("delete") or list(self._history):
                self._history.pop(job_id, None)
            return Response()
        return self._answer(f"POST {path}")

    async def _submit(self, sent: dict[str, Any]) -> Response:
        run = self._pick(sent.get("prompt"))
        if run.job_id is None:
            if isinstance(run.answer, dict):
                return JSONResponse(run.answer, run.status)
            return Response(str(run.answer), run.status)
        self._number += 1
        job = _Job(
            id=sent.get("prompt_id") or uuid.uuid4().hex,
            number=-self._number if sent.get("front") else self._number,
            run=run,
            graph=sent.get("prompt") or {},
            client_id=sent.get("client_id"),
            extra_data=sent.get("extra_data") or {},
        )
        self._pending.append(job)
        await self._broadcast_status()
        self._wake.set()
        return JSONResponse({**run.answer, "prompt_id": job.id, "number": job.number})

    def _pick(self, graph: Any) -> Run:
        same = [run for run in self.recording.runs if run.graph == graph]
        fresh = [run for run in same if run not in self._used]
        rest = [run for run in self.recording.accepted if run not in self._used]
        run = (fresh or same or rest or self.recording.accepted or self.recording.runs)[0]
        self._used.append(run)
        return run

    def _look(self, job_id: str) -> Response:
        if not job_id:
            return JSONResponse(self._history)
        if job_id in self._history and self._looks < self.faults.hide_history:
            self._looks += 1
            return JSONResponse({})
        entry = self._history.get(job_id)
        if entry is not None and self.faults.shuffle_history is not None:
            listed = list(entry["outputs"].items())
            random.Random(self.faults.shuffle_history).shuffle(listed)
            entry = {**entry, "outputs": dict(listed)}
        return JSONResponse({} if entry is None else {job_id: entry})

    def _view(self, request: Request) -> Response:
        wanted = dict(request.query_params)
        found = next(
            (file for key, file in self.recording.files.items() if _same_file(dict(key), wanted)), None
        )
        if found is None:
            return Response(status_code=404)
        if self.faults.break_view:
            self.faults.break_view -= 1
            return Response(status_code=503)
        data, mime = found
        begin = request.headers.get("range", "").removeprefix("bytes=").rstrip("-")
        if begin.isdigit():
            length = str(len(data) - int(begin))
            return Response(data[int(begin) :], 206, headers={"Content-Length": length}, media_type=mime)
        if self.faults.short_view:
            self.faults.short_view -= 1
            return _Cut(data, mime)
        return Response(data, media_type=mime)

    def _answer(self, key: str) -> Response:
        line = self.recording.answers.get(key) or self.common.answers.get(key)
        if line is None:
            return Response(status_code=404, media_type="application/octet-stream")
        body = line.get("body")
        if isinstance(body, (dict, list)):
            return JSONResponse(body, line["status"])
        return Response(str(body or ""), line["status"])


class _Cut(Response):
    """Promises everything, sends half, and breaks the connection."""

    def __init__(self, data: bytes, mime: str) -> None:
        super().__init__(media_type=mime, headers={"Content-Length": str(len(data))})
        self._half = data[: len(data) // 2]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._half, "more_body": True})
        transport = scope.get("extensions", {}).get("transport")
        if transport is not None:
            transport.abort()


async def _close(socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError):
        await socket.close(1001)


def _executing_null(job_id: str) -> dict[str, Any]:
    return {"type": "executing", "data": {"node": None, "prompt_id": job_id}}


def _renamed(frame: Frame, job: _Job) -> Frame:
    old = job.run.job_id
    assert old is not None
    if isinstance(frame, bytes):
        if len(old) == len(job.id):
            return frame.replace(old.encode(), job.id.encode())
        if frame[3] != 4:
            return frame
        length = int.from_bytes(frame[4:8], "big")
        head = frame[8 : 8 + length].replace(old.encode(), job.id.encode())
        return frame[:4] + len(head).to_bytes(4, "big") + head + frame[8 + length :]
    return json.loads(json.dumps(frame).replace(old, job.id))


def _with_foreign(frames: list[tuple[float, Frame]]) -> list[tuple[float, Frame]]:
    """The frames among those of another client's job, which fails, and of unknown kinds."""
    other = "00000000-0000-4000-8000-000000000000"
    error = {"prompt_id": other, "node_id": "1", "node_type": "X", "exception_type": "E", "traceback": []}
    out: list[tuple[float, Frame]] = []
    for at, frame in frames:
        out += [
            (at, {"type": "progress", "data": {"value": 1, "max": 2, "prompt_id": other, "node": "1"}}),
            (at, {"type": "execution_error", "data": {**error, "exception_message": "not yours"}}),
            (at, {"type": "made_up", "data": {"prompt_id": other}}),
            (at, b"\x00\x00\x00\x63whatever"),
            (at, frame),
        ]
    return out


def _same_file(recorded: dict[str, str], wanted: dict[str, str]) -> bool:
    defaults = {"subfolder": "", "type": "output"}
    return {**defaults, **recorded} == {**defaults, **wanted}
