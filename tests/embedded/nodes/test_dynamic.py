"""Dynamic inputs and the nodes that have them, beside what a ComfyUI 0.33 did with the same graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.base import Context, Input, Node, Ui
from comfy_notebook.embedded.nodes.dynamic import Autogrow, DynamicCombo, live_inputs, nested
from comfy_notebook.embedded.nodes.registry import default_registry

from .kit import Bench, Folder, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Folder(tmp_path))


class Nested(Node):
    """A dynamic combo within a dynamic combo, beside an autogrow list."""

    inputs: ClassVar = {
        "mode": DynamicCombo(
            branches={
                "plain": {},
                "deep": {
                    "inner": DynamicCombo(branches={"a": {"size": Input("INT")}}),
                    "note": Input("STRING"),
                },
            }
        ),
        "items": Autogrow(item=Input("IMAGE"), item_name="item", prefix="item", least=1, most=3),
    }

    def run(self, ctx: Context, **inputs: Any) -> tuple[Any, ...]:
        return (inputs,)


DEEP = {"mode": "deep", "mode.inner": "a", "mode.inner.size": 3, "mode.note": "n", "items.item0": 1}


def test_the_inputs_of_a_node_follow_from_its_values() -> None:
    slots = ["items.item0", "items.item1", "items.item2"]
    assert list(live_inputs(Nested, {"mode": "plain"})) == ["mode", *slots]
    assert [name for name in live_inputs(Nested, DEEP) if name.startswith("mode")] == [
        "mode", "mode.inner", "mode.inner.size", "mode.note",
    ]  # fmt: skip
    assert not [name for name in live_inputs(Nested, {"mode": "unknown"}) if name.startswith("mode")]
    assert [live_inputs(Nested, {})[slot].optional for slot in slots] == [False, True, True]


def test_values_are_gathered_for_run() -> None:
    assert nested(Nested, DEEP) == {
        "mode": {"mode": "deep", "inner": {"inner": "a", "size": 3}, "note": "n"},
        "items": {"item0": 1},
    }
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'mode'"):
        nested(Nested, {"items.item0": 1})
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'items\.other'"):
        nested(Nested, {"mode": "plain", "items.other": 1})


@pytest.mark.parametrize(
    ("kind", "values", "from_64_32", "from_50_37"),
    [
        ("scale dimensions", {"width": 20, "height": 0, "crop": "center"}, (20, 10), (20, 15)),
        ("scale dimensions", {"width": 0, "height": 20, "crop": "disabled"}, (40, 20), (27, 20)),
        ("scale dimensions", {"width": 0, "height": 0, "crop": "disabled"}, (64, 32), (50, 37)),
        ("scale by multiplier", {"multiplier": 0.33}, (21, 11), (16, 12)),
        ("scale longer dimension", {"longer_size": 41}, (41, 20), (41, 30)),
        ("scale shorter dimension", {"shorter_size": 21}, (42, 21), (28, 21)),
        ("scale width", {"width": 33}, (33, 16), (33, 24)),
        ("scale width", {"width": 0}, (64, 32), (50, 37)),
        ("scale height", {"height": 19}, (38, 19), (26, 19)),
        ("scale total pixels", {"megapixels": 0.01}, (145, 72), (119, 88)),
        ("scale to multiple", {"multiple": 9}, (63, 27), (45, 36)),
        ("scale to multiple", {"multiple": 100}, (64, 32), (50, 37)),
    ],
)
def test_resizing_gives_comfyuis_sizes(
    bench: Bench, kind: str, values: dict[str, Any], from_64_32: tuple[int, int], from_50_37: tuple[int, int]
) -> None:
    chosen = {"resize_type": kind, **{f"resize_type.{name}": value for name, value in values.items()}}
    for (width, height), expected in (((64, 32), from_64_32), ((50, 37), from_50_37)):
        for shape in ((1, height, width, 3), (1, height, width)):
            (resized,) = run(
                bench, "ResizeImageMaskNode", input=np.zeros(shape, np.float32), scale_method="area", **chosen
            )
            assert resized.shape[2:0:-1] == expected
            assert resized.ndim == len(shape)


def test_scaling_to_a_multiple_covers_the_size_and_crops_it(bench: Bench) -> None:
    picture = np.zeros((1, 32, 64, 3), np.float32)
    picture[..., 0] = np.arange(64) * 4 / 255
    picture[..., 1] = (np.arange(32) * 8 / 255)[:, None]
    chosen = {"resize_type": "scale to multiple", "resize_type.multiple": 9}
    (made,) = run(bench, "ResizeImageMaskNode", input=picture, scale_method="bilinear", **chosen)
    pixels = (made[0] * 255).astype(int)
    assert pixels[0, -6:, 0].tolist() == [231, 235, 239, 243, 247, 251]
    assert pixels[:4, 0, 1].tolist() == [16, 24, 32, 40]


@pytest.mark.parametrize(
    ("region", "size"),
    [
        ({"x": 50, "y": 20, "width": 512, "height": 512}, (14, 12)),
        ({"x": 50}, (14, 32)),
        ({"x": 100, "y": 100, "width": 10, "height": 10}, (1, 1)),
        ({}, (64, 32)),
    ],
)
def test_a_crop_is_cut_short_at_the_edges_and_shows_its_input(
    bench: Bench, region: dict[str, int], size: tuple[int, int]
) -> None:
    made = run(bench, "ImageCropV2", image=np.zeros((1, 32, 64, 3), np.float32), crop_region=region)
    assert isinstance(made, Ui)
    assert made.outputs[0].shape[2:0:-1] == size
    assert made.ui["animated"] == [False]
    assert made.ui["images"][0]["type"] == "temp"


def test_batches_take_the_size_of_the_first(bench: Bench) -> None:
    first, second = np.zeros((1, 32, 64, 3), np.float32), np.ones((2, 16, 16, 3), np.float32)
    (made,) = run(bench, "BatchImagesNode", **{"images.image0": first, "images.image5": second})
    assert made.shape == (3, 32, 64, 3)
    assert made[1:].min() == 1


@pytest.mark.parametrize(("index", "length", "count"), [(-2, 4, 2), (-9, 2, 2), (9, 1, 1), (-1, 1, 1)])
def test_negative_indices_count_from_the_end_of_a_batch(
    bench: Bench, index: int, length: int, count: int
) -> None:
    images = np.arange(5, dtype=np.float32)[:, None, None, None] * np.ones((5, 2, 2, 3), np.float32)
    (part,) = run(bench, "ImageFromBatch", image=images, batch_index=index, length=length)
    assert len(part) == count
    (latent,) = run(bench, "LatentFromBatch", samples={"samples": images}, batch_index=index, length=length)
    assert len(latent["samples"]) == count


@pytest.mark.parametrize(
    ("megapixels", "step", "size"), [(0.01, 1, (145, 72)), (0.01, 16, (144, 80)), (0.02, 7, (203, 105))]
)
def test_sides_are_rounded_to_resolution_steps(
    bench: Bench, megapixels: float, step: int, size: tuple[int, int]
) -> None:
    (made,) = run(
        bench, "ImageScaleToTotalPixels", image=np.zeros((1, 32, 64, 3), np.float32), upscale_method="area",
        megapixels=megapixels, resolution_steps=step,
    )  # fmt: skip
    assert made.shape[2:0:-1] == size


def test_a_switch_wants_only_the_branch_it_takes() -> None:
    switch = default_registry()["ComfySwitchNode"]()
    assert switch.needed(switch=True) == ["on_true"]
    assert switch.needed(switch=False) == ["on_false"]
    assert switch.needed(switch=False, on_false=1) == []


def test_a_custom_combo_takes_any_choice(bench: Bench) -> None:
    assert run(bench, "CustomCombo", choice="b", index=1, option1="a", option2="b") == ("b", 1)
    assert run(bench, "CustomCombo", choice="b") == ("b", 0)


def test_a_text_is_saved_under_its_format(bench: Bench) -> None:
    made = run(bench, "SaveText", text="héllo", filename_prefix="t/x", format="json")
    assert isinstance(made, Ui)
    assert made.ui == {
        "text": ["héllo"],
        "files": [{"filename": "x_00001.json", "subfolder": "t", "type": "output"}],
    }
    assert bench.saved == {"t/x_00001.json": "héllo".encode()}


def test_an_empty_latent_of_sixteen_channels_is_sampled(bench: Bench) -> None:
    (latent,) = run(bench, "EmptySD3LatentImage", width=64, height=32, batch_size=1)
    assert latent["samples"].shape == (1, 16, 4, 8)
    (model,) = run(bench, "UNETLoader", unet_name="analytic-scenes.safetensors", weight_dtype="default")
    (model,) = run(bench, "ModelSamplingAuraFlow", model=model, shift=3.0)
    (clip,) = run(bench, "CLIPLoader", clip_name="analytic-scenes.safetensors", type="lumina2")
    (prompt,) = run(bench, "CLIPTextEncode", text="a boat", clip=clip)
    (prompt,) = run(bench, "FluxGuidance", conditioning=prompt, guidance=3.5)
    assert prompt[0][1]["guidance"] == 3.5
    (made,) = run(
        bench, "KSampler", model=model, seed=1, steps=2, cfg=1.0, sampler_name="res_multistep",
        scheduler="simple", positive=prompt, negative=prompt, latent_image=latent, denoise=1.0,
    )  # fmt: skip
    (vae,) = run(bench, "VAELoader", vae_name="analytic-scenes.safetensors")
    (images,) = run(bench, "VAEDecode", samples=made, vae=vae)
    assert images.shape == (1, 32, 64, 3)
    full = {"samples": np.ones((1, 16, 4, 8), np.float32)}
    with pytest.raises(ValueError, match="latents of shape"):
        run(
            bench, "KSampler", model=model, seed=1, steps=2, cfg=1.0, sampler_name="euler",
            scheduler="simple", positive=prompt, negative=prompt, latent_image=full, denoise=1.0,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("format", "codec", "name", "stream"),
    [("auto", "auto", "v_00001_.mp4", "h264"), ("mkv", "h264", "v_00001_.mkv", "h264"),
     ("webm", "av1", "v_00001_.webm", "av1")],
)  # fmt: skip
def test_a_video_is_saved_in_the_format_chosen(
    bench: Bench, format: str, codec: str, name: str, stream: str
) -> None:
    av = pytest.importorskip("av")
    (video,) = run(bench, "CreateVideo", images=np.zeros((3, 64, 64, 3), np.float32), fps=8)
    reencode = {"format.codec.encoding": "re-encode", "format.codec.encoding.crf": 40.0,
                "format.codec.encoding.color_space": "auto"}  # fmt: skip
    made = run(bench, "SaveVideo", video=video, filename_prefix="v", format=format,
               **{"format.codec": codec, **(reencode if codec != "auto" else {})})  # fmt: skip
    assert isinstance(made, Ui)
    assert made.ui["images"][0]["filename"] == name
    bench.files.root.joinpath(name).write_bytes(bench.saved[name])
    with av.open(str(bench.files.root / name)) as container:
        assert stream in container.streams.video[0].codec_context.name


def test_colours_beyond_srgb_are_refused(bench: Bench) -> None:
    (video,) = run(bench, "CreateVideo", images=np.zeros((3, 64, 64, 3), np.float32), fps=8)
    encoding = {"encoding": "re-encode", "encoding.crf": 20.0, "encoding.color_space": "HDR"}
    chosen = {"format.codec": "h264", **{f"format.codec.{name}": value for name, value in encoding.items()}}
    with pytest.raises(ValueError, match="Choose the color space auto or sRGB"):
        run(bench, "SaveVideo", video=video, filename_prefix="v", format="mp4", **chosen)
