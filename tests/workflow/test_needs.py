"""The model files a workflow names: where they belong, whether the server has them, where they come from."""

from __future__ import annotations

from typing import Any

from comfy_notebook.workflow.needs import ModelFile
from comfy_notebook.workflow.workflow import Workflow

from .support import catalog, example


def test_files_named_in_inputs_lists_and_prompts() -> None:
    wf = Workflow(
        {
            "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sub/base.safetensors"}},
            "2": {
                "class_type": "DualCLIPLoader",
                "inputs": {"clip_name1": "l.safetensors", "clip_name2": "t5.gguf"},
            },
            "3": {"class_type": "CLIPVisionLoader", "inputs": {"clip_name": "vision.safetensors"}},
            "4": {
                "class_type": "Power Lora Loader",
                "inputs": {
                    "lora_1": {"on": True, "lora": "a.safetensors", "strength": 1},
                    "lora_2": {"on": False, "lora": "off.safetensors"},
                },
            },
            "5": {
                "class_type": "CLIPTextEncode",
                "inputs": {"text": "a cat, embedding:easyneg, b.safetensors\n"},
            },
            "6": {"class_type": "LoraLoader", "inputs": {"lora_name": "a.safetensors"}},
        }
    )
    assert [(file.folder, file.name, file.here, file.nodes) for file in wf.models()] == [
        ("checkpoints", "sub/base.safetensors", None, ("1",)),
        ("text_encoders", "l.safetensors", None, ("2",)),
        ("text_encoders", "t5.gguf", None, ("2",)),
        ("clip_vision", "vision.safetensors", None, ("3",)),
        ("loras", "a.safetensors", None, ("4", "6")),
        ("embeddings", "easyneg", None, ("5",)),
    ]


def test_definitions_say_whether_the_server_has_a_file() -> None:
    wf = Workflow.load(example("txt2img"))
    name = wf["CheckpointLoaderSimple"].ckpt_name
    assert [(file.name, file.here) for file in wf.models(catalog())] == [(name, name in _checkpoints())]
    wf["CheckpointLoaderSimple"].ckpt_name = "other.safetensors"
    assert [file.name for file in wf.models(catalog()).missing] == ["other.safetensors"]
    assert repr(wf.models(catalog())).splitlines()[1].split() == ["checkpoints", "other.safetensors", "no"]


def _checkpoints() -> Any:
    return catalog()["CheckpointLoaderSimple"].inputs["ckpt_name"].choices


def test_the_editors_document_says_where_files_come_from() -> None:
    editor = example("txt2img.editor")
    name = "analytic-scenes.safetensors"
    loader = next(node for node in editor["nodes"] if node["type"] == "CheckpointLoaderSimple")
    loader["properties"]["models"] = [
        {
            "name": name,
            "url": "https://example.org/x",
            "directory": "checkpoints",
            "hash": "ab",
            "hash_type": "SHA256",
        },
        {"name": "vae.safetensors", "url": "https://example.org/y", "directory": "vae"},
    ]
    editor["nodes"].append(
        {
            "id": 90,
            "type": "MarkdownNote",
            "widgets_values": ["[it](https://hf.co/a/blob/main/up.pth) and words"],
        }
    )
    wf = Workflow.load(editor)
    assert list(wf.models()) == [
        ModelFile(name, "checkpoints", None, (), "https://example.org/x", "sha256:ab"),
        ModelFile("vae.safetensors", "vae", None, (), "https://example.org/y"),
    ]
    wf.resolve(catalog())
    found = wf.models()
    assert found[0].nodes == (wf["CheckpointLoaderSimple"].id,)
    assert (found[0].url, found[0].hash) == ("https://example.org/x", "sha256:ab")


def test_a_note_gives_the_url_of_a_file_that_is_used() -> None:
    graph = {"1": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "up.pth"}}}
    note = {"id": 2, "type": "MarkdownNote", "widgets_values": ["[up](https://hf.co/a/blob/main/up.pth)"]}
    wf = Workflow(graph, editor={"nodes": [note]})
    assert wf.models()[0].url == "https://hf.co/a/resolve/main/up.pth"
    assert wf.models()[0].folder == "upscale_models"


def test_nothing_named_says_so() -> None:
    assert repr(Workflow({"1": {"class_type": "A", "inputs": {}}}).models()) == "No model files are named."
