"""Conversion of a 1,000-node editor file, and reading 500 kB of node definitions.

    python -m benchmarks.convert [object_info.json[.gz]]

Each figure stands beside its floor: what merely parsing or walking the same data costs here. Targets:
conversion 50 ms, definitions 20 ms warm and 150 ms cold (every class parsed), besides the transfer.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfy_notebook.workflow.catalog import NodeCatalog
from comfy_notebook.workflow.convert import convert

DATA = Path(__file__).parents[1] / "tests" / "data" / "ui2api" / "object_info.json.gz"


def best(work: Callable[[], Any], rounds: int = 15) -> float:
    """The fastest of some rounds, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def editor_file(nodes: int) -> dict[str, Any]:
    """A text-to-image chain over and over: loaders, prompts, samplers, reroutes, bypassed nodes."""
    made: list[dict[str, Any]] = []
    links: list[list[Any]] = []

    def node(
        kind: str, values: list[Any], outputs: list[str], mode: int = 0, **inputs: tuple[int, int]
    ) -> int:
        number = len(made) + 1
        slots = []
        for name, (origin, slot) in inputs.items():
            links.append([len(links) + 1, origin, slot, number, len(slots), "*"])
            slots.append({"name": "" if name == "_" else name, "type": "*", "link": len(links)})
        made.append(
            {
                "id": number,
                "type": kind,
                "mode": mode,
                "inputs": slots,
                "widgets_values": values,
                "pos": [0, 0],
                "size": [200, 100],
                "flags": {},
                "order": number,
                "title": f"{kind} {number}",
                "properties": {"Node name for S&R": kind},
                "outputs": [{"name": t, "type": t} for t in outputs],
            }
        )
        return number

    while len(made) < nodes:
        loader = node("CheckpointLoaderSimple", ["a.safetensors"], ["MODEL", "CLIP", "VAE"])
        lora = node(
            "LoraLoader", ["b", 1.0, 1.0], ["MODEL", "CLIP"], mode=4, model=(loader, 0), clip=(loader, 1)
        )
        way = node("Reroute", [], ["*"], _=(lora, 1))
        good = node("CLIPTextEncode", ["a {red|blue} lighthouse"], ["CONDITIONING"], clip=(way, 0))
        bad = node("CLIPTextEncode", ["blurry"], ["CONDITIONING"], clip=(lora, 1))
        latent = node("EmptyLatentImage", [512, 512, 1], ["LATENT"])
        values = [7, "randomize", 20, 8.0, "euler", "simple", 1.0]
        linked = {"model": (lora, 0), "positive": (good, 0), "negative": (bad, 0)}
        sampler = node("KSampler", values, ["LATENT"], latent_image=(latent, 0), **linked)
        image = node("VAEDecode", [], ["IMAGE"], samples=(sampler, 0), vae=(loader, 2))
        node("SaveImage", ["out/%KSampler.seed%"], [], images=(image, 0))
        node("PreviewImage", [], [], images=(image, 0))
    return {"nodes": made[:nodes], "links": links, "version": 0.4}


def walk(value: Any) -> int:
    """Visit every value once: the least any converter must do."""
    if isinstance(value, dict):
        return 1 + sum(walk(item) for item in value.values())
    if isinstance(value, list):
        return 1 + sum(walk(item) for item in value)
    return 1


def enlarged(info: dict[str, Any], size: int) -> str:
    """Definitions repeated under new names until their JSON has this many bytes."""
    more = dict(info)
    text, copies = json.dumps(more), 0
    while len(text) < size:
        copies += 1
        for name in list(info)[: 1 + int(len(info) * (size - len(text)) / len(text))]:
            more[f"{name}{copies}"] = info[name]
        text = json.dumps(more)
    return text


def main() -> None:
    """Measure and print."""
    raw = (Path(sys.argv[1]) if len(sys.argv) > 1 else DATA).read_bytes()
    text = enlarged(json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw), 500_000)
    catalog = NodeCatalog(json.loads(text))

    file = editor_file(1000)
    written = json.dumps(file)
    converted = convert(file, catalog)
    assert len(converted.api) == 800, len(converted.api)
    floor = best(lambda: walk(json.loads(written)))
    print(f"convert 1,000 nodes      {best(lambda: convert(file, catalog)):7.1f} ms  (target 50)")
    print(f"  floor: parse and walk  {floor:7.1f} ms  ({len(written):,} bytes)")

    def warm() -> NodeCatalog:
        return NodeCatalog(json.loads(text))

    def cold() -> int:
        return sum(len(node.inputs) for node in warm().values())

    size = f"{len(text):,} bytes, {len(warm())} classes"
    print(f"definitions, warm        {best(warm):7.1f} ms  (target 20; {size})")
    print(f"definitions, all parsed  {best(cold):7.1f} ms  (target 150)")
    print(f"  floor: json.loads      {best(lambda: json.loads(text)):7.1f} ms")
    print(f"search, first            {best(lambda: warm().search('upscale')):7.1f} ms")


if __name__ == "__main__":
    main()
