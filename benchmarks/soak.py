"""200 jobs one after another: none lost, stuck or wrong."""

from __future__ import annotations

import sys
import time

from common import client, median, picture, server

from comfy_notebook.workflow.workflow import Workflow


def main(jobs: int = 200) -> None:
    took = []
    with server() as running, client(running) as ours:
        for n in range(jobs):
            begin = time.perf_counter()
            image = ours.submit(Workflow(picture(n, size=32))).result(timeout=60).image
            assert image.getpixel((0, 0)) == (n >> 16, (n >> 8) & 255, n & 255), f"job {n}: another's"
            took.append(1e3 * (time.perf_counter() - begin))
    took.sort()
    late = took[int(len(took) * 0.99)]
    print(f"{jobs} jobs, all right: median {median(took):.1f} ms, 99 % within {late:.1f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
