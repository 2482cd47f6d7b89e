"""What a node costs over the plain numpy or Pillow call for the same work, on an image of 1024².

    python benchmarks/nodes.py [SIZE]

The plain call is what one would write in a cell with the values a node takes and gives: float32
arrays (1, H, W, 3). Each is the best of several runs; the aim is a ratio of at most 1.5.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from comfy_notebook.embedded.nodes.analytic.noise import NoiseStream
from comfy_notebook.embedded.nodes.registry import default_registry

RUNS = 7


class Quiet:
    """A context that takes everything and keeps nothing."""

    node_id = "1"
    prompt: dict[str, Any] = {}  # noqa: RUF012
    extra_pnginfo: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def files(self) -> Quiet:
        return self

    def check_cancelled(self) -> None: ...

    def save(self, data: bytes, prefix: str, suffix: str, type: str = "output") -> dict[str, str]:
        (self.folder / f"{prefix}{suffix}").write_bytes(data)
        return {"filename": prefix + suffix, "subfolder": "", "type": type}


def best(work: Callable[[], Any]) -> float:
    """Milliseconds of the fastest run."""
    work()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def through_pillow(image: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Floats to bytes, one Pillow call, and back."""
    picture = Image.fromarray(np.clip(image[0] * 255, 0, 255).astype(np.uint8))
    return np.asarray(change(picture)).astype(np.float32)[None] / 255


def save_and_load(image: np.ndarray, folder: Path) -> None:
    Image.fromarray(np.clip(image[0] * 255, 0, 255).astype(np.uint8)).save(folder / "p.png", compress_level=4)


def load(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / "in.png").convert("RGB")).astype(np.float32)[None] / 255


def cases(size: int, folder: Path) -> list[tuple[str, dict[str, Any], Callable[[], Any]]]:
    """Node, inputs, plain call."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    image = np.stack([x, y, (x + y) / 2], -1)[None].astype(np.float32)
    image = np.clip(image + rng.normal(0, 0.02, image.shape), 0, 1).astype(np.float32)
    other, mask = image[:, ::-1].copy(), image[..., 0].copy()
    Image.fromarray((image[0] * 255).astype(np.uint8)).save(folder / "in.png")
    half, twice = (size // 2, size // 2), (size * 2, size * 2)
    resampling = Image.Resampling

    def scaled(method: str, to: tuple[int, int]) -> dict[str, Any]:
        return {"image": image, "upscale_method": method, "width": to[0], "height": to[1], "crop": "disabled"}

    def pillow(to: tuple[int, int], how: Image.Resampling) -> Callable[[], Any]:
        return lambda: through_pillow(image, lambda picture: picture.resize(to, how))

    return [
        ("LoadImage", {"image": "in.png"}, lambda: load(folder)),
        ("SaveImage", {"images": image, "filename_prefix": "s"}, lambda: save_and_load(image, folder)),
        ("ImageInvert", {"image": image}, lambda: 1 - image),
        ("ImageFlip", {"image": image, "flip_method": "x-axis: vertically"}, lambda: image[:, ::-1].copy()),
        (
            "ImageBlend",
            {"image1": image, "image2": other, "blend_factor": 0.5, "blend_mode": "multiply"},
            lambda: np.clip(image * 0.5 + image * other * 0.5, 0, 1),
        ),
        ("ImageScale", scaled("nearest-exact", half), pillow(half, resampling.NEAREST)),
        ("ImageScale", scaled("bilinear", half), pillow(half, resampling.BILINEAR)),
        ("ImageScale", scaled("area", half), pillow(half, resampling.BOX)),
        ("ImageScale", scaled("bicubic", half), pillow(half, resampling.BICUBIC)),
        ("ImageScale", scaled("lanczos", half), pillow(half, resampling.LANCZOS)),
        ("ImageScale", scaled("nearest-exact", twice), pillow(twice, resampling.NEAREST)),
        ("ImageScale", scaled("bilinear", twice), pillow(twice, resampling.BILINEAR)),
        ("ImageScale", scaled("bicubic", twice), pillow(twice, resampling.BICUBIC)),
        ("ImageScale", scaled("lanczos", twice), pillow(twice, resampling.LANCZOS)),
        (
            "ImageBlur",
            {"image": image, "blur_radius": 5, "sigma": 1.0},
            lambda: through_pillow(image, lambda picture: picture.filter(ImageFilter.GaussianBlur(5))),
        ),
        (
            "ImageSharpen",
            {"image": image, "sharpen_radius": 5, "sigma": 1.0, "alpha": 1.0},
            lambda: through_pillow(image, lambda picture: picture.filter(ImageFilter.UnsharpMask(5))),
        ),
        (
            "ImageQuantize",
            {"image": image, "colors": 16, "dither": "floyd-steinberg"},
            lambda: through_pillow(
                image, lambda p: p.quantize(16, palette=p.quantize(16), dither=1).convert("RGB")
            ),
        ),
        (
            "ImageAddNoise",
            {"image": image, "seed": 1, "strength": 0.1},
            lambda: np.clip(image + np.float32(0.1) * NoiseStream(1).normal(image.shape), 0, 1),
        ),
        (
            "Morphology",
            {"image": image, "operation": "dilate", "kernel_size": 5},
            lambda: through_pillow(image, lambda picture: picture.filter(ImageFilter.MaxFilter(5))),
        ),
        (
            "ImageCompositeMasked",
            {"destination": image, "source": other, "x": 0, "y": 0, "resize_source": False, "mask": mask},
            lambda: mask[..., None] * other + (1 - mask[..., None]) * image,
        ),
        (
            "GrowMask",
            {"mask": mask, "expand": 4, "tapered_corners": False},
            lambda: np.asarray(
                Image.fromarray((mask[0] * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(9))
            ),
        ),
    ]


def main() -> None:
    import tempfile

    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    registry = default_registry()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = Quiet(folder)
        print(f"{'node':22} {'':32} {'node ms':>9} {'plain ms':>9} {'ratio':>6}")
        for node, inputs, plain in cases(size, folder):
            made = registry[node]()
            ours, theirs = best(lambda made=made, inputs=inputs: made.run(context, **inputs)), best(plain)
            said = ", ".join(str(value) for value in inputs.values() if isinstance(value, (str, int, float)))
            print(f"{node:22} {said[:32]:32} {ours:9.1f} {theirs:9.1f} {ours / theirs:6.2f}")


if __name__ == "__main__":
    main()
