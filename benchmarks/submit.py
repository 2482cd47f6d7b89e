"""Latency from submission to a PIL image, compared with a floor that makes the same requests."""

from __future__ import annotations

import asyncio
import sys
import time

from common import client, line, median, picture, server
from floor import Floor

from comfy_notebook.sync import IO
from comfy_notebook.workflow.workflow import Workflow


def main(rounds: int = 60) -> None:
    with server() as running, client(running) as ours:
        mine: list[float] = []
        theirs: list[float] = []
        loop = IO.loop  # the floor runs on the same kind of loop, in the same process

        async def enter() -> Floor:
            return await Floor(running.url, running.api_key).__aenter__()

        floor = asyncio.run_coroutine_threadsafe(enter(), loop).result()
        ours.submit(Workflow(picture(1))).result().image  # noqa: B018
        asyncio.run_coroutine_threadsafe(floor.run(picture(2)), loop).result()
        for n in range(rounds):
            for which in ("ours", "floor") if n % 2 else ("floor", "ours"):
                graph = picture(1000 + 2 * n + (which == "ours"))
                begin = time.perf_counter()
                if which == "ours":
                    ours.submit(Workflow(graph)).result().image  # noqa: B018
                    mine.append(time.perf_counter() - begin)
                else:
                    asyncio.run_coroutine_threadsafe(floor.run(graph), loop).result()
                    theirs.append(time.perf_counter() - begin)
        asyncio.run_coroutine_threadsafe(floor.__aexit__(), loop).result()
        line("submit to PIL, median", 1e3 * median(mine), 1e3 * median(theirs), "ms", "goal 1.05")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
