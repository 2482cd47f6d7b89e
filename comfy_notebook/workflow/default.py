"""The default text-to-image workflow, made from a server's node definitions and its checkpoints."""

from __future__ import annotations

import re
import secrets
from typing import Any

from ..errors import ComfyError
from .catalog import NodeCatalog
from .model import MutableGraph
from .specs import WIDGET_TYPES
from .workflow import Workflow

_NODES: tuple[tuple[str, str, str, dict[str, list[Any]]], ...] = (
    ("4", "CheckpointLoaderSimple", "Load Checkpoint", {}),
    ("5", "EmptyLatentImage", "Empty Latent Image", {}),
    ("6", "CLIPTextEncode", "Positive Prompt", {"clip": ["4", 1]}),
    ("7", "CLIPTextEncode", "Negative Prompt", {"clip": ["4", 1]}),
    (
        "3",
        "KSampler",
        "KSampler",
        {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
    ),
    ("8", "VAEDecode", "VAE Decode", {"samples": ["3", 0], "vae": ["4", 2]}),
    ("9", "SaveImage", "Save Image", {"images": ["8", 0]}),
)
_OTHER_USES = re.compile(r"inpaint|refiner|svd|video|audio|ltx|3d|vae|upscale", re.IGNORECASE)


def default_workflow(catalog: NodeCatalog) -> Workflow:
    """The default text-to-image workflow of a server with these nodes, with a checkpoint it has.

    Raises what `default_graph` raises.
    """
    return Workflow(default_graph(catalog)[0], nodes=catalog)


def default_graph(catalog: NodeCatalog) -> tuple[MutableGraph, str]:
    """The graph, with the definitions' own defaults and a random seed; and the checkpoint it uses.

    The first checkpoint is taken whose name does not say that it is for something else. Raises
    `ComfyError` when the server lacks one of the classes, or has no checkpoint.
    """
    missing = [class_type for _, class_type, _, _ in _NODES if class_type not in catalog]
    if missing:
        raise ComfyError(
            f"The default workflow needs {missing[0]}, which this server does not have.",
            hint="Name a workflow to run.",
        )
    names = [str(name) for name in catalog["CheckpointLoaderSimple"].inputs["ckpt_name"].choices or ()]
    if not names:
        raise ComfyError(
            "The default workflow needs a checkpoint, and this server has none.",
            hint="Put one into its models/checkpoints folder, or name a workflow that needs none.",
        )
    checkpoint = next((name for name in names if not _OTHER_USES.search(name)), names[0])
    graph: MutableGraph = {}
    for node_id, class_type, title, links in _NODES:
        specs = catalog[class_type].inputs.values()
        values = {s.name: s.default for s in specs if s.required and s.type in WIDGET_TYPES}
        graph[node_id] = {
            "class_type": class_type,
            "inputs": {**values, **links},
            "_meta": {"title": title},
        }
    graph["4"]["inputs"]["ckpt_name"] = checkpoint
    graph["7"]["inputs"]["text"] = ""
    graph["3"]["inputs"]["seed"] = secrets.randbelow(2**50)
    return graph, checkpoint
