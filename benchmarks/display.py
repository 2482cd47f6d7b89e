"""What drawing costs the kernel: `python benchmarks/display.py`.

1,000 preview frames (512×512 JPEG) arrive at 60 a second, in a real kernel whose output a client
reads; the live view draws the newest ten times a second, as `Job.updates` hands states out.
Measured is the CPU time of the whole kernel process, less that of the same kernel receiving the same
frames and drawing nothing. The floor is setting `ipywidgets.Image.value` alone, ten times a second.
The target is 15 % of a core.

Then the static side: what a result adds to a notebook, and how long it takes to make.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FRAMES, RATE = 1000, 60.0

SETUP = f"""
import io, sys, time
sys.path.insert(0, {str(ROOT)!r})
import ipywidgets
from IPython.display import display
from PIL import Image
from comfy_notebook.display.live.view import LiveView
from comfy_notebook.protocol.frames import PreviewImage
from comfy_notebook.protocol.messages import Executing, ExecutionStart, Progress
from comfy_notebook.jobs.state import JobState

def jpeg(n):
    out = io.BytesIO()
    noise = Image.effect_noise((64, 64), 40 + n).resize((512, 512))
    Image.merge("RGB", [noise, noise.rotate(90), noise.rotate(180)]).save(out, "JPEG", quality=80)
    return out.getvalue()

frames = [jpeg(n) for n in range(32)]

def run(draw, close=lambda: None):
    state = JobState(titles={{"3": "KSampler", "8": "VAE Decode"}}).after(ExecutionStart(), time.monotonic())
    state = state.after(Executing(node="3"), time.monotonic())
    next_at, drawn = 0.0, 0
    cpu, begin = time.process_time(), time.monotonic()
    for n in range({FRAMES}):
        wait = begin + n / {RATE} - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        now = time.monotonic()
        state = state.after(Progress(node="3", value=n + 1, max={FRAMES}), now)
        state = state.after(PreviewImage(frames[n % len(frames)], "image/jpeg", "3"), now)
        if now >= next_at:
            draw(state)
            next_at, drawn = now + 0.1, drawn + 1
    draw(state)
    spent, took = time.process_time() - cpu, time.monotonic() - begin
    close()
    print(f"RESULT {{spent:.4f}} {{took:.4f}} {{drawn}} {{sum(map(len, frames)) // len(frames)}}")
"""
NOTHING = "run(lambda state: None)"
FLOOR = """
image = ipywidgets.Image(format="jpeg"); display(image)
run(lambda state: setattr(image, "value", state.preview.image), image.close)
"""
OURS = """
view = LiveView(cancel=lambda: None); display(view.widget)
run(view.paint, view.close)
"""


def measure(client: Any, code: str) -> tuple[float, float, int, int]:
    """CPU seconds, seconds, drawings and bytes a frame, as the kernel printed them."""
    printed: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))

    client.execute_interactive(code, output_hook=hear, timeout=120)
    line = next(line for line in "".join(printed).splitlines() if line.startswith("RESULT"))
    spent, took, drawn, size = line.split()[1:]
    return float(spent), float(took), int(drawn), int(size)


def live() -> bool:
    """Print the cost of drawing live; True when it is within the target."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive(SETUP, timeout=60)
        idle = measure(client, NOTHING)
        floor = measure(client, FLOOR)
        ours = measure(client, OURS)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(f"{FRAMES} frames of {ours[3] / 1000:.1f} kB at {RATE:g}/s, {ours[2]} drawn in {ours[1]:.1f} s")
    print(f"{'':34}{'% of a core':>12}")
    shares = [100 * run[0] / run[1] for run in (idle, floor, ours)]
    for name, share in zip(
        ("receiving, nothing drawn", "floor: Image.value alone", "live view"), shares, strict=True
    ):
        print(f"{name:34}{share:12.1f}")
    display = shares[2] - shares[0]
    print(f"{'live view, less receiving':34}{display:12.1f}   target 15")
    return display < 15


def static() -> None:
    """Print what a result leaves in a notebook, and how long it takes."""
    import json

    sys.path.insert(0, str(ROOT))
    from PIL import Image

    from comfy_notebook.display.results.bundle import result_bundle
    from tests.display.runs import output, result

    noise = Image.merge("RGB", [Image.effect_noise((256, 256), 60).resize((1024, 1024)) for _ in "rgb"])
    print(f"\n{'a result of':34}{'kB in the file':>15}{'ms':>8}")
    for count in (1, 4, 16):
        made = result([output(value=noise) for _ in range(count)])
        begin = time.perf_counter()
        size = len(json.dumps(result_bundle(made))) / 1000
        spent = 1000 * (time.perf_counter() - begin)
        print(f"{f'{count} noisy 1024×1024 picture(s)':34}{size:15.0f}{spent:8.0f}")


if __name__ == "__main__":
    within = live()
    static()
    sys.exit(0 if within else 1)
