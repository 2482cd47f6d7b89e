"""What the image nodes do, on pictures small enough to be checked by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .kit import Bench, Folder, run

BENCH = Bench(Folder(Path()))


def one(class_type: str, **inputs: Any) -> np.ndarray:
    return run(BENCH, class_type, **inputs)[0]


def grey(*rows: Any) -> np.ndarray:
    """An image of one batch with three equal channels."""
    return np.repeat(np.array(rows, np.float32)[None, ..., None], 3, axis=-1)


def flat(value: float, height: int = 4, width: int = 6, channels: int = 3, batch: int = 1) -> np.ndarray:
    return np.full((batch, height, width, channels), value, np.float32)


def cells(image: np.ndarray) -> list[list[float]]:
    """The first channel of the first image, or a mask's first."""
    first = image[0, ..., 0] if image.ndim == 4 else image[0]
    return np.round(first.astype(float), 4).tolist()


@pytest.mark.parametrize(
    ("width", "height", "shape"), [(0, 0, (4, 6)), (3, 0, (2, 3)), (0, 8, (8, 12)), (5, 5, (5, 5))]
)
def test_a_side_of_zero_keeps_the_aspect(width: int, height: int, shape: tuple[int, int]) -> None:
    scaled = one(
        "ImageScale", image=flat(0.5), upscale_method="area", width=width, height=height, crop="disabled"
    )
    assert scaled.shape == (1, *shape, 3)


def test_center_crop_cuts_what_does_not_fit_the_aspect() -> None:
    image = grey([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4])
    options = {"upscale_method": "nearest-exact", "width": 2, "height": 2}
    assert cells(one("ImageScale", image=image, crop="center", **options)) == [[0.2, 0.3]] * 2
    assert cells(one("ImageScale", image=image, crop="disabled", **options)) == [[0.2, 0.4]] * 2


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_a_size_without_pixels_is_an_error(method: str) -> None:
    """PyTorch's, or PIL's where the work is PIL's."""
    error, words = (ValueError, "> 0") if method == "lanczos" else (RuntimeError, "greater than 0")
    with pytest.raises(error, match=words):
        one("ImageScaleBy", image=flat(0.5), upscale_method=method, scale_by=0.01)
    with pytest.raises(error, match=words):
        one("ImageScaleToMaxDimension", image=flat(0.5), upscale_method=method, largest_size=0)


def test_scaling_to_pixels_and_to_the_longer_side() -> None:
    image = flat(0.5, 50, 100)
    assert one("ImageScaleToTotalPixels", image=image, upscale_method="area", megapixels=0.01).shape[1:3] == (
        72,
        145,
    )
    longest = {"upscale_method": "bilinear", "largest_size": 30}
    assert one("ImageScaleToMaxDimension", image=image, **longest).shape[1:3] == (15, 30)
    assert one("ImageScaleToMaxDimension", image=flat(0.5, 9, 3), **longest).shape[1:3] == (30, 10)


def test_resize_and_pad_fills_with_bars() -> None:
    padded = one(
        "ResizeAndPadImage",
        image=flat(0.5, 2, 4),
        target_width=4,
        target_height=4,
        padding_color="white",
        interpolation="area",
    )
    assert cells(padded) == [[1] * 4, [0.5] * 4, [0.5] * 4, [1] * 4]


def test_what_shrinks_to_nothing_is_all_bars() -> None:
    """A column 17 high, averaged into one row of 8, has no width left: ComfyUI pads the empty picture."""
    sizes = {"target_width": 8, "target_height": 1, "padding_color": "white"}
    assert cells(one("ResizeAndPadImage", image=flat(0.5, 17, 1), interpolation="area", **sizes)) == [[1] * 8]
    with pytest.raises(RuntimeError, match="greater than 0"):
        one("ResizeAndPadImage", image=flat(0.5, 17, 1), interpolation="bilinear", **sizes)


def test_lanczos_makes_black_of_a_crop_without_rows() -> None:
    wide = {"width": 128, "height": 2, "upscale_method": "lanczos", "crop": "center"}
    black = one("ImageScale", image=flat(0.5, 4, 13), **wide)
    assert black.shape == (1, 2, 128, 3)
    assert not black.any()


def test_crop_stays_inside() -> None:
    image = grey([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    assert cells(one("ImageCrop", image=image, width=2, height=1, x=1, y=1)) == [[0.5, 0.6]]
    assert cells(one("ImageCrop", image=image, width=9, height=9, x=50, y=50)) == [[0.6]]


def test_turning() -> None:
    image = grey([0.1, 0.2], [0.3, 0.4])
    assert cells(one("ImageFlip", image=image, flip_method="x-axis: vertically")) == [[0.3, 0.4], [0.1, 0.2]]
    assert cells(one("ImageFlip", image=image, flip_method="y-axis: horizontally")) == [
        [0.2, 0.1],
        [0.4, 0.3],
    ]
    turned = {
        name: cells(one("ImageRotate", image=image, rotation=name)) for name in ("90 degrees", "180 degrees")
    }
    assert turned == {"90 degrees": [[0.3, 0.1], [0.4, 0.2]], "180 degrees": [[0.4, 0.3], [0.2, 0.1]]}
    assert cells(one("ImageRotate", image=image, rotation="270 degrees")) == [[0.2, 0.4], [0.1, 0.3]]
    assert cells(one("ImageRotate", image=image, rotation="none")) == cells(image)


def test_outpainting_pads_with_grey_and_feathers_only_the_padded_sides() -> None:
    canvas, mask = run(
        BENCH, "ImagePadForOutpaint", image=flat(1, 6, 8), left=2, top=0, right=0, bottom=0, feathering=2
    )
    assert cells(canvas)[0] == [0.5, 0.5] + [1] * 8
    assert mask.shape == (1, 6, 10)
    assert cells(mask)[0] == [1, 1, 1, 0.25, 0, 0, 0, 0, 0, 0]
    _, hard = run(
        BENCH, "ImagePadForOutpaint", image=flat(1, 4, 8), left=2, top=0, right=0, bottom=0, feathering=2
    )
    assert cells(hard)[0] == [1, 1] + [0] * 8


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", 0.8),
        ("multiply", 0.2),
        ("screen", 0.85),
        ("overlay", 0.4),
        ("soft_light", 0.25 + 0.6 * (0.5 - 0.25)),
        ("difference", 0.0),
    ],
)
def test_blend_modes(mode: str, expected: float) -> None:
    blended = one("ImageBlend", image1=flat(0.25), image2=flat(0.8), blend_factor=1.0, blend_mode=mode)
    assert blended.ravel() == pytest.approx(expected, abs=1e-6)
    half = one("ImageBlend", image1=flat(0.25), image2=flat(0.8), blend_factor=0.5, blend_mode=mode)
    unclipped = 0.25 - 0.8 if mode == "difference" else expected
    assert half.ravel() == pytest.approx(max(0, (unclipped + 0.25) / 2), abs=1e-6)


def test_blending_fits_the_second_image_to_the_first() -> None:
    blended = one(
        "ImageBlend", image1=flat(0.2), image2=flat(0.8, 9, 9, 4), blend_factor=0.5, blend_mode="normal"
    )
    assert blended.shape == (1, 4, 6, 3)
    assert blended.ravel() == pytest.approx(0.5, abs=1e-5)
    with pytest.raises(RuntimeError, match="4 channels and the second 3"):
        one(
            "ImageBlend",
            image1=flat(0.2, channels=4),
            image2=flat(0.8),
            blend_factor=0.5,
            blend_mode="normal",
        )


def test_pasting_cuts_what_sticks_out() -> None:
    options = {"destination": flat(0), "source": flat(1, 2, 2), "resize_source": False}
    assert cells(one("ImageCompositeMasked", x=5, y=3, **options))[3] == [0, 0, 0, 0, 0, 1]
    assert not one("ImageCompositeMasked", x=6, y=0, **options).any()
    half = np.full((1, 8, 8), 0.25, np.float32)
    assert one("ImageCompositeMasked", x=1, y=1, mask=half, **options)[0, 1, 1].tolist() == [0.25] * 3
    whole = one("ImageCompositeMasked", x=0, y=0, **{**options, "resize_source": True})
    assert whole.min() == 1


def test_a_short_batch_is_repeated_when_pasted() -> None:
    source = np.stack([flat(1, 2, 2)[0], flat(0.5, 2, 2)[0]])
    pasted = one(
        "ImageCompositeMasked", destination=flat(0, batch=3), source=source, x=0, y=0, resize_source=False
    )
    assert pasted[:, 0, 0, 0].tolist() == [1, 0.5, 1]


def test_nothing_is_written_to_what_a_node_was_given() -> None:
    image, mask = flat(0.25), np.full((1, 4, 6), 0.5, np.float32)
    for array in (image, mask):
        array.flags.writeable = False
    one("ImageCompositeMasked", destination=image, source=image, x=1, y=1, resize_source=True, mask=mask)
    one("MaskComposite", destination=mask, source=mask, x=1, y=1, operation="add")
    one("FeatherMask", mask=mask, left=2, top=2, right=2, bottom=2)
    one("GrowMask", mask=mask, expand=2, tapered_corners=True)
    one("ImageSharpen", image=image, sharpen_radius=1, sigma=1.0, alpha=1.0)
    one(
        "ImageStitch",
        image1=image,
        image2=image,
        direction="right",
        match_image_size=False,
        spacing_width=2,
        spacing_color="red",
    )
    assert (image == 0.25).all()
    assert (mask == 0.5).all()


@pytest.mark.parametrize(
    ("node", "options"),
    [
        ("ImageInvert", {}),
        ("ImageScale", {"upscale_method": "bicubic", "width": 9, "height": 0, "crop": "center"}),
        ("ImageScale", {"upscale_method": "lanczos", "width": 9, "height": 0, "crop": "center"}),
        ("ImageBlur", {"blur_radius": 1, "sigma": 1.0}),
        ("ImageSharpen", {"sharpen_radius": 1, "sigma": 1.0, "alpha": 0.3}),
        ("ImageAddNoise", {"seed": 1, "strength": 0.3}),
        ("ImageQuantize", {"colors": 4, "dither": "bayer-4"}),
        ("Morphology", {"operation": "gradient", "kernel_size": 3}),
        ("ImageRGBToYUV", {}),
        ("SplitImageWithAlpha", {}),
        ("ImagePadForOutpaint", {"left": 8, "top": 8, "right": 0, "bottom": 0, "feathering": 1}),
    ],
)
def test_values_stay_float32(node: str, options: dict[str, Any]) -> None:
    assert all(value.dtype == np.float32 for value in run(BENCH, node, image=flat(0.5), **options))


@pytest.mark.parametrize("mode", ["overlay", "soft_light", "screen"])
def test_blends_stay_float32(mode: str) -> None:
    blended = one("ImageBlend", image1=flat(0.25), image2=flat(0.8), blend_factor=0.3, blend_mode=mode)
    assert blended.dtype == np.float32


@pytest.mark.parametrize("mode", ["normal", "multiply"])
def test_one_image_blends_with_each_of_a_batch(mode: str) -> None:
    single, three = flat(0.25), flat(0.5, batch=3)
    for one_, other in ((single, three), (three, single)):
        blended = one("ImageBlend", image1=one_, image2=other, blend_factor=0.5, blend_mode=mode)
        assert blended.shape == three.shape


def test_alpha_taken_off_and_put_on() -> None:
    image, mask = run(BENCH, "SplitImageWithAlpha", image=flat(0.25, channels=4))
    assert (image.shape, mask.ravel()[0]) == ((1, 4, 6, 3), 0.75)
    _, none = run(BENCH, "SplitImageWithAlpha", image=flat(0.25))
    assert not none.any()
    joined = one("JoinImageWithAlpha", image=flat(0.25, batch=2), alpha=np.full((3, 8, 8), 0.25, np.float32))
    assert joined.shape == (2, 4, 6, 4)
    assert joined[..., 3].ravel() == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("mode", "alpha", "colour"),
    [
        ("SRC", 0.5, 0.2),
        ("DST", 0.25, 0.8),
        ("CLEAR", 0, 0),
        ("ADD", 0.75, 0.3 / 0.75),
        ("SRC_OVER", 0.625, (0.1 + 0.5 * 0.2) / 0.625),
        ("DST_OVER", 0.625, (0.2 + 0.75 * 0.1) / 0.625),
        ("SRC_IN", 0.125, 0.2),
        ("DST_IN", 0.125, 0.8),
        ("SRC_OUT", 0.375, 0.2),
        ("DST_OUT", 0.125, 0.8),
        ("SRC_ATOP", 0.25, (0.25 * 0.1 + 0.5 * 0.2) / 0.25),
        ("DST_ATOP", 0.5, (0.5 * 0.2 + 0.75 * 0.1) / 0.5),
        ("XOR", 0.5, (0.75 * 0.1 + 0.5 * 0.2) / 0.5),
        ("MULTIPLY", 0.125, 0.02 / 0.125),
        ("SCREEN", 0.625, 0.28 / 0.625),
        ("DARKEN", 0.625, (0.075 + 0.1 + 0.1) / 0.625),
        ("LIGHTEN", 0.625, (0.075 + 0.1 + 0.2) / 0.625),
        ("OVERLAY", 0.625, (0.125 - 2 * 0.15 * 0.3) / 0.625),
    ],
)
def test_porter_duff(mode: str, alpha: float, colour: float) -> None:
    """Source 0.2 at alpha 0.5 (0.1 premultiplied), destination 0.8 at alpha 0.25 (0.2)."""
    image, mask = run(
        BENCH,
        "PorterDuffImageComposite",
        source=flat(0.2),
        source_alpha=np.full((1, 4, 6), 0.5, np.float32),
        destination=flat(0.8),
        destination_alpha=np.full((1, 4, 6), 0.75, np.float32),
        mode=mode,
    )
    assert mask.ravel() == pytest.approx(1 - alpha, abs=1e-6)
    assert image.ravel() == pytest.approx(colour, abs=1e-5)


def test_porter_duff_fits_all_to_the_destination() -> None:
    image, mask = run(
        BENCH,
        "PorterDuffImageComposite",
        source=flat(0.2, 9, 9),
        source_alpha=np.zeros((1, 64, 64), np.float32),
        destination=flat(0.8),
        destination_alpha=np.zeros((1, 64, 64), np.float32),
        mode="SRC",
    )
    assert (image.shape, mask.shape) == ((1, 4, 6, 3), (1, 4, 6))
    with pytest.raises(AssertionError):
        run(
            BENCH,
            "PorterDuffImageComposite",
            source=flat(0.2, channels=4),
            source_alpha=mask,
            destination=flat(0.8),
            destination_alpha=mask,
            mode="SRC",
        )


def test_batches() -> None:
    first, second = flat(0.1), flat(0.2, 8, 8, 4, batch=2)
    both = one("ImageBatch", image1=first, image2=second)
    assert both.shape == (3, 4, 6, 4)
    assert (both[0, ..., 3] == 1).all()
    assert len(one("ImageFromBatch", image=both, batch_index=1, length=9)) == 2
    assert len(one("ImageFromBatch", image=both, batch_index=99, length=1)) == 1
    assert one("RepeatImageBatch", image=both, amount=2).shape[0] == 6
    rebatched = run(BENCH, "RebatchImages", images=[both, first], batch_size=[3])
    assert [len(batch) for batch in rebatched[0]] == [3, 1]


def test_the_size_is_shown_and_handed_on() -> None:
    bench = Bench(Folder(Path()))
    assert run(bench, "GetImageSize", image=flat(0, 64, 96, batch=2)) == (96, 64, 2)
    assert bench.texts == ["width: 96, height: 64\n batch size: 2"]


def stitch(direction: str, match: bool, spacing: int = 0, colour: str = "white", **images: Any) -> np.ndarray:
    return one(
        "ImageStitch",
        direction=direction,
        match_image_size=match,
        spacing_width=spacing,
        spacing_color=colour,
        **images,
    )


def test_stitching() -> None:
    first, second = flat(0.25), flat(0.75, 2, 2)
    assert stitch("right", True, image1=first) is first
    assert stitch("right", True, image1=first, image2=second).shape == (1, 4, 10, 3)
    assert stitch("down", True, image1=first, image2=second).shape == (1, 10, 6, 3)
    left = stitch("left", False, 1, "red", image1=first, image2=second)
    assert left.shape == (1, 4, 2 + 2 + 6, 3)
    assert left[0, 0, 2].tolist() == [1, 0, 0]
    assert cells(left)[0] == [0, 0, 1, 1, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    assert cells(left)[1][:2] == [0.75, 0.75]
    up = stitch("up", False, image1=first, image2=second)
    assert cells(up)[0] == [1, 1, 0.75, 0.75, 1, 1]


def test_stitching_evens_out_batches_and_channels() -> None:
    joined = stitch("right", True, 2, "black", image1=flat(0.25, batch=3), image2=flat(0.75, channels=4))
    assert joined.shape == (3, 4, 6 + 2 + 6, 4)
    assert joined[2, 0, :, 3].tolist() == pytest.approx([1] * 8 + [0.75] * 6, abs=0.01)


def test_quantizing_leaves_few_colours() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1).repeat(3, axis=-1)
    for dither in ("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"):
        few = one("ImageQuantize", image=ramp, colors=4, dither=dither)
        assert len(np.unique(few)) <= 4, dither
        assert abs(few.mean() - ramp.mean()) < 0.1, dither
    with pytest.raises(RuntimeError, match="RGB"):
        one("ImageQuantize", image=flat(0.5, channels=4), colors=4, dither="none")


def test_quantizing_lets_what_is_beyond_white_go_round() -> None:
    """A bicubic's overshoot is not clipped here: 257/255 counts as 1/255, as in ComfyUI."""
    image = grey([257 / 255, 1.0], [-1 / 255, 0.5])
    few = one("ImageQuantize", image=image, colors=256, dither="none")
    assert (few[0, ..., 0] * 255).round().tolist() == [[1, 255], [255, 127]]


def test_noise_is_of_its_seed_alone() -> None:
    def noisy(seed: int, strength: float = 0.1) -> np.ndarray:
        return one("ImageAddNoise", image=flat(0.5, 64, 64), seed=seed, strength=strength)

    assert np.array_equal(noisy(7), noisy(7))
    assert not np.array_equal(noisy(7), noisy(8))
    assert noisy(7).std() == pytest.approx(0.1, rel=0.05)
    assert noisy(7, 0.0).std() == 0


def test_a_blur_wider_than_the_image_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="Padding size should be less"):
        one("ImageBlur", image=flat(0.5), blur_radius=4, sigma=1.0)


def test_yuv_takes_rgb_only() -> None:
    with pytest.raises(ValueError, match="3, H, W"):
        one("ImageRGBToYUV", image=flat(0.5, channels=4))
