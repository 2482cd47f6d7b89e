"""Latent nodes on small arrays whose answers can be said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.latent_grid import resized, slerp

from .kit import Bench, Folder, run

Latent = dict[str, Any]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Folder(tmp_path))


def latent(batch: int = 1, height: int = 16, width: int = 24, seed: int = 0, **more: Any) -> Latent:
    samples = np.random.RandomState(seed).randn(batch, 4, height, width).astype(np.float32)
    return {"samples": samples, **more}


def one(bench: Bench, class_type: str, **inputs: Any) -> Any:
    result = run(bench, class_type, **inputs)
    assert isinstance(result, tuple)
    return result[0]


def test_empty_latents(bench: Bench) -> None:
    found = one(bench, "EmptyLatentImage", width=520, height=64, batch_size=3)["samples"]
    assert found.shape == (3, 4, 8, 65)
    assert found.dtype == np.float32
    assert not found.any()


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(0, 0, (16, 24)), (128, 0, (10, 16)), (0, 160, (20, 30)), (8, 8, (8, 8)), (200, 100, (12, 25))],
)
def test_upscale_sizes(bench: Bench, width: int, height: int, shape: tuple[int, int]) -> None:
    found = one(
        bench,
        "LatentUpscale",
        samples=latent(),
        upscale_method="nearest-exact",
        width=width,
        height=height,
        crop="disabled",
    )
    assert found["samples"].shape[2:] == shape


def test_upscale_by_rounds_to_cells(bench: Bench) -> None:
    found = one(bench, "LatentUpscaleBy", samples=latent(), upscale_method="bicubic", scale_by=1.3)
    assert found["samples"].shape == (1, 4, 21, 31)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"])
def test_every_method_keeps_a_flat_latent(method: str) -> None:
    flat = np.broadcast_to(np.float32([1, -2, 3, 4])[None, :, None, None], (2, 4, 9, 7))
    found = resized(flat, 13, 20, method)
    assert found.shape == (2, 4, 20, 13)
    assert found == pytest.approx(np.broadcast_to(flat[:, :, :1, :1], found.shape), abs=1e-5)


def test_slerp_turns_at_even_speed_and_blends_lengths() -> None:
    found = slerp(np.float32([[2.0, 0.0]]), np.float32([[0.0, 4.0]]), np.float32([[0.5]]))
    assert found == pytest.approx(np.float32([[3 * 2**-0.5, 3 * 2**-0.5]]), abs=1e-6)
    opposite = slerp(np.float32([[2.0, 0.0]]), np.float32([[-2.0, 0.0]]), np.float32([[0.25]]))
    assert opposite == pytest.approx(np.float32([[1.0, 0.0]]))


def test_flip_and_rotate(bench: Bench) -> None:
    samples = latent()["samples"]
    down = one(bench, "LatentFlip", samples={"samples": samples}, flip_method="x-axis: vertically")
    assert (down["samples"] == samples[:, :, ::-1]).all()
    across = one(bench, "LatentFlip", samples={"samples": samples}, flip_method="y-axis: horizontally")
    assert (across["samples"] == samples[..., ::-1]).all()
    turned = one(bench, "LatentRotate", samples={"samples": samples}, rotation="90 degrees")["samples"]
    assert (turned[0, 0, :, -1] == samples[0, 0, 0]).all()  # clockwise: the top row becomes the right column
    same = one(bench, "LatentRotate", samples={"samples": samples}, rotation="none")["samples"]
    assert (same == samples).all()


def test_crop_stays_inside(bench: Bench) -> None:
    samples = latent()["samples"]
    part = one(bench, "LatentCrop", samples={"samples": samples}, width=64, height=72, x=16, y=8)["samples"]
    assert (part == samples[:, :, 1:10, 2:10]).all()
    corner = one(bench, "LatentCrop", samples={"samples": samples}, width=512, height=512, x=999, y=999)
    assert (corner["samples"] == samples[:, :, 8:, 16:]).all()


def test_crop_of_less_than_eight_cells_counts_from_the_end(bench: Bench) -> None:
    """Recorded from ComfyUI's arithmetic: six cells wide and cropped from 0, only the last two are left."""
    samples = latent(height=10, width=6)["samples"]
    part = one(bench, "LatentCrop", samples={"samples": samples}, width=64, height=64, x=0, y=0)["samples"]
    assert (part == samples[:, :, :8, 4:]).all()


def test_a_fade_wider_than_what_is_laid_over_goes_on(bench: Bench) -> None:
    """Ones over zeros, 3 × 6 cells faded over 5; what PyTorch gave for ComfyUI's loop."""
    below = {"samples": np.zeros((1, 4, 5, 8), np.float32)}
    above = {"samples": np.ones((1, 4, 3, 6), np.float32)}
    found = one(bench, "LatentComposite", samples_to=below, samples_from=above, x=8, y=8, feather=40)
    edge, middle = [0.024, 0.048, 0.0576, 0.0576, 0.048, 0.024], [0.032, 0.064, 0.0768, 0.0768, 0.064, 0.032]
    assert found["samples"][0, 0, 1:4, 1:7] == pytest.approx(np.array([edge, middle, edge]), abs=1e-6)
    assert found["samples"][0, 0].sum() == pytest.approx(2 * sum(edge) + sum(middle))


def test_composite_beyond_the_picture(bench: Bench) -> None:
    below, above = latent(height=8, width=8), latent(height=8, width=8)
    with pytest.raises(RuntimeError, match="beyond the 64×64 pixels"):
        one(bench, "LatentComposite", samples_to=below, samples_from=above, x=0, y=96, feather=0)
    same = one(bench, "LatentComposite", samples_to=below, samples_from=above, x=0, y=200, feather=0)
    assert (same["samples"] == below["samples"]).all()


def test_composite_lays_over_and_fades(bench: Bench) -> None:
    below = {"samples": np.zeros((1, 4, 16, 16), np.float32)}
    above = {"samples": np.ones((1, 4, 8, 8), np.float32)}
    hard = one(bench, "LatentComposite", samples_to=below, samples_from=above, x=96, y=0, feather=0)[
        "samples"
    ][0, 0]
    assert hard.sum() == 8 * 4
    assert hard[:8, 12:].all()
    soft = one(bench, "LatentComposite", samples_to=below, samples_from=above, x=32, y=32, feather=16)[
        "samples"
    ][0, 0]
    assert soft[8, 4:12] == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.5])
    assert not below["samples"].any()


def test_composite_through_a_mask(bench: Bench) -> None:
    below = {"samples": np.zeros((2, 4, 8, 8), np.float32)}
    above = {"samples": np.ones((1, 4, 4, 4), np.float32)}
    mask = np.zeros((1, 32, 32), np.float32)
    mask[:, :16] = 1
    found = one(
        bench,
        "LatentCompositeMasked",
        destination=below,
        source=above,
        x=16,
        y=24,
        resize_source=False,
        mask=mask,
    )["samples"]
    assert found[:, 0].sum(axis=(1, 2)) == pytest.approx([8, 8])
    assert found[1, 3, 3:5, 2:6].all()
    whole = one(bench, "LatentCompositeMasked", destination=below, source=above, x=0, y=0, resize_source=True)
    assert (whole["samples"] == 1).all()


def test_arithmetic_fits_the_second_to_the_first(bench: Bench) -> None:
    one_, other = latent(2), latent(1, 8, 12, seed=1)
    large = resized(other["samples"], 24, 16, "bilinear")
    total = one(bench, "LatentAdd", samples1=one_, samples2=other)["samples"]
    assert total == pytest.approx(one_["samples"] + large)
    rest = one(bench, "LatentSubtract", samples1=one_, samples2=other)["samples"]
    assert rest == pytest.approx(one_["samples"] - large)
    twice = one(bench, "LatentMultiply", samples=one_, multiplier=-2.0)["samples"]
    assert twice == pytest.approx(-2 * one_["samples"])


def test_blend_and_interpolate_reach_both_ends(bench: Bench) -> None:
    a, b = latent(), latent(seed=1)
    for factor, end in ((1.0, a), (0.0, b)):
        blended = one(bench, "LatentBlend", samples1=a, samples2=b, blend_factor=factor)["samples"]
        assert blended == pytest.approx(end["samples"], abs=1e-6)
        between = one(bench, "LatentInterpolate", samples1=a, samples2=b, ratio=factor)["samples"]
        assert between == pytest.approx(end["samples"], abs=1e-5)
    half = one(bench, "LatentInterpolate", samples1=a, samples2=b, ratio=0.5)["samples"]
    lengths = [np.linalg.norm(x, axis=1) for x in (half, a["samples"], b["samples"])]
    assert lengths[0] == pytest.approx((lengths[1] + lengths[2]) / 2, rel=1e-4)


def test_a_batch_of_one_is_blended_with_each_of_the_other(bench: Bench) -> None:
    single, three = latent(), latent(batch=3, height=8, width=12, seed=1)
    for a, b in ((single, three), (three, single)):
        assert len(one(bench, "LatentBlend", samples1=a, samples2=b, blend_factor=0.5)["samples"]) == 3
    with pytest.raises(ValueError, match="broadcast"):
        one(bench, "LatentBlend", samples1=latent(batch=2), samples2=three, blend_factor=0.5)


def test_concat_and_cut_are_inverse(bench: Bench) -> None:
    a, b = latent(), latent(seed=1)
    wide = one(bench, "LatentConcat", samples1=a, samples2=b, dim="-x")
    assert wide["samples"].shape == (1, 4, 16, 48)
    left = one(bench, "LatentCut", samples=wide, dim="x", index=0, amount=24)["samples"]
    right = one(bench, "LatentCut", samples=wide, dim="x", index=-24, amount=99)["samples"]
    assert (left == b["samples"]).all()
    assert (right == a["samples"]).all()


def test_batches_keep_their_noise(bench: Bench) -> None:
    both = one(bench, "LatentBatch", samples1=latent(2), samples2=latent(1, 8, 8, seed=1))
    assert both["samples"].shape == (3, 4, 16, 24)
    assert both["batch_index"] == [0, 1, 0]
    part = one(bench, "LatentFromBatch", samples=both, batch_index=1, length=9)
    assert part["batch_index"] == [1, 0]
    last = one(bench, "LatentFromBatch", samples=latent(2), batch_index=63, length=1)
    assert last["batch_index"] == [1]
    again = one(bench, "RepeatLatentBatch", samples=part, amount=2)
    assert again["batch_index"] == [1, 0, 3, 2]
    fixed = one(bench, "LatentBatchSeedBehavior", samples=again, seed_behavior="fixed")
    assert fixed["batch_index"] == [1] * 4
    free = one(bench, "LatentBatchSeedBehavior", samples=again, seed_behavior="random")
    assert "batch_index" not in free


def test_rebatching_cuts_a_list_anew(bench: Bench) -> None:
    mask = np.zeros((1, 1, 128, 192), np.float32)
    listed = [latent(3), latent(2, seed=1, noise_mask=mask), latent(1, 8, 8, seed=2)]
    found = one(bench, "RebatchLatents", latents=listed, batch_size=[4])
    assert [len(batch["samples"]) for batch in found] == [4, 1, 1]
    assert found[0]["batch_index"] == [0, 1, 2, 3]
    assert found[0]["noise_mask"].mean(axis=(1, 2, 3)) == pytest.approx([1, 1, 1, 0])
    assert "noise_mask" not in found[2]
    assert (found[1]["samples"][0] == listed[1]["samples"][1]).all()


def test_a_saved_latent_loads_as_it_was(tmp_path: Path) -> None:
    bench = Bench(Folder(tmp_path), prompt={"1": {"class_type": "SaveLatent"}})
    saved = latent(2)
    ui = run(bench, "SaveLatent", samples=saved, filename_prefix="latents/mine").ui
    assert ui == {"latents": [{"filename": "mine_00001_.latent", "subfolder": "latents", "type": "output"}]}
    (data,) = bench.saved.values()
    (tmp_path / "x.latent").write_bytes(data)
    assert b'"prompt"' in data
    assert int.from_bytes(data[:8], "little") % 8 == 0
    loaded = one(bench, "LoadLatent", latent="x.latent")["samples"]
    assert (loaded == saved["samples"]).all()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 64,
        (2).to_bytes(8, "little") + b"[]",
        (64).to_bytes(8, "little") + b'{"latent_tensor":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}',
        (66).to_bytes(8, "little") + b'{"latent_tensor":{"dtype":"I64","shape":[4],"data_offsets":[0,32]}}',
    ],
)
def test_a_broken_latent_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.latent").write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.latent"):
        run(Bench(Folder(tmp_path)), "LoadLatent", latent="x.latent")
