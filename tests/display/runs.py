"""Real jobs, results and outputs for the display tests; the server behind them is a recording."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from comfy_notebook.client.records import JobRecord
from comfy_notebook.errors import ComfyError, ServerError
from comfy_notebook.jobs.follow.follower import Follower
from comfy_notebook.jobs.job import Job
from comfy_notebook.jobs.outputs import Output
from comfy_notebook.jobs.result import Result
from comfy_notebook.protocol.frames import decode_frame
from comfy_notebook.protocol.messages import ExecutionError, decode_message
from comfy_notebook.protocol.status import JobStatus
from comfy_notebook.sync import IO

DATA = Path(__file__).parents[1] / "data" / "display"
GRAPH = {
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "3": {"class_type": "KSampler", "inputs": {"steps": 20, "seed": 7, "latent_image": ["5", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
}


def recorded(name: str) -> list[tuple[float, Any]]:
    """`(seconds, event)` of a recording: JSON messages and binary frames as they came."""
    events = []
    for line in (DATA / f"{name}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        raw = base64.b64decode(entry["b64"]) if "b64" in entry else None
        events.append((entry["t"], decode_frame(raw) if raw is not None else decode_message(entry["json"])))
    return events


def picture(color: str = "teal", size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, color)


def png_bytes(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def output(
    kind: str = "image", value: Any = None, *, error: ComfyError | None = None, **fields: Any
) -> Output:
    """One output, downloaded unless `data=None`. `value` is a PIL image, a text or bytes, by the kind."""
    if kind == "text":
        fields = {"text": value, **fields}
    else:
        given = png_bytes(picture() if value is None else value) if kind == "image" else value
        fields = {"filename": "ComfyUI_00001_.png", "data": given, **fields}
    made = Output(
        **{"node_id": "9", "node_title": "Save Image", "class_type": "SaveImage", **fields}, kind=kind
    )
    if error is not None:
        made._data = None
        made._failed(error)
    return made


def result(outputs: Sequence[Output] = (), job_id: str = "f84ef51b", seconds: float = 8.3) -> Result:
    return Result(job_id, outputs, seconds=seconds)


class Live:
    """A socket that is connected, with one job followed over it."""

    alive, generation = True, 0

    def __len__(self) -> int:
        return 1

    def forget(self, follower: Follower) -> None:
        pass


class Server:
    """The one job of a server, as a dialect and a connection see it."""

    forgets_cancelled = False

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self.pictures = pictures
        self.status = JobStatus.pending
        self.error: ExecutionError | None = None
        self.cancelled = 0

    async def record(self, http: Any, job_id: str, ended: bool = False) -> JobRecord:
        listed = {"9": {"images": [{"filename": name, "type": "output"} for name in self.pictures]}}
        outputs = listed if self.pictures and self.status is JobStatus.completed else {}
        return JobRecord(
            job_id, self.status, self.status.value, outputs=outputs, error=self.error,
            outputs_count=len(self.pictures),
        )  # fmt: skip

    async def cancel(self, http: Any, job_id: str) -> bool:
        self.cancelled += 1
        self.status = JobStatus.cancelled
        return True

    async def request(self, *args: Any, **options: Any) -> Any:
        raise ServerError("This server shows no log.", status=404)

    async def fetch(self, filename: str, subfolder: str, type: str) -> tuple[bytes, str]:
        return self.pictures.get(filename) or png_bytes(picture()), "image/png"

    def connection(self) -> Any:
        return SimpleNamespace(
            live=Live(),
            downloads=self,
            dialect=self,
            http=self,
            url="http://here",
            target="here",
            server=None,
            timings={},
        )


def play(
    events: Iterable[tuple[float, Any]] = (),
    *,
    pictures: Sequence[Image.Image] = (),
    graph: Mapping[str, Any] = GRAPH,
    titles: Mapping[str, str] | None = None,
) -> tuple[Job, Server]:
    """A job that has heard these events, and its server.

    Events that end the job end it on the server too; otherwise it runs until it is cancelled.
    """
    heard = [event for _, event in events]
    graph = {key: dict(node) for key, node in graph.items()}
    for node_id, title in (titles or {}).items():
        graph.setdefault(node_id, {"class_type": title, "inputs": {}})["_meta"] = {"title": title}
    ids = (getattr(event, "prompt_id", None) for event in heard)
    job_id = next(filter(None, ids), "f84ef51b-3053-4196-aa3a-2d923896ef96")
    server = Server({f"picture_{n}.png": png_bytes(image) for n, image in enumerate(pictures)})

    async def start() -> Follower:
        follower = Follower(server.connection(), job_id, graph=graph)
        for event in heard:
            follower.hear(event)
            if isinstance(event, ExecutionError):
                server.error = event
        server.status = follower.state.status
        follower.start()
        if server.status.is_final:
            follower.poll_soon()
        return follower

    return Job(IO.run(start())), server


def done(**options: Any) -> Job:
    """A recorded run that has ended with one picture."""
    return play(recorded("txt2img"), **{"pictures": [picture()], **options})[0]
