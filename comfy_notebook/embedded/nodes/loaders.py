"""Loaders of a model's parts, each from its own folder.

They return what `CheckpointLoaderSimple` returns: the analytic model has one of each, whatever `type`,
`device` or `weight_dtype` says.
"""

from __future__ import annotations

from typing import Any

from .analytic.model import AnalyticModel
from .base import Context, Input, Node, Output
from .model import AnalyticClip, AnalyticVae

_DEVICE = Input("COMBO", {"advanced": True}, optional=True, choices=("default", "cpu"))
_ENCODER = Input("COMBO", choices=lambda files: files.names("text_encoders"))
_TYPES = (
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos",
    "lumina2", "wan", "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image", "flux2", "ovis",
    "longcat_image", "cogvideox", "lens", "pixeldit", "ideogram4", "boogu", "krea2", "joyimage", "mage",
    "minimax",
)  # fmt: skip
_DUAL_TYPES = (
    "sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image", "hunyuan_video_15", "kandinsky5",
    "kandinsky5_image", "ltxv", "newbie", "ace",
)  # fmt: skip


class _Loader(Node):
    category = "model/loaders"


class UNETLoader(_Loader):
    """The denoising model alone."""

    display_name = "Load Diffusion Model"
    inputs = {
        "unet_name": Input("COMBO", choices=lambda files: files.names("diffusion_models")),
        "weight_dtype": Input(
            "COMBO", {"advanced": True}, choices=("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2")
        ),
    }
    outputs = (Output("MODEL"),)

    def run(self, ctx: Context, *, unet_name: str, weight_dtype: str) -> tuple[Any, ...]:
        return (AnalyticModel(),)


class CLIPLoader(_Loader):
    """The text encoder alone."""

    display_name = "Load CLIP"
    inputs = {"clip_name": _ENCODER, "type": Input("COMBO", choices=_TYPES), "device": _DEVICE}
    outputs = (Output("CLIP"),)

    def run(self, ctx: Context, *, clip_name: str, type: str, device: str = "default") -> tuple[Any, ...]:
        return (AnalyticClip(),)


class DualCLIPLoader(_Loader):
    """Two text encoders as one."""

    display_name = "Load CLIP (Dual)"
    inputs = {
        "clip_name1": _ENCODER,
        "clip_name2": _ENCODER,
        "type": Input("COMBO", choices=_DUAL_TYPES),
        "device": _DEVICE,
    }
    outputs = (Output("CLIP"),)

    def run(
        self, ctx: Context, *, clip_name1: str, clip_name2: str, type: str, device: str = "default"
    ) -> tuple[Any, ...]:
        return (AnalyticClip(),)


class VAELoader(_Loader):
    """The VAE alone."""

    display_name = "Load VAE"
    inputs = {"vae_name": Input("COMBO", choices=lambda files: files.names("vae"))}
    outputs = (Output("VAE"),)

    def run(self, ctx: Context, *, vae_name: str) -> tuple[Any, ...]:
        return (AnalyticVae(),)


NODES: list[type[Node]] = [UNETLoader, CLIPLoader, DualCLIPLoader, VAELoader]
