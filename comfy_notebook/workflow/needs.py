"""The model files a workflow needs: named in its inputs and prompts, with what the file says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

from .catalog import NodeCatalog
from .model import Graph, class_of, specs_of
from .values import unwrap

_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft", ".onnx")
_FOLDERS = {
    "ckpt_name": "checkpoints", "vae_name": "vae", "lora_name": "loras", "lora": "loras",
    "unet_name": "diffusion_models", "control_net_name": "controlnet", "style_model_name": "style_models",
    "gligen_name": "gligen", "hypernetwork_name": "hypernetworks", "photomaker_model_name": "photomaker",
    "model_name": "upscale_models", "clip_name": "text_encoders",
}  # fmt: skip
_BY_CLASS = {"CLIPVisionLoader": "clip_vision", "ImageOnlyCheckpointLoader": "checkpoints"}
_EMBEDDING = re.compile(r"\bembedding:([\w./\\-]+)")
_URL = re.compile(r"https?://[^\s)\]>\"']+")
_MOST_NODES = 20_000


@dataclass(frozen=True)
class ModelFile:
    """A model file: its name and folder, and who needs it.

    `here` is None when the node definitions are not known or say nothing of this file. `url`, `hash` and
    `size` are what the workflow file says, else empty; a hash stands as `sha256:…`.
    """

    name: str
    folder: str
    here: bool | None
    nodes: tuple[str, ...] = ()
    url: str = ""
    hash: str = ""
    size: int | None = None


def model_files(
    graph: Graph, editor: Mapping[str, Any] | None, catalog: NodeCatalog | None
) -> list[ModelFile]:
    """Every model file once, in the order of the graph, then those that only the editor's document lists."""
    listed = _listed(editor or {})
    found: dict[str, ModelFile] = {}
    for node_id, name, folder, here in _named(graph, catalog):
        said = listed.pop(_base(name), {})
        before = found.get(name)
        found[name] = ModelFile(
            name,
            str(said.get("directory") or (before.folder if before else "") or folder),
            before.here if before and before.here is not None else here,
            (*(before.nodes if before else ()), node_id),
            str(said.get("url") or (before.url if before else "")),
            _hash(said) or (before.hash if before else ""),
            said["size"] if isinstance(said.get("size"), int) else before.size if before else None,
        )
    for name, said in listed.items():
        if "directory" in said and name not in found:
            size = said.get("size")
            found[name] = ModelFile(
                str(said.get("name") or name), str(said["directory"]), None, (), str(said.get("url") or ""),
                _hash(said), size if isinstance(size, int) else None,
            )  # fmt: skip
    return list(found.values())


def _named(graph: Graph, catalog: NodeCatalog | None) -> Iterator[tuple[str, str, str, bool | None]]:
    """(node id, file, folder, on this server) for every file an input or a prompt names."""
    for node_id, node in graph.items():
        specs = specs_of(graph, catalog, node_id)
        for name, value in node.get("inputs", {}).items():
            value = unwrap(value)
            if isinstance(value, Mapping) and value.get("on", True):  # a row of a node pack's list of LoRAs
                value, name = value.get("lora"), "lora"
            if not isinstance(value, str):
                continue
            if value.lower().endswith(_SUFFIXES) and "\n" not in value:
                choices = specs[name].choices if name in specs else None
                folder = _BY_CLASS.get(class_of(graph, node_id)) or _FOLDERS.get(
                    name.rstrip("0123456789_"), ""
                )
                yield node_id, value, folder, None if choices is None else value in choices
            for embedding in _EMBEDDING.findall(value):
                yield node_id, embedding, "embeddings", None


def _listed(editor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What `properties.models` and the links in notes say of files, by file name."""
    found: dict[str, dict[str, Any]] = {}
    for node in islice(_nodes(editor), _MOST_NODES):
        properties = node.get("properties")
        models = properties.get("models") if isinstance(properties, Mapping) else None
        for entry in models if isinstance(models, list) else ():
            if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
                found.setdefault(_base(entry["name"]), {}).update(entry)
        if node.get("type") in ("MarkdownNote", "Note"):
            for url in _URL.findall(str(node.get("widgets_values") or "")):
                name = unquote(urlsplit(url).path.rpartition("/")[2]) if "//" in url else ""
                if name.lower().endswith(_SUFFIXES):
                    found.setdefault(name, {}).setdefault("url", url.replace("/blob/", "/resolve/"))
    return found


def _nodes(editor: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    definitions = editor.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
    for part in (editor, *(subgraphs if isinstance(subgraphs, list) else ())):
        nodes = part.get("nodes") if isinstance(part, Mapping) else None
        yield from (node for node in (nodes if isinstance(nodes, list) else ()) if isinstance(node, Mapping))
    models = editor.get("models")
    if isinstance(models, list):
        yield {"properties": {"models": models}}


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _hash(said: Mapping[str, Any]) -> str:
    value, kind = said.get("hash"), said.get("hash_type") or "sha256"
    return f"{str(kind).lower()}:{value}" if isinstance(value, str) and value else ""
