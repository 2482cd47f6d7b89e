"""How well the time left is estimated: `python benchmarks/progress.py`.

First the recorded runs of a real ComfyUI among the tests' data, each with the timings of the runs recorded
before it; then runs on the embedded server: new, repeated with other steps, cached, with two samplers.
Printed is the largest and the median error of the estimate, as a part of the true time left, from 20 % of
the run until shortly before its end (0.5 s, or 5 % of a short run), and how often one was given. The target
is 25 %.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from common import client, server  # noqa: E402

from comfy_notebook.jobs.progress import Timing, Work  # noqa: E402
from comfy_notebook.jobs.state import JobState  # noqa: E402
from comfy_notebook.protocol.frames import decode_frame  # noqa: E402
from comfy_notebook.protocol.messages import decode_message  # noqa: E402
from comfy_notebook.protocol.status import JobStatus  # noqa: E402
from comfy_notebook.workflow.workflow import Workflow  # noqa: E402
from tests.replay.recording import load, names  # noqa: E402

Seen = list[tuple[float, float | None]]
TXT2IMG = ROOT / "notebooks" / "workflows" / "txt2img.json"


def report(name: str, seen: Seen, total: float) -> float | None:
    """Print a line; the largest error."""
    late = [(at, left) for at, left in seen if 0.2 * total <= at <= total - min(0.5, 0.05 * total)]
    errors = [abs(left - (total - at)) / (total - at) for at, left in late if left is not None]
    given = f"{100 * len(errors) / len(late):.0f} %" if late else "-"
    largest = f"{100 * max(errors):.0f} %" if errors else "-"
    median = f"{100 * statistics.median(errors):.0f} %" if errors else "-"
    print(f"{name:36}{total:8.1f}{largest:>10}{median:>10}{given:>10}")
    return max(errors, default=None)


def recorded() -> list[float]:
    """The largest error of each recorded run of more than half a second."""
    known: dict[str, Timing] = {}
    found = []
    for name in names():
        for number, run in enumerate(load(name).accepted):
            if not run.graph or not run.frames:
                continue
            state = JobState(titles=dict.fromkeys(run.graph, ""), work=Work.of(run.graph, known))
            seen: Seen = []
            begin = run.frames[0][0]
            for at, frame in run.frames:
                event = decode_frame(frame) if isinstance(frame, bytes) else decode_message(frame)
                if event is None:
                    continue
                state = state.after(event, at - begin)
                seen.append((at - begin, state.remaining(at - begin)))
            known.update(state.work.learned)
            total = state.ended_at or 0.0
            if state.status is JobStatus.completed and total > 0.5:
                largest = report(f"{name} {number + 1}", seen, total)
                found += [largest] if largest is not None else []
    return found


def live() -> list[float]:
    """The largest error of each run on the embedded server."""
    found = []

    def run(name: str, wf: Any, **inputs: Any) -> None:
        job = ours.submit(wf, **inputs)
        seen: list[tuple[float, float | None]] = []
        state = job.state
        for state in job.updates(interval=0.05, heartbeat=0.1):
            now = time.monotonic()
            if state.started_at is not None and not state.status.is_final:
                seen.append((now - state.started_at, state.remaining(now)))
        if state.started_at is not None and state.ended_at is not None:
            largest = report(name, seen, state.ended_at - state.started_at)
            found.extend([largest] if largest is not None else [])

    def sampled(steps: int, second: int | None = None) -> Workflow:
        wf = Workflow.load(TXT2IMG, nodes=ours.nodes)
        graph = {key: {**node, "inputs": dict(node["inputs"])} for key, node in wf.to_api().items()}
        sampler = next(key for key, node in graph.items() if node["class_type"] == "KSampler")
        graph[sampler]["inputs"]["steps"] = steps
        if second is not None:
            decode = next(key for key, node in graph.items() if node["class_type"] == "VAEDecode")
            again = {
                **graph[sampler]["inputs"],
                "steps": second,
                "latent_image": [sampler, 0],
                "denoise": 0.6,
            }
            graph["900"] = {"class_type": "KSampler", "inputs": again}
            graph[decode]["inputs"]["samples"] = ["900", 0]
        return Workflow(graph, nodes=ours.nodes)

    with server() as running, client(running) as ours:
        run("20 steps, first run", sampled(20), seed=1)
        run("20 steps, again", sampled(20), seed=2)
        run("200 steps", sampled(200), seed=3)
        run("two samplers, 60 and 40 steps", sampled(60, 40), seed=4)
        run("80 steps, loader and texts cached", sampled(80), seed=5)
        sleep = {"class_type": "TestingSleep", "inputs": {"seconds": 6.0, "steps": 800}}
        run("800 steps of another node", Workflow({"1": sleep}))
    return found


if __name__ == "__main__":
    print(f"{'run':36}{'seconds':>8}{'largest':>10}{'median':>10}{'given':>10}")
    errors = recorded() + live()
    within = sum(error <= 0.25 for error in errors)
    print(f"{within} of {len(errors)} runs within 25 % throughout")
