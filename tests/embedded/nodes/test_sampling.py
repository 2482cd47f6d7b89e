"""Sampling nodes against each other: what should be the same run is the same, bytes and all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.analytic.model import CHECKPOINT
from comfy_notebook.embedded.nodes.analytic.run import SAMPLERS
from comfy_notebook.embedded.nodes.analytic.schedules import SCHEDULERS

from .kit import Bench, Folder, run

SIZE = 128


class Studio:
    """A bench with the checkpoint loaded."""

    def __init__(self, root: Path) -> None:
        self.bench = Bench(Folder(root))
        self.model, self.clip, self.vae = self.node("CheckpointLoaderSimple", ckpt_name=CHECKPOINT)

    def node(self, class_type: str, **inputs: Any) -> tuple[Any, ...]:
        result = run(self.bench, class_type, **inputs)
        assert isinstance(result, tuple)
        return result

    def said(self, text: str) -> Any:
        return self.node("CLIPTextEncode", text=text, clip=self.clip)[0]

    def empty(self, batch: int = 1) -> Any:
        return self.node("EmptyLatentImage", width=SIZE, height=SIZE, batch_size=batch)[0]

    def settings(self, text: str = "castle, night", **changed: Any) -> dict[str, Any]:
        return {
            "model": self.model,
            "steps": 6,
            "cfg": 5.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "positive": self.said(text),
            "negative": self.said("blurry"),
            "latent_image": self.empty(),
            **changed,
        }

    def sampled(self, text: str = "castle, night", **changed: Any) -> np.ndarray:
        inputs = {"seed": 4, "denoise": 1.0, **self.settings(text, **changed)}
        return self.node("KSampler", **inputs)[0]["samples"]

    def picture(self, samples: np.ndarray) -> np.ndarray:
        return self.node("VAEDecode", samples={"samples": samples}, vae=self.vae)[0]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures, 0–255."""
    return float(np.abs(one - other).mean() * 255)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_ends_in_a_scene(studio: Studio, sampler: str) -> None:
    """A scene: adding noise and estimating again finds the same picture."""
    samples = studio.sampled(sampler_name=sampler, scheduler="karras", steps=20)
    again = studio.sampled(latent_image={"samples": samples}, denoise=0.05)
    assert apart(studio.picture(samples), studio.picture(again)) < 6


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_ends_in_a_scene(studio: Studio, scheduler: str) -> None:
    samples = studio.sampled(scheduler=scheduler, steps=20)
    again = studio.sampled(latent_image={"samples": samples}, denoise=0.05)
    assert apart(studio.picture(samples), studio.picture(again)) < 6


def test_prompts_and_seeds_make_other_pictures(studio: Studio) -> None:
    night, noon, other = (
        studio.picture(studio.sampled(text, steps=12, seed=seed))
        for text, seed in (("city at night", 4), ("snow, midday", 4), ("city at night", 5))
    )
    assert night.mean() + 0.15 < noon.mean()
    assert apart(night, noon) > 40
    assert apart(night, other) > 2


def test_an_item_of_a_batch_is_the_same_in_a_larger_batch(studio: Studio) -> None:
    three = studio.sampled(latent_image=studio.empty(3))
    two = studio.sampled(latent_image=studio.empty(2))
    assert (three[:2] == two).all()
    part = studio.node("LatentFromBatch", samples=studio.empty(3), batch_index=2, length=1)[0]
    assert studio.sampled(latent_image=part) == pytest.approx(three[2:], abs=1e-6)


def test_denoise_keeps_or_changes(studio: Studio) -> None:
    day = studio.sampled("boat, sea, midday", steps=12)
    base = studio.picture(day)
    little, most = (
        studio.picture(
            studio.sampled("forest at night", steps=12, latent_image={"samples": day}, denoise=amount)
        )
        for amount in (0.2, 0.95)
    )
    assert apart(base, little) < 8
    assert apart(base, most) > 40
    unchanged = studio.sampled(latent_image={"samples": day}, denoise=0.0)
    assert (unchanged == day).all()


def test_the_steps_can_be_split_between_two_samplers(studio: Studio) -> None:
    whole = studio.sampled()
    common = {**studio.settings(), "noise_seed": 4}
    first = studio.node(
        "KSamplerAdvanced",
        **common,
        add_noise="enable",
        start_at_step=0,
        end_at_step=3,
        return_with_leftover_noise="enable",
    )[0]
    second = studio.node(
        "KSamplerAdvanced",
        **{**common, "latent_image": first},
        add_noise="disable",
        start_at_step=3,
        end_at_step=10000,
        return_with_leftover_noise="disable",
    )[0]
    assert second["samples"] == pytest.approx(whole, abs=1e-4)
    assert studio.bench.steps == [(i, 6) for i in range(1, 7)] + [(i, 3) for i in range(1, 4)] * 2


def test_ending_early_without_leftover_noise_is_clean(studio: Studio) -> None:
    common = {**studio.settings(), "noise_seed": 4, "add_noise": "enable", "start_at_step": 0}
    noisy, clean = (
        studio.node("KSamplerAdvanced", **common, end_at_step=2, return_with_leftover_noise=leftover)[0]
        for leftover in ("enable", "disable")
    )
    assert noisy["samples"].std() > 3 * clean["samples"].std()
    beyond = studio.node(
        "KSamplerAdvanced",
        **{**common, "start_at_step": 6},
        end_at_step=10000,
        return_with_leftover_noise="disable",
    )[0]
    assert not beyond["samples"].any()


def test_the_custom_samplers_are_the_same_run(studio: Studio) -> None:
    whole = studio.sampled()
    settings = studio.settings()
    sigmas = studio.node("BasicScheduler", model=studio.model, scheduler="normal", steps=6, denoise=1.0)[0]
    sampler = studio.node("KSamplerSelect", sampler_name="euler")[0]
    shared = {"sampler": sampler, "sigmas": sigmas, "latent_image": settings["latent_image"]}
    prompts = {key: settings[key] for key in ("model", "positive", "negative", "cfg")}
    custom, estimate = studio.node("SamplerCustom", add_noise=True, noise_seed=4, **prompts, **shared)
    assert (custom["samples"] == whole).all()
    assert estimate["samples"] == pytest.approx(whole, abs=1e-5)
    noise = studio.node("RandomNoise", noise_seed=4)[0]
    guider = studio.node("CFGGuider", **prompts)[0]
    advanced, _ = studio.node("SamplerCustomAdvanced", noise=noise, guider=guider, **shared)
    assert (advanced["samples"] == whole).all()
    basic = studio.node("BasicGuider", model=studio.model, conditioning=settings["positive"])[0]
    alone, _ = studio.node("SamplerCustomAdvanced", noise=noise, guider=basic, **shared)
    assert (alone["samples"] == studio.sampled(cfg=1.0)).all()


def test_added_noise_is_a_runs_own(studio: Studio) -> None:
    sigmas = studio.node("KarrasScheduler", steps=6, sigma_max=5.0, sigma_min=0.05, rho=7.0)[0]
    sampler = studio.node("KSamplerSelect", sampler_name="dpmpp_2m")[0]
    guider = studio.node("BasicGuider", model=studio.model, conditioning=studio.said("desert"))[0]
    noise = studio.node("RandomNoise", noise_seed=9)[0]
    silence = studio.node("DisableNoise")[0]
    common = {"guider": guider, "sampler": sampler, "sigmas": sigmas}
    direct = studio.node("SamplerCustomAdvanced", noise=noise, latent_image=studio.empty(), **common)[0]
    noisy = studio.node(
        "AddNoise", model=studio.model, noise=noise, sigmas=sigmas, latent_image=studio.empty()
    )[0]
    later = studio.node("SamplerCustomAdvanced", noise=silence, latent_image=noisy, **common)[0]
    assert later["samples"] == pytest.approx(direct["samples"], abs=1e-4)


def test_sampler_nodes_pass_their_options(studio: Studio) -> None:
    calm = studio.node("SamplerEulerAncestral", eta=0.0, s_noise=1.0)[0]
    sigmas = studio.node("ExponentialScheduler", steps=6, sigma_max=14.6, sigma_min=0.03)[0]
    guider = studio.node("BasicGuider", model=studio.model, conditioning=studio.said("desert"))[0]
    noise = studio.node("RandomNoise", noise_seed=9)[0]
    euler = studio.node("KSamplerSelect", sampler_name="euler")[0]
    one, other = (
        studio.node(
            "SamplerCustomAdvanced",
            noise=noise,
            guider=guider,
            sampler=sampler,
            sigmas=sigmas,
            latent_image=studio.empty(),
        )[0]["samples"]
        for sampler in (calm, euler)
    )
    assert (one == other).all()


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m_sde", "heun"])
def test_what_is_masked_out_stays(studio: Studio, sampler: str) -> None:
    day = studio.sampled("boat, sea, midday", steps=12)
    mask = np.zeros((1, SIZE, SIZE), np.float32)
    mask[:, :, : SIZE // 2] = 1
    masked = studio.node("SetLatentNoiseMask", samples={"samples": day}, mask=mask)[0]
    found = studio.sampled("night, castle", steps=8, latent_image=masked, sampler_name=sampler)
    assert (found[..., 8:] == day[..., 8:]).all()
    assert np.abs(found[..., :8] - day[..., :8]).mean() > 0.05


def test_encoding_for_inpainting_greys_and_grows(studio: Studio) -> None:
    pixels = np.full((1, 64, 72, 3), 0.9, np.float32)
    mask = np.zeros((1, 64, 72), np.float32)
    mask[:, 16:32, 16:32] = 1
    found = studio.node("VAEEncodeForInpaint", pixels=pixels, vae=studio.vae, mask=mask, grow_mask_by=6)[0]
    grown = found["noise_mask"]
    assert grown.shape == (1, 1, 64, 72)
    assert set(np.unique(grown)) == {0.0, 1.0}
    assert grown.sum() == (16 + 5) ** 2
    grey = studio.picture(found["samples"])
    assert grey[0, 20, 20] == pytest.approx([0.5] * 3, abs=0.02)
    assert grey[0, 60, 60] == pytest.approx([0.9] * 3, abs=0.02)


def test_odd_sides_lose_their_outermost_pixels(studio: Studio) -> None:
    pixels = np.random.RandomState(0).rand(1, 70, 85, 4).astype(np.float32)
    inner = pixels[:, 3:67, 2:82, :3]
    odd, even = (
        studio.node("VAEEncode", pixels=image, vae=studio.vae)[0]["samples"] for image in (pixels, inner)
    )
    assert (odd == even).all()


def test_tiles_change_nothing(studio: Studio) -> None:
    samples = {"samples": studio.sampled(steps=2)}
    tiles = {"tile_size": 64, "overlap": 32, "temporal_size": 64, "temporal_overlap": 8}
    tiled = studio.node("VAEDecodeTiled", samples=samples, vae=studio.vae, **tiles)[0]
    assert (tiled == studio.picture(samples["samples"])).all()


def test_other_latents_are_refused_in_words(studio: Studio) -> None:
    with pytest.raises(ValueError, match="not finite"):
        studio.sampled(latent_image={"samples": np.full((1, 4, 8, 8), np.nan, np.float32)})
    with pytest.raises(ValueError, match="EmptyLatentImage or VAEEncode"):
        studio.sampled(latent_image={"samples": np.ones((1, 16, 8, 8), np.float32)})


def test_conditionings_are_combined(studio: Studio) -> None:
    sea, night = studio.said("sea"), studio.said("night")
    both = studio.node("ConditioningConcat", conditioning_to=sea, conditioning_from=night)[0]
    assert (both[0][0].sum(axis=1) == studio.said("sea at night")[0][0].sum(axis=1)).all()
    mixed = studio.node(
        "ConditioningAverage", conditioning_to=sea, conditioning_from=night, conditioning_to_strength=0.25
    )[0]
    assert mixed[0][0] == pytest.approx(0.25 * sea[0][0] + 0.75 * night[0][0])
    nothing = studio.node("ConditioningZeroOut", conditioning=sea)[0]
    assert not nothing[0][0].any()
    assert sea[0][0].any()
    listed = studio.node("ConditioningCombine", conditioning_1=sea, conditioning_2=night)[0]
    assert len(listed) == 2


def test_areas_masks_and_ranges_are_noted_on_copies(studio: Studio) -> None:
    sea = studio.said("sea")
    area = studio.node("ConditioningSetArea", conditioning=sea, width=64, height=32, x=16, y=8, strength=0.5)[
        0
    ]
    assert area[0][1]["area"] == (4, 8, 1, 2)
    share = studio.node(
        "ConditioningSetAreaPercentage", conditioning=sea, width=0.5, height=1.0, x=0.5, y=0, strength=1.0
    )[0]
    assert share[0][1]["area"] == ("percentage", 1.0, 0.5, 0, 0.5)
    late = studio.node("ConditioningSetTimestepRange", conditioning=sea, start=0.25, end=1.0)[0]
    assert (late[0][1]["start_percent"], late[0][1]["end_percent"]) == (0.25, 1.0)
    mask = np.ones((8, 8), np.float32)
    bound = studio.node(
        "ConditioningSetMask", conditioning=sea, mask=mask, strength=1.0, set_cond_area="mask bounds"
    )[0]
    assert bound[0][1]["mask"].shape == (1, 8, 8)
    assert bound[0][1]["set_area_to_bounds"] is True
    assert set(sea[0][1]) == {"pooled_output"}


def test_levels_are_split_and_turned(studio: Studio) -> None:
    sigmas = studio.node("KarrasScheduler", steps=10, sigma_max=14.6, sigma_min=0.03, rho=7.0)[0]
    high, low = studio.node("SplitSigmas", sigmas=sigmas, step=4)
    assert (len(high), len(low)) == (5, 7)
    assert high[-1] == low[0]
    high, low = studio.node("SplitSigmasDenoise", sigmas=sigmas, denoise=0.3)
    assert (len(high), len(low)) == (8, 4)
    assert high[-1] == low[0]
    flipped = studio.node("FlipSigmas", sigmas=sigmas)[0]
    assert flipped[0] == pytest.approx(0.0001)
    assert (flipped[1:] == sigmas[::-1][1:]).all()
    first = studio.node("SetFirstSigma", sigmas=sigmas, sigma=20.0)[0]
    assert first[0] == 20
    assert (first[1:] == sigmas[1:]).all()
    turbo = studio.node("SDTurboScheduler", model=studio.model, steps=3, denoise=1.0)[0]
    assert len(turbo) == 4


def test_levels_that_repeat_are_one_step(studio: Studio) -> None:
    """`simple` has only a thousand levels to give."""
    sampler = studio.node("KSamplerSelect", sampler_name="dpmpp_2m")[0]
    guider = studio.node("BasicGuider", model=studio.model, conditioning=studio.said("desert"))[0]
    noise = studio.node("RandomNoise", noise_seed=9)[0]
    once, twice = (
        studio.node(
            "SamplerCustomAdvanced",
            noise=noise,
            guider=guider,
            sampler=sampler,
            sigmas=np.array(levels, np.float32),
            latent_image=studio.empty(),
        )[0]["samples"]
        for levels in ([9, 3, 1, 0], [9, 3, 3, 1, 1, 0])
    )
    assert (once == twice).all()


def test_noise_can_be_put_back_by_turning_the_levels(studio: Studio) -> None:
    """The sampling ODE upwards and down again comes back where it began."""
    begun = studio.sampled("boat", cfg=1.0, steps=20)
    levels = studio.node("ExponentialScheduler", steps=60, sigma_max=3.0, sigma_min=0.05)[0]
    upward = studio.node("FlipSigmas", sigmas=levels)[0][1:]
    guider = studio.node("BasicGuider", model=studio.model, conditioning=studio.said("boat"))[0]
    common = {
        "noise": studio.node("DisableNoise")[0],
        "guider": guider,
        "sampler": studio.node("KSamplerSelect", sampler_name="heun")[0],
    }
    up = studio.node("SamplerCustomAdvanced", sigmas=upward, latent_image={"samples": begun}, **common)[0]
    down = studio.node("SamplerCustomAdvanced", sigmas=levels, latent_image=up, **common)[0]
    assert np.abs(down["samples"] - begun).mean() < 0.05
