"""Twenty steps of text to image, compared with the arithmetic that any exact denoiser of these scenes needs.

    python -m benchmarks.sampling [WIDTH HEIGHT]

The floor is the same number of evaluations' three largest matrix products and the twenty JPEG previews,
and nothing else. The target is 3 s for 512×512 on two cores, the scenes not yet drawn.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from comfy_notebook.embedded.nodes.analytic.latent_space import decode
from comfy_notebook.embedded.nodes.analytic.mixture import Scenes
from comfy_notebook.embedded.nodes.analytic.model import AnalyticModel
from comfy_notebook.embedded.nodes.analytic.preview import preview_jpeg
from comfy_notebook.embedded.nodes.analytic.run import ChosenSampler, Guider, NoiseSource, sample
from comfy_notebook.embedded.nodes.analytic.schedules import normal
from comfy_notebook.embedded.nodes.analytic.words import tilts

STEPS = 20


class Silent:
    """A node's context that listens to nothing."""

    def progress(self, value: int, total: int, preview: bytes | None = None) -> None:
        """Drop it."""

    def check_cancelled(self) -> None:
        """Never."""


def best(work: Callable[[], Any], rounds: int = 5) -> float:
    """The fastest of some rounds, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    width, height = (int(side) for side in sys.argv[1:3]) if len(sys.argv) > 2 else (512, 512)
    shape = (1, 4, height // 8, width // 8)
    positive, negative = ([(tilts(text)[None, None], {})] for text in ("a lighthouse at dusk", "text"))

    def run(model: AnalyticModel, sampler: str) -> np.ndarray:
        latent = {"samples": np.zeros(shape, np.float32)}
        guider = Guider(model, positive, negative, 8.0)
        context: Any = Silent()
        done, _ = sample(context, guider, NoiseSource(1), ChosenSampler(sampler), normal(STEPS), latent)
        return done["samples"]

    scenes, model = Scenes(*shape[2:]), AnalyticModel()
    samples = run(model, "euler")
    x = samples[0, :3].reshape(3, -1)

    def floor() -> None:
        flat = scenes.means.reshape(-1, x.size)
        products = np.zeros((*scenes.means.shape[:2], x.shape[1]), np.float32)
        for _ in range(STEPS):
            inner = flat @ x.ravel()
            _ = products @ scenes.skies.coverage.T, products @ scenes.subjects.coverage.T
            _ = inner @ flat, inner @ flat  # the mean, with and without the prompt
            preview_jpeg(samples)

    rows = {
        "drawing the scenes": best(lambda: Scenes(*shape[2:]), 3),
        "floor of 20 evaluations": best(floor),
        "20 steps, euler, cfg 8": best(lambda: run(model, "euler")),
        "20 steps, heun, cfg 8": best(lambda: run(model, "heun")),
        "20 steps and drawing": best(lambda: run(AnalyticModel(), "euler"), 3),
        "one preview": best(lambda: preview_jpeg(samples)),
        "VAEDecode": best(lambda: decode(samples)),
    }
    print(f"{width}×{height}")
    for name, seconds in rows.items():
        print(f"{name:26}{seconds * 1000:9.1f} ms")


if __name__ == "__main__":
    main()
