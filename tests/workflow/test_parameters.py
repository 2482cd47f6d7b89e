"""Settings that other programs save in pictures become a graph; what has no equal is a warning."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from comfy_notebook.workflow import parameters, prompts, recipe
from comfy_notebook.workflow.workflow import Workflow

from .support import catalog

A1111 = """a (cat:1.2) on [grass], <lora:detail:0.8>, ((best)), [day:night:0.5]
second line
Negative prompt: ugly, easyneg
Steps: 25, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 123456789, Size: 512x768, Model hash: abc, \
Model: dreamshaper_8, Clip skip: 2, ADetailer model: "face, yolo", Lora hashes: "detail: 12", \
TI hashes: "easyneg: 123", Version: v1.9.4"""


def picture(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def warnings(wf: Workflow) -> str:
    assert all(problem.severity == "warning" for problem in wf.problems)
    return " ".join(map(str, wf.problems))


def test_a1111_parameters_become_txt2img() -> None:
    wf = Workflow.load(picture(parameters=A1111))
    assert str(wf.source) == "from bytes (settings of A1111, Forge or a similar program)"
    sampler = wf["KSampler"]
    assert {
        name: sampler[name] for name in ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")
    } == {
        "seed": 123456789,
        "steps": 25,
        "cfg": 6.5,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1.0,
    }
    assert wf["Positive prompt"].text == "a (cat:1.2) on (grass:0.91), ((best)), night\nsecond line"
    assert wf["Negative prompt"].text == "ugly, embedding:easyneg"
    assert (wf["EmptyLatentImage"].width, wf["EmptyLatentImage"].height) == (512, 768)
    assert wf["CheckpointLoaderSimple"].ckpt_name == "dreamshaper_8.safetensors"
    assert (wf["LoraLoader"].lora_name, wf["LoraLoader"].strength_model) == ("detail.safetensors", 0.8)
    assert wf["CLIPSetLastLayer"].stop_at_clip_layer == -2
    said = warnings(wf)
    assert "[day:night:0.5] changes on the way" in said
    assert "ADetailer model face, yolo has no equivalent here" in said
    assert "hash" not in said
    assert "Version" not in said


def test_the_same_from_text_bytes_usercomment_and_a_pil_image() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"UNICODE\0" + A1111.encode("utf-16-be")}
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=exif)
    png = picture(parameters=A1111)
    graphs = [
        Workflow.load(source).to_api() for source in (A1111, png, out.getvalue(), Image.open(io.BytesIO(png)))
    ]
    assert graphs == [graphs[0]] * 4


def test_hires_is_a_second_pass() -> None:
    hires = ", Denoising strength: 0.4, Hires upscale: 1.5, Hires steps: 9, Hires upscaler: "
    latent = Workflow.load(A1111 + hires + "Latent (nearest-exact)")
    assert latent["80"].upscale_method == "nearest-exact"
    assert (latent["80"].width, latent["80"].height) == (768, 1152)
    assert (latent["85"].denoise, latent["85"].steps) == (0.4, 9)
    model = Workflow.load(A1111 + hires + "R-ESRGAN 4x+")
    assert model["UpscaleModelLoader"].model_name == "R-ESRGAN 4x+.pth"
    assert "R-ESRGAN 4x+ is guessed" in warnings(model)


def test_a_strength_without_hires_is_img2img() -> None:
    wf = Workflow.load(A1111 + ", Denoising strength: 0.6")
    assert wf["KSampler"].denoise == 0.6
    assert "picture it started from is not in the file" in warnings(wf)
    wf["LoadImage"].image = "example.png"
    assert wf["LoadImage"].image == "example.png"


@pytest.mark.parametrize(
    ("sampler", "schedule", "found"),
    [
        ("Euler a", "", ("euler_ancestral", "normal")),
        ("Euler", "Automatic", ("euler", "normal")),
        ("DPM++ SDE Karras", "", ("dpmpp_sde", "karras")),
        ("DPM++ 2M SDE", "SGM Uniform", ("dpmpp_2m_sde", "sgm_uniform")),
        ("DPM++ 2M", "", ("dpmpp_2m", "karras")),
        ("DPM++ 3M SDE Exponential", "", ("dpmpp_3m_sde", "exponential")),
        ("UniPC", "Simple", ("uni_pc", "simple")),
        ("dpmpp_2m", "karras", ("dpmpp_2m", "karras")),
        ("dpmpp_2m_sde_gpu", "sgm_uniform", ("dpmpp_2m_sde_gpu", "sgm_uniform")),
        ("k_euler_ancestral", "karras", ("euler_ancestral", "karras")),
        ("dpmpp_2m_k", "", ("dpmpp_2m", "karras")),
        ("DDIM", "", ("ddim", "normal")),
    ],
)
def test_samplers_and_schedules_are_mapped_by_name(
    sampler: str, schedule: str, found: tuple[str, str]
) -> None:
    graph, problems = recipe.graph_of(
        parameters.Generation("X", sampler=sampler, scheduler=schedule, model="m")
    )
    assert (graph["3"]["inputs"]["sampler_name"], graph["3"]["inputs"]["scheduler"]) == found
    assert len(problems) == 1


def test_an_unknown_sampler_is_a_warning() -> None:
    wf = Workflow.load(
        "a cat\nSteps: 20, Sampler: Restart, Schedule type: Align Your Steps, Seed: 1, Model: m"
    )
    assert (wf["KSampler"].sampler_name, wf["KSampler"].scheduler) == ("euler", "normal")
    assert "The sampler Restart has no equivalent here: euler is used" in warnings(wf)
    assert "The schedule Align Your Steps has no equivalent" in warnings(wf)


INVOKE = {
    "generation_mode": "txt2img",
    "positive_prompt": "a (cat)1.3 on grass+",
    "negative_prompt": "ugly--",
    "width": 640,
    "height": 512,
    "seed": 7,
    "cfg_scale": 5.5,
    "steps": 12,
    "scheduler": "dpmpp_2m_k",
    "model": {"name": "juggernaut"},
    "loras": [{"model": {"name": "detail"}, "weight": 0.5}],
}
FOOOCUS = {
    "prompt": "a cat",
    "negative_prompt": "ugly",
    "steps": 30,
    "resolution": "(1152, 896)",
    "guidance_scale": 4.0,
    "base_model": "juggernautXL.safetensors",
    "performance": "Speed",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "seed": "5",
    "loras": [["offset.safetensors", 0.1]],
    "sharpness": 2.0,
}
NOVELAI = {
    "steps": 28,
    "sampler": "k_euler_ancestral",
    "seed": 3,
    "scale": 5.0,
    "uc": "[ugly]",
    "height": 1216,
    "width": 832,
    "prompt": "{{cat}} (a), 1.5::grass::",
    "noise_schedule": "karras",
}
SWARM = {
    "sui_image_params": {
        "prompt": "a cat <lora:detail:0.8>",
        "negativeprompt": "ugly",
        "model": "sdxl/base",
        "seed": 9,
        "steps": 20,
        "cfgscale": 7.0,
        "width": 1024,
        "height": 768,
        "sampler": "euler",
        "scheduler": "normal",
        "refinersteps": 4,
    }
}


@pytest.mark.parametrize(
    ("texts", "positive", "negative", "size", "sampler"),
    [
        ({"invokeai_metadata": INVOKE}, "a (cat:1.3) on (grass:1.10)", "(ugly:0.83)", (640, 512), "dpmpp_2m"),
        (
            {"parameters": FOOOCUS, "fooocus_scheme": "fooocus"},
            "a cat",
            "ugly",
            (1152, 896),
            "dpmpp_2m_sde_gpu",
        ),
        (
            {"Software": "NovelAI", "Comment": NOVELAI, "Source": "SDXL ABC"},
            r"((cat:1.05):1.05) \(a\), (grass:1.5)",
            "(ugly:0.95)",
            (832, 1216),
            "euler_ancestral",
        ),
        ({"parameters": SWARM}, "a cat", "ugly", (1024, 768), "euler"),
    ],
    ids=["InvokeAI", "Fooocus", "NovelAI", "SwarmUI"],
)
def test_other_programs(
    texts: dict[str, Any], positive: str, negative: str, size: tuple[int, int], sampler: str
) -> None:
    made = {key: value if isinstance(value, str) else json.dumps(value) for key, value in texts.items()}
    wf = Workflow.load(picture(**made))
    assert (wf["Positive prompt"].text, wf["Negative prompt"].text) == (positive, negative)
    assert (wf["5"].width, wf["5"].height) == size
    assert wf["KSampler"].sampler_name == sampler


def test_a_comfyui_workflow_beside_parameters_is_preferred() -> None:
    graph = {"1": {"class_type": "A", "inputs": {}}}
    assert Workflow.load(picture(parameters=A1111, prompt=json.dumps(graph))).to_api() == graph


def test_the_graph_validates_once_the_models_are_chosen() -> None:
    wf = Workflow.load("a cat\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512, Model: analytic-scenes")
    assert [
        p for p in wf.validate(catalog()) if p.severity == "error" and p.kind != "value_not_in_list"
    ] == []


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (r"a \[b\] \(c\)", r"a [b] \(c\)"),
        ("[[a]]", "((a:0.91):0.91)"),
        ("[a|b] c", "a c"),
        ("[a:0.5]", "a"),
        ("[a:b:0.5]", "b"),
        ("[open", "[open"),
        ("a BREAK b", "a\nb"),
    ],
)
def test_a1111_brackets(given: str, found: str) -> None:
    assert prompts.from_a1111(given, [], []) == found


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["parameters", "comment", "software", "invokeai_metadata"]), st.text())
)
def test_any_texts_are_read_or_left(texts: dict[str, str]) -> None:
    made = parameters.read(texts)
    if made is not None:
        recipe.graph_of(made)


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers())
)


@settings(deadline=None)
@given(st.sampled_from(["invokeai_metadata", "parameters", "comment"]), st.data())
def test_any_values_are_read_or_left(key: str, data: st.DataObject) -> None:
    names = [*INVOKE, *FOOOCUS, *NOVELAI]
    document = data.draw(st.dictionaries(st.sampled_from(names), VALUES))
    for texts in (
        {key: json.dumps(document)},
        {key: json.dumps({**document, "prompt": "a", "base_model": "b"})},
    ):
        made = parameters.read({**texts, "software": "NovelAI"})
        if made is not None:
            json.dumps(recipe.graph_of(made)[0], allow_nan=False)
