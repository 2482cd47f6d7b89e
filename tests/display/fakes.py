"""A job, a result and outputs made of recorded events: what the display asks of the real ones, no more."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from comfy_notebook.jobs.state import JobState
from comfy_notebook.protocol.frames import decode_frame
from comfy_notebook.protocol.messages import decode_message
from comfy_notebook.protocol.status import JobStatus

DATA = Path(__file__).parents[1] / "data" / "display"


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


class FakeOutput:
    """One output; pictures are given as PIL images."""

    def __init__(self, kind: str = "image", value: Any = None, **fields: Any) -> None:
        self.kind = kind
        self.node_id, self.node_title, self.class_type = "9", "Save Image", "SaveImage"
        self.filename, self.subfolder, self.type = "ComfyUI_00001_.png", "", "output"
        self.index, self.text, self.error, self.mime = 0, None, None, "image/png"
        self._bytes: bytes | None = None
        if kind == "image":
            self._bytes = png_bytes(value if value is not None else picture())
        elif kind == "text":
            self.text, self.filename = value, ""
        else:
            self._bytes = value
        for name, content in fields.items():
            setattr(self, name, content)

    @property
    def fetched(self) -> bool:
        return self._bytes is not None or self.text is not None

    @property
    def bytes(self) -> bytes:
        if self.error is not None:
            raise self.error
        return self._bytes or b""

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(self.bytes))


class FakeResult:
    def __init__(self, outputs: Iterable[FakeOutput] = (), job_id: str = "f84ef51b", seconds: float = 8.3):
        self.outputs = list(outputs)
        self.job_id, self.seconds, self.status = job_id, seconds, JobStatus.completed


class FakeJob:
    """Replays events as states. `pace` seconds pass between two states; `fail` is raised at the end."""

    def __init__(
        self,
        events: Iterable[tuple[float, Any]] = (),
        *,
        outputs: Iterable[FakeOutput] = (),
        titles: dict[str, str] | None = None,
        pace: float = 0.0,
        fail: BaseException | None = None,
        interrupt_after: int | None = None,
    ) -> None:
        self.id = "f84ef51b-3053-4196-aa3a-2d923896ef96"
        self.client = None
        self.target = "embedded"
        self.workflow = None
        self._events, self._pace, self._fail = list(events), pace, fail
        self._interrupt_after = interrupt_after
        self._result_outputs = list(outputs)
        self.outputs: list[FakeOutput] = []
        self.cancelled = 0
        self.state = JobState(job_id=None, titles=titles or {"3": "KSampler", "9": "Save Image"})

    @property
    def status(self) -> JobStatus:
        return self.state.status

    def updates(
        self, interval: float = 0.1, timeout: float | None = None, *, heartbeat: float | None = None
    ) -> Iterator[JobState]:
        for number, (_, event) in enumerate(self._events):
            if self.cancelled:
                return
            if number == self._interrupt_after:
                raise KeyboardInterrupt
            self.state = self.state.after(event, time.monotonic())
            if self._pace:
                time.sleep(self._pace)
            yield self.state
        self.outputs = list(self._result_outputs)
        yield self.state

    def result(self, timeout: float | None = None) -> FakeResult:
        if self._fail is not None:
            raise self._fail
        return FakeResult(self._result_outputs)

    def cancel(self) -> None:
        self.cancelled += 1
        self.state = self.state.ended(JobStatus.cancelled, time.monotonic())

    def cancel_soon(self) -> None:
        if not self.cancelled:
            self.cancel()
