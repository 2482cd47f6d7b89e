"""500 preview frames: none lost, CPU compared with the floor without display, memory over 10,000."""

from __future__ import annotations

import asyncio
import resource
import sys

import psutil
from common import client, line, median, previews, server
from floor import Floor

from comfy_notebook.protocol.frames import PreviewImage
from comfy_notebook.workflow.workflow import Workflow


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(frames: int = 500, rounds: int = 5, many: int = 10_000) -> None:
    cost: dict[str, list[float]] = {"ours": [], "floor": []}
    with server() as running, client(running) as ours:

        async def by_hand(color: int) -> int:
            async with Floor(running.url, running.api_key) as floor:
                await floor.run(previews(frames, color))
                return floor.previews

        def by_client(color: int) -> int:
            job = ours.submit(Workflow(previews(frames, color)))
            job.result()
            return job.state.preview_count

        by_client(1), asyncio.run(by_hand(2))
        for n in range(rounds):
            for which in ("ours", "floor") if n % 2 else ("floor", "ours"):
                spent, color = cpu(), 10 * n + 3 + (which == "ours")
                count = by_client(color) if which == "ours" else asyncio.run(by_hand(color))
                cost[which].append(1e3 * (cpu() - spent))
                assert count == frames, f"{which} saw {count} of {frames} frames"
        line(f"CPU for {frames} frames", median(cost["ours"]), median(cost["floor"]), "ms", "goal 1.0")

        process = psutil.Process()
        job = ours.submit(Workflow(previews(many, 99)))
        sizes = []
        for state in job.updates(interval=0.5):
            if state.preview_count > 500:
                sizes.append(process.memory_info().rss / 2**20)
        held = sum(isinstance(event, PreviewImage) and bool(event.image) for event in job.events())
        print(
            f"{many} frames: {held} can be read back; "
            f"memory {sizes[0]:.0f} MB at first, {sizes[-1]:.0f} at last"
        )
        assert held == many


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
