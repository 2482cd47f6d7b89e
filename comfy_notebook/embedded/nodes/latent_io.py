"""Latents in files: ComfyUI's `.latent`, a safetensors file with the workflow in its metadata.

safetensors: the header's length as 8 bytes little-endian, a JSON header (name → dtype, shape, place in the
data; texts under `__metadata__`), then the data. (The format's description in the safetensors README.)
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from .base import Context, Files, Input, Node, Output, Ui
from .image_io import file_hash, file_problem
from .latent_grid import Latent
from .metadata import fill_prefix, workflow_fields
from .pixels import Array

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_LONGEST_HEADER = 100 << 20
_UNSCALED = 0.18215


class SaveLatent(Node):
    """Latents as a `.latent` file in the output folder."""

    display_name = "Save Latent"
    category = "model/latent"
    outputs = (Output("LATENT", "samples"),)
    output_node = True
    inputs = {
        "samples": Input("LATENT"),
        "filename_prefix": Input("STRING", {"default": "latents/ComfyUI"}),
    }
    hidden = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}

    def run(self, ctx: Context, *, samples: Latent, filename_prefix: str) -> Ui:
        """Reports the file under `latents`."""
        tensors = {"latent_tensor": samples["samples"], "latent_format_version_0": np.zeros(0, np.float32)}
        data = to_safetensors(tensors, workflow_fields(ctx))
        return Ui({"latents": [ctx.save(data, fill_prefix(filename_prefix), ".latent")]}, (samples,))


def latent_names(files: Files) -> list[str]:
    """The `.latent` files among the inputs."""
    return [name for name in files.names("input") if name.endswith(".latent")]


class LoadLatent(Node):
    """Latents out of a `.latent` file of the input folder."""

    display_name = "Load Latent"
    category = "model/latent"
    inputs = {"latent": Input("COMBO", choices=latent_names)}
    outputs = (Output("LATENT"),)

    def run(self, ctx: Context, *, latent: str) -> tuple[Any, ...]:
        """{"samples": (B, C, h, w)}; ValueError when the file is not one."""
        tensors = from_safetensors(ctx.files.path(latent))
        if "latent_tensor" not in tensors:
            raise ValueError(f"{latent} holds no latent: it has no tensor called 'latent_tensor'.")
        samples = tensors["latent_tensor"].astype(np.float32)
        if "latent_format_version_0" not in tensors:  # files older than that tensor hold scaled latents
            samples = samples / np.float32(_UNSCALED)
        return ({"samples": samples},)

    def validate(self, files: Files, *, latent: str = "", **literals: Any) -> str | None:
        """Whether the file is there."""
        return file_problem(files, latent, "latent")

    def fingerprint(self, files: Files, *, latent: str = "", **literals: Any) -> Any:
        """The file's SHA-256."""
        return file_hash(files, latent)


def to_safetensors(tensors: dict[str, Array], metadata: dict[str, str]) -> bytes:
    """The bytes of a safetensors file of float32 tensors."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    parts, at = [], 0
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def from_safetensors(path: Path) -> dict[str, Array]:
    """The floating-point tensors of a safetensors file; ValueError when it is none."""
    data = path.read_bytes()
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > min(_LONGEST_HEADER, len(data) - 8):
            raise ValueError("its header is longer than the file")
        header = json.loads(data[8 : 8 + length])
        body = memoryview(data)[8 + length :]
        return {name: _tensor(name, entry, body) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path.name} is not a safetensors file: {error}") from error


def _tensor(name: str, entry: dict[str, Any], body: memoryview) -> Array:
    dtype, shape, (start, end) = entry["dtype"], [int(side) for side in entry["shape"]], entry["data_offsets"]
    if dtype not in _TYPES:
        raise ValueError(f"tensor {name!r} has dtype {dtype}, not one of {', '.join(_TYPES)}")
    whole = np.dtype(_TYPES[dtype])
    if not 0 <= start <= end <= len(body) or end - start != math.prod(shape) * whole.itemsize:
        raise ValueError(f"tensor {name!r} does not lie where its entry says")
    return np.frombuffer(body[start:end], whole).reshape(shape).astype(np.float32)


NODES: list[type[Node]] = [SaveLatent, LoadLatent]
