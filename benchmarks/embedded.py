"""What the embedded server costs: start to first answer, and trivial jobs a second for one client.

    python -m benchmarks.embedded [JOBS]

Beside each number stands its floor: the same work with our part taken out. Jobs are graphs of two
nodes that store nothing; each is submitted, heard of over the socket, and confirmed by one status
request; the record of each is in SQLite before it is answered.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.servers import ROOT, end_server, start_server

Call = Callable[..., Any]

_FLOOR = """
import asyncio, json, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def answer(request):
    if request.method == "POST":
        await request.json()
    return JSONResponse({"ok": True})

class Web(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)

app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
asyncio.run(Web(uvicorn.Config(app, port=0, access_log=False, log_config=None)).serve())
"""


def graph(number: int) -> dict[str, object]:
    """A trivial graph, different from every other: nothing of it is cached."""
    return {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": number}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def start_to_answer(times: int = 5) -> list[float]:
    """Seconds from starting the process to the first answer to a request."""
    taken = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            server = start_server(Path(folder) / "data", api_key="benchmark")
            request = urllib.request.Request(f"{server.url}/api/user", headers=server.headers)
            urllib.request.urlopen(request, timeout=10).read()
            taken.append(time.perf_counter() - began)
            end_server(server)
    return taken


def floor_start(times: int = 5) -> list[float]:
    """The same for an empty Starlette app on uvicorn."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", _FLOOR], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        urllib.request.urlopen(url, timeout=10).read()
        taken.append(time.perf_counter() - began)
        process.kill()
        process.wait()
        process.stdout.close()
    return taken


def jobs_a_second(count: int) -> float:
    """Jobs submitted, finished and confirmed a second, by one client with several requests under way."""
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(Path(folder) / "data", api_key="benchmark", tier="pro")
        try:
            return _drive(server.url, server.api_key, count)
        finally:
            end_server(server)


def _drive(url: str, api_key: str, count: int) -> float:
    finished: dict[str, threading.Event] = {}
    lock = threading.Lock()

    def event(job_id: str) -> threading.Event:
        with lock:
            return finished.setdefault(job_id, threading.Event())

    def listen() -> None:
        for frame in socket:
            if isinstance(frame, str) and '"execution_success"' in frame:
                event(json.loads(frame)["data"]["prompt_id"]).set()

    def job(call: Call, number: int) -> None:
        job_id = call("POST", "/api/prompt", {"prompt": graph(number)})["prompt_id"]
        event(job_id).wait()
        status = call("GET", f"/api/job/{job_id}/status")["status"]
        assert status == "completed", status

    with connect(f"{url.replace('http', 'ws', 1)}/ws?clientId=b&token={api_key}", max_size=None) as socket:
        threading.Thread(target=listen, daemon=True).start()
        return _side_by_side(url, api_key, count, job)


def floor_jobs_a_second(count: int) -> float:
    """The same two requests a job, answered by an empty app."""
    process = subprocess.Popen([sys.executable, "-c", _FLOOR], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]

    def job(call: Call, number: int) -> None:
        call("POST", "/api/prompt", {"prompt": graph(number)})
        call("GET", "/api/job/x/status")

    rate = _side_by_side(url, "", count, job)
    process.kill()
    process.wait()
    process.stdout.close()
    return rate


def _side_by_side(url: str, api_key: str, count: int, job: Callable[[Call, int], None]) -> float:
    """Jobs a second with eight under way, on eight kept connections of the plainest client there is."""
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}

    def work(first: int) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))

        def call(method: str, path: str, body: Any = None) -> Any:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return json.loads(connection.getresponse().read())

        for number in range(first, count, 8):
            job(call, number)
        connection.close()

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))
    return count / (time.perf_counter() - began)


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"start to first answer   {statistics.median(start_to_answer()):.2f} s", end="   ")
    print(f"(floor, an empty app: {statistics.median(floor_start()):.2f} s; wanted: 1 s)")
    print(f"trivial jobs            {jobs_a_second(count):.0f} a second", end="   ")
    print(f"(floor, two requests of an empty app: {floor_jobs_a_second(count):.0f} a second; wanted: 150)")


if __name__ == "__main__":
    main()
