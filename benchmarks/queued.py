"""50 queued jobs: pictures per second and CPU per picture, compared with the floor."""

from __future__ import annotations

import asyncio
import resource
import sys
import time

from common import client, line, median, picture, server
from floor import Floor

from comfy_notebook.workflow.workflow import Workflow


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(jobs: int = 50, rounds: int = 5) -> None:
    rate: dict[str, list[float]] = {"ours": [], "floor": []}
    cost: dict[str, list[float]] = {"ours": [], "floor": []}
    with server(tier="pro") as running, client(running) as ours:

        async def by_hand(first: int) -> None:
            async with Floor(running.url, running.api_key) as floor:
                ids = [await floor.submit(picture(first + n)) for n in range(jobs)]
                await asyncio.gather(*(floor.wait(job_id) for job_id in ids))

        def by_client(first: int) -> None:
            waiting = [ours.submit(Workflow(picture(first + n))) for n in range(jobs)]
            for job in waiting:
                job.result().image  # noqa: B018

        by_client(1)
        asyncio.run(by_hand(1000))
        for n in range(rounds):
            for which in ("ours", "floor") if n % 2 else ("floor", "ours"):
                first = 10_000 * (n + 1) + 1000 * (which == "ours")
                begin, spent = time.perf_counter(), cpu()
                if which == "ours":
                    by_client(first)
                else:
                    asyncio.run(by_hand(first))
                rate[which].append(jobs / (time.perf_counter() - begin))
                cost[which].append(1e3 * (cpu() - spent) / jobs)
    line(f"{jobs} queued jobs", median(rate["ours"]), median(rate["floor"]), "im/s", "goal 0.95 or more")
    line("CPU a picture", median(cost["ours"]), median(cost["floor"]), "ms", "goal 1.2")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
