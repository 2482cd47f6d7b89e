"""Reads the settings that other programs save in pictures: A1111, Forge, SD.Next, Civitai, SwarmUI,
Fooocus, InvokeAI and NovelAI.

Each program's texts are read into one `Generation`, which `recipe` turns into a graph. What a program
writes but this module does not read is collected in `Generation.left_out`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import prompts

_STEPS = re.compile(r"(?:^|\n)[ \t]*Steps: *\d+ *,")
_LONGEST = 100_000
_SIZE = re.compile(r"(\d{1,5}) *[x×, ] *(\d{1,5})")
_IGNORED = re.compile(
    r"version|.*hash(es)?|civitai (resources|metadata)|created date|time( taken)?|user|app|backend|parser"
    r"|pipeline|index|batch.*|hires (module \d+|prompt|negative prompt)|prompt|negative prompt|operations"
    r"|module \d+|diffusion in low bits|lora weights|hires cfg scale"
)


@dataclass
class Hires:
    """A second pass at a larger size; `size` counts when it is given, else `scale`."""

    scale: float = 2.0
    size: tuple[int, int] | None = None
    steps: int = 0
    denoise: float = 0.7
    upscaler: str = "Latent"


@dataclass
class Generation:
    """How a picture was made, in the program's own names; prompts already in ComfyUI's syntax."""

    program: str
    positive: str = ""
    negative: str = ""
    steps: int = 20
    cfg: float = 7.0
    seed: int = 0
    size: tuple[int, int] = (512, 512)
    sampler: str = ""
    scheduler: str = ""
    model: str = ""
    vae: str = ""
    clip_skip: int = 1
    loras: list[tuple[str, float]] = field(default_factory=list)
    denoise: float | None = None
    """The strength of an img2img run; None for txt2img."""
    hires: Hires | None = None
    left_out: list[str] = field(default_factory=list)
    """Settings that have no equal in the graph, each as a sentence."""


def is_parameters(text: str) -> bool:
    """Whether a text holds settings as A1111 writes them: a prompt, then a line from `Steps:` on."""
    return _STEPS.search(text[-20_000:]) is not None


def read(texts: Mapping[str, str]) -> Generation | None:
    """The settings in a picture's texts by key, or None. Never raises for a text it cannot read."""
    lower = {key.lower(): text for key, text in texts.items() if len(text) <= _LONGEST}
    attempts: list[Callable[[Mapping[str, str]], Generation | None]] = [
        _invokeai, _novelai, _json_parameters, _a1111,
    ]  # fmt: skip
    for attempt in attempts:
        try:
            found = attempt(lower)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError):
            continue
        if found is not None:
            return found
    return None


# -- A1111, Forge, SD.Next, Civitai --------------------------------------------------------------


def _a1111(texts: Mapping[str, str]) -> Generation | None:
    candidates = [texts[key] for key in ("parameters", "usercomment", "comment") if key in texts]
    text = next((text for text in candidates if is_parameters(text)), None)
    if text is None:
        return None
    start = [match.start() for match in _STEPS.finditer(text)][-1]
    prompt, settings = text[:start].strip("\n"), _settings(text[start:].strip())
    positive, _, negative = prompt.partition("\nNegative prompt:")
    if prompt.startswith("Negative prompt:"):
        positive, negative = "", prompt.removeprefix("Negative prompt:")
    made = Generation("A1111, Forge or a similar program")
    take = _Taker(settings)
    made.loras, positive = prompts.without_loras(positive.strip(), made.left_out)
    more, negative = prompts.without_loras(negative.strip(), made.left_out)
    made.loras += more
    embeddings = [name for name, _ in _pairs(take("TI hashes"))][:50]
    made.positive = prompts.from_a1111(positive, embeddings, made.left_out)
    made.negative = prompts.from_a1111(negative, embeddings, made.left_out)
    made.steps, made.cfg = _int(take("Steps"), 20), _float(take("CFG scale"), 7.0)
    made.seed, made.size = _int(take("Seed"), 0), _size(take("Size")) or made.size
    made.sampler = take("Sampler")
    made.scheduler = take("Schedule type") or take("Scheduler")
    made.model, made.vae = take("Model"), _file(take("VAE"))
    made.clip_skip = _int(take("Clip skip"), 1)
    strength = take("Denoising strength")
    upscale, resize = take("Hires upscale"), take("Hires resize")
    upscaler, hires_steps = take("Hires upscaler"), take("Hires steps")
    if upscale or resize or upscaler:
        made.hires = Hires(
            _float(upscale, 2.0),
            _size(resize),
            _int(hires_steps, 0),
            _float(strength, 0.7),
            upscaler or "Latent",
        )
    elif strength:
        made.denoise = _float(strength, 0.75)
    distilled = take("Distilled CFG Scale")
    if distilled:
        made.left_out.append(f"Distilled CFG Scale {distilled} needs a FluxGuidance node.")
    made.left_out += take.rest()
    return made


class _Taker:
    """Settings by name; what was not taken is left for `rest`."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._left = dict(settings)
        self._names = {name.lower(): name for name in settings}

    def __call__(self, name: str) -> str:
        return self._left.pop(self._names.get(name.lower(), ""), "").strip()

    def rest(self) -> list[str]:
        """What else the program was set to, apart from what changes no picture."""
        return [
            f"{name} {value} has no equivalent here." for name, value in self._left.items()
            if value and not _IGNORED.fullmatch(name.lower())
        ]  # fmt: skip


def _settings(line: str) -> dict[str, str]:
    """`Name: value, …`; a value with commas stands in quotes or brackets."""
    parts: list[str] = []
    depth, quoted, escaped, begin = 0, False, False, 0
    for at, char in enumerate(line):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "[{":
            depth += 1
        elif not quoted and char in "]}":
            depth = max(depth - 1, 0)
        elif char in ",\n" and not quoted and depth == 0:
            parts.append(line[begin:at])
            begin = at + 1
    found: dict[str, str] = {}
    for part in [*parts, line[begin:]]:
        name, colon, value = part.partition(":")
        if colon and name.strip():
            found.setdefault(name.strip(), _unquoted(value.strip()))
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value[1:-1]
    return value


def _pairs(text: str) -> list[tuple[str, str]]:
    """`name: value, name: value`."""
    return [(name.strip(), value.strip()) for name, colon, value in
            (part.partition(":") for part in text.split(",")) if colon]  # fmt: skip


# -- SwarmUI, Fooocus ----------------------------------------------------------------------------


def _json_parameters(texts: Mapping[str, str]) -> Generation | None:
    for key in ("parameters", "usercomment", "comment"):
        text = texts.get(key, "").strip()
        if text[:1] != "{":
            continue
        data = json.loads(text)
        if isinstance(data, dict) and isinstance(data.get("sui_image_params"), dict):
            return _swarmui(data["sui_image_params"])
        if isinstance(data, dict) and "prompt" in data and ("base_model" in data or "performance" in data):
            return _fooocus(data)
    return None


def _swarmui(data: Mapping[str, Any]) -> Generation:
    made = Generation("SwarmUI")
    made.loras, positive = prompts.without_loras(str(data.get("prompt") or ""), made.left_out)
    made.positive, made.negative = positive, str(data.get("negativeprompt") or "")
    names, weights = data.get("loras") or [], data.get("loraweights") or []
    made.loras += [(str(name), _float(weight, 1.0)) for name, weight in zip(names, weights, strict=False)]
    made.steps, made.cfg = _int(data.get("steps"), 20), _float(data.get("cfgscale"), 7.0)
    made.seed = _int(data.get("seed"), 0)
    made.size = (_int(data.get("width"), 512), _int(data.get("height"), 512))
    made.sampler, made.scheduler = str(data.get("sampler") or ""), str(data.get("scheduler") or "")
    made.model = str(data.get("model") or "")
    known = {
        "prompt", "negativeprompt", "loras", "loraweights", "steps", "cfgscale", "seed", "width", "height",
        "sampler", "scheduler", "model", "swarm_version", "date", "generation_time", "images",
        "aspectratio", "automaticvae",
    }  # fmt: skip
    made.left_out += [
        f"{key} {data[key]} has no equivalent here." for key in data if key not in known and data[key]
    ]
    return made


def _fooocus(data: Mapping[str, Any]) -> Generation:
    made = Generation("Fooocus", size=(1024, 1024), cfg=4.0, steps=30)
    made.positive = _lines(data.get("full_prompt") or data.get("prompt"))
    made.negative = _lines(data.get("full_negative_prompt") or data.get("negative_prompt"))
    made.steps, made.cfg = _int(data.get("steps"), 30), _float(data.get("guidance_scale"), 4.0)
    made.seed, made.size = _int(data.get("seed"), 0), _size(str(data.get("resolution") or "")) or made.size
    made.sampler, made.scheduler = str(data.get("sampler") or ""), str(data.get("scheduler") or "")
    made.model = str(data.get("base_model") or "")
    for lora in data.get("loras") or []:
        made.loras.append((str(lora[0]), _float(lora[1], 1.0)))
    for key in ("sharpness", "adm_guidance", "styles", "refiner_model"):
        if data.get(key) not in (None, "", "None", [], "[]"):
            made.left_out.append(f"{key} {data[key]} has no equivalent here.")
    return made


# -- InvokeAI, NovelAI ---------------------------------------------------------------------------


def _invokeai(texts: Mapping[str, str]) -> Generation | None:
    data = json.loads(texts.get("invokeai_metadata") or texts.get("sd-metadata") or "null")
    if not isinstance(data, dict):
        return None
    made = Generation("InvokeAI", cfg=7.5, steps=30)
    made.positive = prompts.from_invokeai(str(data.get("positive_prompt") or ""))
    made.negative = prompts.from_invokeai(str(data.get("negative_prompt") or ""))
    made.steps, made.cfg = _int(data.get("steps"), 30), _float(data.get("cfg_scale"), 7.5)
    made.seed = _int(data.get("seed"), 0)
    made.size = (_int(data.get("width"), 512), _int(data.get("height"), 512))
    made.sampler, made.model = str(data.get("scheduler") or ""), _named(data.get("model"))
    made.vae, made.clip_skip = _named(data.get("vae")), _int(data.get("clip_skip"), 0) + 1
    for lora in data.get("loras") or []:
        name = _named(lora.get("model") or lora.get("lora"))
        made.loras.append((name, _float(lora.get("weight"), 1.0)))
    if "img2img" in str(data.get("generation_mode")) or data.get("init_image"):
        made.denoise = _float(data.get("strength"), 0.75)
    for key in ("controlnets", "ipAdapters", "t2iAdapters", "refiner_model"):
        if data.get(key):
            made.left_out.append(f"{key} have no equivalent here.")
    return made


def _named(model: Any) -> str:
    if isinstance(model, Mapping):
        return str(model.get("name") or model.get("model_name") or "")
    return str(model or "")


def _novelai(texts: Mapping[str, str]) -> Generation | None:
    if "novelai" not in texts.get("software", "").lower():
        return None
    data = json.loads(texts.get("comment") or "{}")
    made = Generation("NovelAI", cfg=5.0, steps=28)
    made.positive = prompts.from_novelai(str(data.get("prompt") or texts.get("description") or ""))
    made.negative = prompts.from_novelai(str(data.get("uc") or ""))
    made.steps, made.cfg = _int(data.get("steps"), 28), _float(data.get("scale"), 5.0)
    made.seed = _int(data.get("seed"), 0)
    made.size = (_int(data.get("width"), 832), _int(data.get("height"), 1216))
    made.sampler, made.scheduler = str(data.get("sampler") or ""), str(data.get("noise_schedule") or "")
    if texts.get("source"):
        made.left_out.append(f"Its model, {texts['source']}, runs at NovelAI only: choose one of yours.")
    return made


# -- values --------------------------------------------------------------------------------------


def _lines(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _int(value: Any, default: int) -> int:
    try:
        number = int(float(value)) if isinstance(value, float) or "." in str(value) else int(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return min(max(number, 0), 2**64 - 1)


def _float(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if abs(number) < 1e6 else default


def _size(text: str) -> tuple[int, int] | None:
    found = _SIZE.search(text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    return size if min(size) > 0 else None


def _file(name: str) -> str:
    return "" if name.lower() in ("none", "automatic") else name
