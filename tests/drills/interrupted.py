"""Run by `test_interrupts`: Ctrl-C at random moments, the same ones each time, as far as a clock can be."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time

import comfy_notebook as comfy
from tests.client import graphs


def main(url: str, key: str, how: str, rounds: int, seed: int) -> None:
    """Start something that takes a minute and interrupt it, again and again; then see what is left."""
    client = comfy.connect(url, api_key=key, quiet=True)
    calls = {
        "run": lambda: comfy.run(graphs.sleep(60), quiet=True),
        "client.run": lambda: client.run(graphs.sleep(60)),
        "sweep": lambda: comfy.sweep(graphs.sleep(60), {"1.color": range(9)}, window=3, quiet=True),
    }
    draw = random.Random(seed)
    comfy.run(graphs.picture(), quiet=True)  # what is imported on first use is imported
    for _ in range(rounds):
        # Most of it happens within some milliseconds; an exponential draw meets all of it.
        timer = threading.Timer(min(draw.expovariate(30), 0.5), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            calls[how]()
        except KeyboardInterrupt:
            continue
        sys.exit("it was not interrupted")
    until = time.monotonic() + 15
    while len(client.queue()) and time.monotonic() < until:
        time.sleep(0.05)
    left = [*client.queue().running, *client.queue().pending]
    if left:
        sys.exit(f"{len(left)} jobs run on: {left}")
    ended = {str(job.status) for job in client.jobs(limit=200)}
    if ended - {"cancelled", "completed"}:
        sys.exit(f"jobs ended as {ended}")
    assert comfy.run(graphs.picture(7), quiet=True).image, "and the next cell runs"
    print(client.jobs(limit=1).total, len(client._async.connection.live))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
