"""Nodes that filter images: blur, sharpen, quantize, noise, morphology."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from .analytic.noise import NoiseStream
from .base import Context, Input, Node, Output
from .linear import Taps, along_both
from .pixels import Array, from_pil
from .windows import box

_RADIUS = {"default": 1, "min": 1, "max": 31, "step": 1}


class _PostProcessing(Node):
    category = "image/filters"
    python_module = "comfy_extras.nodes_post_processing"
    outputs = (Output("IMAGE"),)


def gaussian_blur(image: Array, radius: int, sigma: float) -> Array:
    """Weighted by exp(-d² / 2σ²), d = 1 at the window's rim; the image is mirrored at its edges.

    Sigma is thus in units of the radius. RuntimeError when the radius does not fit into the image.
    """
    height, width = image.shape[1:3]
    if radius >= min(height, width):
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, "
            f"but got: padding ({radius}, {radius}) for an image of {width}x{height}"
        )
    position = np.linspace(-1, 1, 2 * radius + 1)
    weight = np.exp(-(position**2) / (2 * sigma * sigma))
    weight = (weight / weight.sum()).astype(np.float32)
    return along_both(image, _mirrored(height, weight), _mirrored(width, weight))


def _mirrored(length: int, weight: Array) -> Taps:
    """A convolution whose input goes on beyond the edge as its reflection (the edge cell not twice)."""
    radius = len(weight) // 2
    index = np.abs(np.arange(length)[:, None] + np.arange(-radius, radius + 1))
    index = np.where(index >= length, 2 * (length - 1) - index, index)
    return Taps(index, np.broadcast_to(weight, index.shape))


class ImageBlur(_PostProcessing):
    """Blurred with a Gaussian."""

    display_name = "Blur Image"
    inputs = {
        "image": Input("IMAGE"),
        "blur_radius": Input("INT", _RADIUS),
        "sigma": Input("FLOAT", {"default": 1.0, "min": 0.1, "max": 10.0, "step": 0.1}),
    }

    def run(self, ctx: Context, *, image: Array, blur_radius: int, sigma: float) -> tuple[Any, ...]:
        return (gaussian_blur(image, blur_radius, sigma),)


class ImageSharpen(_PostProcessing):
    """The image, plus ten times alpha of what a Gaussian blur takes away."""

    display_name = "Sharpen Image"
    inputs = {
        "image": Input("IMAGE"),
        "sharpen_radius": Input("INT", {**_RADIUS, "advanced": True}),
        "sigma": Input("FLOAT", {"default": 1.0, "min": 0.1, "max": 10.0, "step": 0.01, "advanced": True}),
        "alpha": Input("FLOAT", {"default": 1.0, "min": 0.0, "max": 5.0, "step": 0.01, "advanced": True}),
    }

    def run(
        self, ctx: Context, *, image: Array, sharpen_radius: int, sigma: float, alpha: float
    ) -> tuple[Any, ...]:
        strength = np.float32(10 * alpha)
        blurred = gaussian_blur(image, sharpen_radius, sigma)
        return (np.clip(image + strength * (image - blurred), 0, 1),)


class ImageQuantize(_PostProcessing):
    """Few colours: PIL's median cut, with no dithering, PIL's error diffusion, or an ordered matrix."""

    display_name = "Quantize Image"
    inputs = {
        "image": Input("IMAGE"),
        "colors": Input("INT", {"default": 256, "min": 1, "max": 256, "step": 1}),
        "dither": Input(
            "COMBO",
            {"multiselect": False},
            choices=("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"),
            v3=True,
        ),
    }

    def run(self, ctx: Context, *, image: Array, colors: int, dither: str) -> tuple[Any, ...]:
        if image.shape[-1] != 3:
            raise RuntimeError(f"ImageQuantize takes RGB images; these have {image.shape[-1]} channels.")
        few = []
        for one in image:
            ctx.check_cancelled()
            few.append(_quantized(one, colors, dither))
        return (np.stack(few),)


def _quantized(image: Array, colors: int, dither: str) -> Array:
    pixels = _wrapped(image)
    palette = Image.fromarray(pixels).quantize(colors=colors)
    if dither.startswith("bayer-"):
        pixels = _ordered(pixels, len(palette.getpalette() or []) // 3, int(dither[6:]))
    diffuse = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
    few = Image.fromarray(pixels).quantize(colors=colors, palette=palette, dither=diffuse)
    return from_pil(few.convert("RGB"))


def _wrapped(image: Array) -> np.ndarray:
    """8 bits, truncated: colours beyond 0–1 (a bicubic's overshoot) go round, as ComfyUI lets them here."""
    with np.errstate(invalid="ignore"):
        return (image * np.float32(255)).astype(np.int64).astype(np.uint8)


def _ordered(pixels: np.ndarray, colors: int, order: int) -> np.ndarray:
    """8-bit pixels plus a threshold matrix of order × order, as strong as the palette is coarse."""
    height, width = pixels.shape[:2]
    matrix = np.float32(2 * 256 / colors) * _bayer(order) + np.float32(0.5)
    tiled = np.tile(matrix, (-(-height // order), -(-width // order)))[:height, :width, None]
    return np.clip(pixels + tiled, 0, 255).astype(np.uint8)


def _bayer(order: int) -> Array:
    """Bayer's threshold matrix of a power of two, its values evenly spaced in -0.5…0.5."""
    matrix = np.zeros((1, 1), np.float32)
    scale = 1
    while len(matrix) < order:
        scale *= 4
        matrix = np.block(
            [[matrix * scale - 1.5, matrix * scale + 0.5], [matrix * scale + 1.5, matrix * scale - 0.5]]
        )
        matrix = (matrix / scale).astype(np.float32)
    return matrix


class ImageAddNoise(Node):
    """Plus Gaussian noise, the same numbers for a seed as PyTorch's CPU generator gives."""

    display_name = "Add Noise to Image"
    category = "image/filters"
    python_module = "comfy_extras.nodes_images"
    inputs = {
        "image": Input("IMAGE"),
        "seed": Input(
            "INT", {"default": 0, "min": 0, "max": 0xFFFFFFFFFFFFFFFF, "control_after_generate": True}
        ),
        "strength": Input("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, seed: int, strength: float) -> tuple[Any, ...]:
        noise = NoiseStream(seed).normal(image.shape)
        return (np.clip(image + np.float32(strength) * noise, 0, 1),)


class Morphology(Node):
    """Erosion, dilation and what they are combined to, over a square; cells outside do not count.

    A square of even size has no middle: dilation looks at one cell more after, erosion at one more
    before, as kornia does since 0.9 (older ones look before in both).
    """

    display_name = "Apply Morphology"
    category = "image/filters"
    python_module = "comfy_extras.nodes_morphology"
    inputs = {
        "image": Input("IMAGE"),
        "operation": Input(
            "COMBO",
            {"multiselect": False},
            choices=("erode", "dilate", "open", "close", "gradient", "bottom_hat", "top_hat"),
            v3=True,
        ),
        "kernel_size": Input("INT", {"default": 3, "min": 3, "max": 999, "step": 1}),
    }
    outputs = (Output("IMAGE"),)

    def run(self, ctx: Context, *, image: Array, operation: str, kernel_size: int) -> tuple[Any, ...]:
        before = kernel_size // 2
        after = kernel_size - 1 - before

        def erode(array: Array) -> Array:
            return box(array, np.minimum, before, after, (1, 2))

        def dilate(array: Array) -> Array:
            return box(array, np.maximum, after, before, (1, 2))

        if operation == "erode":
            result = erode(image)
        elif operation == "dilate":
            result = dilate(image)
        elif operation == "open":
            result = dilate(erode(image))
        elif operation == "close":
            result = erode(dilate(image))
        elif operation == "gradient":
            result = dilate(image) - erode(image)
        elif operation == "bottom_hat":
            result = erode(dilate(image)) - image
        else:
            result = image - dilate(erode(image))
        return (result,)


NODES: list[type[Node]] = [ImageBlur, ImageSharpen, ImageQuantize, ImageAddNoise, Morphology]
