"""Turns settings read from another program's picture into a txt2img or img2img graph."""

from __future__ import annotations

import re
from typing import Any

from ..errors import Problem
from ..protocol.graph import node_class, node_title
from ..text import clip
from .parameters import Generation, Hires

_SAMPLERS = {
    "euler": "euler", "euler a": "euler_ancestral", "euler ancestral": "euler_ancestral", "lms": "lms",
    "heun": "heun", "heunpp2": "heunpp2", "dpm2": "dpm_2", "dpm 2": "dpm_2", "kdpm 2": "dpm_2",
    "dpm2 a": "dpm_2_ancestral", "dpm 2 ancestral": "dpm_2_ancestral", "kdpm 2 a": "dpm_2_ancestral",
    "dpm++ 2s": "dpmpp_2s_ancestral", "dpm++ 2s a": "dpmpp_2s_ancestral", "dpmpp 2s": "dpmpp_2s_ancestral",
    "dpmpp 2s ancestral": "dpmpp_2s_ancestral", "dpm++ 2m": "dpmpp_2m", "dpmpp 2m": "dpmpp_2m",
    "dpm++ sde": "dpmpp_sde", "dpmpp sde": "dpmpp_sde", "dpm++ 2m sde": "dpmpp_2m_sde",
    "dpmpp 2m sde": "dpmpp_2m_sde", "dpmpp 2m sde gpu": "dpmpp_2m_sde_gpu",
    "dpm++ 2m sde heun": "dpmpp_2m_sde_heun", "dpm++ 3m sde": "dpmpp_3m_sde", "dpmpp 3m sde": "dpmpp_3m_sde",
    "dpm fast": "dpm_fast", "dpm adaptive": "dpm_adaptive", "ddim": "ddim", "ddpm": "ddpm", "unipc": "uni_pc",
    "uni pc": "uni_pc", "uni pc bh2": "uni_pc_bh2", "lcm": "lcm", "deis": "deis", "plms": "ipndm",
    "pndm": "ipndm", "ipndm": "ipndm", "ipndm v": "ipndm_v", "res multistep": "res_multistep",
    "er sde": "er_sde", "sa solver": "sa_solver",
}  # fmt: skip
_APPROXIMATE = {"plms", "pndm", "dpm++ 2s"}
"""Samplers whose nearest equal is another one."""
_SCHEDULERS = {
    "karras": "karras", "k": "karras", "exponential": "exponential", "polyexponential": "exponential",
    "sgm uniform": "sgm_uniform", "simple": "simple", "normal": "normal", "native": "normal",
    "uniform": "normal", "ddim": "ddim_uniform", "ddim uniform": "ddim_uniform", "beta": "beta",
    "kl optimal": "kl_optimal", "linear quadratic": "linear_quadratic",
}  # fmt: skip
_LATENT = {
    "nearest-exact": "nearest-exact",
    "nearest": "nearest-exact",
    "bicubic": "bicubic",
    "bilinear": "bilinear",
}
_PLAIN = {"lanczos": "lanczos", "nearest": "nearest-exact", "none": "nearest-exact"}
_UNKNOWN = "unknown.safetensors"
_LONGEST = 200
Graph = dict[str, dict[str, Any]]


def graph_of(made: Generation) -> tuple[Graph, list[Problem]]:
    """A graph in the API's format that does the same, and a warning for each thing that differs."""
    recipe = _Recipe(made)
    return recipe.graph, recipe.problems


class _Recipe:
    def __init__(self, made: Generation) -> None:
        self.made = made
        self.graph: Graph = {}
        self.problems: list[Problem] = []
        self.model, self.clip, self.vae = self.loaders()
        self.positive = self.encoded("6", made.positive, "Positive prompt")
        self.negative = self.encoded("7", made.negative, "Negative prompt")
        self.sampler, self.scheduler = self.sampling()
        latent = self.start()
        latent = self.sample("3", latent, made.steps, 1.0 if made.denoise is None else made.denoise)
        if made.hires is not None:
            latent = self.second_pass(latent, made.hires)
        image = self.node("8", "VAEDecode", samples=latent, vae=self.vae)
        self.node("9", "SaveImage", images=image, filename_prefix="ComfyUI")
        for sentence in made.left_out:
            self.warn(sentence)
        self.warn(f"{made.program} generates noise differently: the picture will be similar, not identical.")

    def node(self, node_id: str, class_type: str, title: str | None = None, **inputs: Any) -> list[Any]:
        self.graph[node_id] = {
            "class_type": class_type, "inputs": inputs, "_meta": {"title": title or class_type},
        }  # fmt: skip
        return [node_id, 0]

    def warn(self, message: str, node_id: str | None = None, name: str | None = None) -> None:
        node = self.graph.get(node_id or "", {})
        self.problems.append(
            Problem(
                clip(message, _LONGEST),
                node_id=node_id,
                node_title=node_title(node),
                class_type=node_class(node),
                input_name=name,
                kind="read_from_settings",
                severity="warning",
            )
        )

    def loaders(self) -> tuple[list[Any], list[Any], list[Any]]:
        made = self.made
        self.node("4", "CheckpointLoaderSimple", ckpt_name=_file(made.model) or _UNKNOWN)
        model, clip, vae = ["4", 0], ["4", 1], ["4", 2]
        if not made.model:
            self.warn("The settings name no model: choose one.", "4", "ckpt_name")
        for number, (name, strength) in enumerate(made.loras[:50], 10):
            self.node(str(number), "LoraLoader", model=model, clip=clip, lora_name=_file(name),
                      strength_model=strength, strength_clip=strength)  # fmt: skip
            model, clip = [str(number), 0], [str(number), 1]
        if made.clip_skip > 1:
            clip = self.node("60", "CLIPSetLastLayer", clip=clip, stop_at_clip_layer=-min(made.clip_skip, 24))
        if made.vae:
            vae = self.node("61", "VAELoader", vae_name=_file(made.vae))
        return model, clip, vae

    def encoded(self, node_id: str, text: str, title: str) -> list[Any]:
        return self.node(node_id, "CLIPTextEncode", title, text=text, clip=self.clip)

    def sampling(self) -> tuple[str, str]:
        """The sampler and the scheduler by ComfyUI's names."""
        said = re.sub(r"[_\s]+", " ", self.made.sampler.lower()).strip().removeprefix("k ")
        schedule = re.sub(r"[_\s]+", " ", self.made.scheduler.lower()).strip()
        words = said
        for name in sorted(_SCHEDULERS, key=len, reverse=True):
            if said.endswith(f" {name}") and said not in _SAMPLERS:
                words, schedule = said.removesuffix(f" {name}"), schedule or name
                break
        sampler = _SAMPLERS.get(words)
        automatic = "karras" if words.startswith(("dpm++", "dpmpp", "dpm2")) else "normal"
        scheduler = _SCHEDULERS.get(schedule) or automatic
        if sampler is None or words in _APPROXIMATE:
            sampler = sampler or "euler"
            said = (
                f"The sampler {self.made.sampler} has no equivalent here" if words else "No sampler is named"
            )
            self.warn(f"{said}: {sampler} is used.")
        if schedule and schedule != "automatic" and schedule not in _SCHEDULERS:
            self.warn(f"The schedule {self.made.scheduler} has no equivalent here: {scheduler} is used.")
        return sampler, scheduler

    def start(self) -> list[Any]:
        width, height = (max(side // 8 * 8, 16) for side in self.made.size)
        if self.made.denoise is None:
            return self.node("5", "EmptyLatentImage", width=width, height=height, batch_size=1)
        image = self.node("70", "LoadImage", "Picture to start from", image="")
        self.warn("The picture it started from is not in the file: set this input.", "70", "image")
        image = self.node("71", "ImageScale", image=image, upscale_method="lanczos", width=width,
                          height=height, crop="center")  # fmt: skip
        return self.node("5", "VAEEncode", pixels=image, vae=self.vae)

    def sample(self, node_id: str, latent: list[Any], steps: int, denoise: float) -> list[Any]:
        return self.node(
            node_id, "KSampler", seed=self.made.seed, steps=min(max(steps, 1), 10_000),
            cfg=min(max(self.made.cfg, 0.0), 100.0), sampler_name=self.sampler, scheduler=self.scheduler,
            denoise=min(max(denoise, 0.0), 1.0), model=self.model, positive=self.positive,
            negative=self.negative, latent_image=latent,
        )  # fmt: skip

    def second_pass(self, latent: list[Any], hires: Hires) -> list[Any]:
        size = hires.size or [round(side * hires.scale) for side in self.made.size]
        width, height = (min(max(side // 8 * 8, 16), 16384) for side in size)
        name = hires.upscaler.lower()
        if name.startswith("latent"):
            method = next((found for word, found in _LATENT.items() if word in name), "bilinear")
            if "antialias" in name:
                self.warn(f"{hires.upscaler} has no equivalent here: {method} is used.")
            latent = self.node("80", "LatentUpscale", samples=latent, upscale_method=method, width=width,
                               height=height, crop="disabled")  # fmt: skip
        else:
            image = self.node("81", "VAEDecode", samples=latent, vae=self.vae)
            if name not in _PLAIN:
                loader = self.node("82", "UpscaleModelLoader", model_name=_file(hires.upscaler, ".pth"))
                self.warn(f"The file of the upscaler {hires.upscaler} is guessed.", "82", "model_name")
                image = self.node("83", "ImageUpscaleWithModel", upscale_model=loader, image=image)
            image = self.node("84", "ImageScale", image=image, upscale_method=_PLAIN.get(name, "lanczos"),
                              width=width, height=height, crop="disabled")  # fmt: skip
            latent = self.node("80", "VAEEncode", pixels=image, vae=self.vae)
        return self.sample("85", latent, hires.steps or self.made.steps, hires.denoise)


def _file(name: str, suffix: str = ".safetensors") -> str:
    """A model's name as a file: the suffix is added when it has none."""
    known = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft")
    return name if not name or name.lower().endswith(known) else name + suffix
