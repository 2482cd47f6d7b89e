"""The denoiser's behaviour at its ends, its memory, and the coding of latents."""

from __future__ import annotations

import numpy as np
import pytest

from comfy_notebook.embedded.nodes.analytic import latent_space
from comfy_notebook.embedded.nodes.analytic.guidance import Guidance
from comfy_notebook.embedded.nodes.analytic.model import AnalyticModel, within_range
from comfy_notebook.embedded.nodes.analytic.noise import Array, latent_noise
from comfy_notebook.embedded.nodes.analytic.preview import preview_jpeg
from comfy_notebook.embedded.nodes.analytic.words import tilts

SHAPE = (1, 4, 16, 16)


@pytest.fixture(scope="module")
def model() -> AnalyticModel:
    return AnalyticModel()


def entry(text: str, **options: object) -> tuple[Array, dict[str, object]]:
    return tilts(text)[None, None], dict(options)


def test_a_scene_is_its_own_estimate(model: AnalyticModel) -> None:
    scene = model.denoised(latent_noise(SHAPE, 5), 0.3, [tilts("castle")])[0]
    again = model.denoised(scene, 0.03, [tilts("")])[0]
    assert np.abs(again - scene).mean() < 0.03


def test_at_the_highest_noise_the_estimate_is_the_prompts_mean(model: AnalyticModel) -> None:
    noises = [latent_noise(SHAPE, seed) * 1e4 for seed in (1, 2)]
    one, other = (model.denoised(noise, 1e4, [tilts("desert")])[0] for noise in noises)
    assert one == pytest.approx(other, abs=0.02)


def test_a_batch_is_its_items(model: AnalyticModel) -> None:
    x = latent_noise((3, *SHAPE[1:]), 1) * 4
    whole = model.denoised(x, 4.0, [tilts("boat")])[0]
    assert (model.denoised(x[1:2], 4.0, [tilts("boat")])[0][0] == whole[1]).all()


@pytest.mark.slow
def test_only_the_last_sizes_are_kept(model: AnalyticModel) -> None:
    fresh = AnalyticModel()
    first = fresh.canvas(128, 128)
    assert fresh.canvas(128, 128) is first
    for width in (126, 127, 129):
        fresh.canvas(128, width)
    assert fresh.canvas(128, 128) is not first


def test_a_latent_too_large_is_refused(model: AnalyticModel) -> None:
    with pytest.raises(MemoryError, match="more than this model draws"):
        model.canvas(2048, 2048)


def test_guidance_is_the_difference_of_two_real_predictions(model: AnalyticModel) -> None:
    x = latent_noise(SHAPE, 3) * 2
    guidance = Guidance(model, SHAPE)
    positive, negative = [entry("house")], [entry("tree")]
    wanted, unwanted = (model.denoised(x, 2.0, [tilts(word)])[0] for word in ("house", "tree"))
    guided = guidance.guided(x, 2.0, positive, negative, 3.0)
    assert guided == pytest.approx(within_range(unwanted + 3 * (wanted - unwanted)), abs=1e-5)
    assert guidance.guided(x, 2.0, positive, negative, 1.0) == pytest.approx(wanted, abs=1e-6)


def test_combined_conditionings_are_averaged_by_strength(model: AnalyticModel) -> None:
    x = latent_noise(SHAPE, 3) * 2
    both = [entry("house", strength=3.0), entry("tree")]
    house, tree = (model.denoised(x, 2.0, [tilts(word)])[0] for word in ("house", "tree"))
    assert Guidance(model, SHAPE).predict(x, 2.0, [both])[0] == pytest.approx(
        (3 * house + tree) / 4, abs=1e-5
    )


def test_an_area_has_a_scene_of_its_own(model: AnalyticModel) -> None:
    x = latent_noise(SHAPE, 3) * 2
    area = [entry("desert", area=(8, 16, 8, 0))]
    (found,) = Guidance(model, SHAPE).predict(x, 2.0, [area])
    (alone,) = model.denoised(np.ascontiguousarray(x[:, :, 8:]), 2.0, [tilts("desert")])
    assert found[:, :, 8:] == pytest.approx(alone, abs=1e-5)
    assert (found[:, :, :8] == 0).all()


def test_a_masked_conditioning_counts_where_its_mask_is_white(model: AnalyticModel) -> None:
    x = latent_noise(SHAPE, 3) * 2
    mask = np.zeros((1, 128, 128), np.float32)
    mask[:, :, 64:] = 1
    both = [entry("night", mask=mask), entry("day", mask=1 - mask)]
    (found,) = Guidance(model, SHAPE).predict(x, 2.0, [both])
    night, day = (model.denoised(x, 2.0, [tilts(word)])[0] for word in ("night", "day"))
    assert found[..., :7] == pytest.approx(day[..., :7], abs=1e-5)
    assert found[..., 9:] == pytest.approx(night[..., 9:], abs=1e-5)


def test_as_many_masks_as_there_are_items_count(model: AnalyticModel) -> None:
    x = latent_noise(SHAPE, 3)
    masks = np.stack([np.ones((128, 128), np.float32), np.zeros((128, 128), np.float32)])
    (found,) = Guidance(model, SHAPE).predict(x, 2.0, [[entry("night", mask=masks)]])
    assert found == pytest.approx(model.denoised(x, 2.0, [tilts("night")])[0], abs=1e-5)


def test_a_time_range_limits_a_conditioning(model: AnalyticModel) -> None:
    x = latent_noise(SHAPE, 3)
    late = [entry("house", start_percent=0.5, end_percent=1.0)]
    guidance = Guidance(model, SHAPE)
    assert (guidance.predict(x, 10.0, [late])[0] == 0).all()
    assert (guidance.predict(x, 0.5, [late])[0] != 0).any()


def picture() -> Array:
    """A disc on a gradient, with a sharp edge and soft shades."""
    y, x = np.mgrid[0:96, 0:128].astype(np.float32)
    sky = np.stack([y / 96, 0.5 + 0 * y, 1 - y / 96], axis=-1)
    inside = ((x - 70) ** 2 + (y - 40) ** 2 < 28**2)[..., None]
    return np.where(inside, np.float32([0.9, 0.8, 0.2]), sky)[None].astype(np.float32)


def test_a_picture_comes_back_recognisable() -> None:
    pixels = picture()
    back = latent_space.decode(latent_space.encode(pixels))
    assert back.shape == pixels.shape
    assert back.min() >= 0 and back.max() <= 1  # noqa: PT018
    assert -10 * np.log10(((back - pixels) ** 2).mean()) > 27


def test_a_picture_too_large_is_refused_before_it_is_made() -> None:
    with pytest.raises(MemoryError, match="refused"):
        latent_space.decode(np.broadcast_to(np.float32(0), (1, 4, 2048, 2048)))


def test_the_fourth_channel_tells_sharp_from_soft() -> None:
    latent = latent_space.encode(picture())
    assert latent.shape == (1, 4, 12, 16)
    edge, sky = latent[0, 3, 5, 5], latent[0, 3, 10, 1]
    assert edge > sky


def test_colours_are_coded_without_loss() -> None:
    rgb = np.random.RandomState(0).rand(3, 5, 7).astype(np.float32)
    latent = np.concatenate([latent_space.from_rgb(rgb), np.zeros((1, 5, 7), np.float32)])
    assert latent_space.to_rgb(latent) == pytest.approx(rgb, abs=1e-6)


def test_previews_are_jpegs_512_long() -> None:
    assert preview_jpeg(np.zeros((2, 4, 8, 16), np.float32)).startswith(b"\xff\xd8\xff")
