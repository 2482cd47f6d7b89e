"""Every rule for turning pictures into arrays and back.

`normal` is the one place that says what a mode means. A result's `.array`, the picture on the page,
an uploaded picture and a mask all start from it, so they agree:

    mode                           becomes   by
    L, RGB, RGBA                   itself
    1                              L         black or white
    LA, La, PA, RGBa               RGBA      alpha that is not premultiplied
    P                              RGBA      when its palette has transparency, else RGB
    RGBX, CMYK, YCbCr, HSV, LAB    RGB       Pillow's conversion
    I;16 (any byte order), I       L         values of 0 to 65535, divided by 257
    F                              L         values of 0 to 1, times 255

EXIF orientation is applied. Of an animated picture the current frame is taken, which is the first
one unless `seek` was called. Values outside a mode's range are clipped in a picture that came from a
server; a picture to send is refused instead (`exact=True`), with the conversion to write.

Pillow and numpy are imported on first use.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import NoOutput, UploadRejected

if TYPE_CHECKING:
    import numpy
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    Array = numpy.ndarray[Any, Any]

_UNCHANGED = {"L", "RGB", "RGBA"}
_ALPHA = {"LA", "La", "PA", "RGBa"}
_ORIENTATION = 0x0112
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
LARGE = 50 * 2**20
"""Pixels from which a picture is decoded only when it is asked for, and shown reduced."""
LARGEST = 512 * 2**20
"""The most pixels of a picture that is decoded at all: 2 GB as RGBA."""
_opening = threading.Lock()
_ARRAYS = "H×W, H×W×1, H×W×3 or H×W×4"


def decode(data: bytes, label: str) -> Image:
    """An encoded picture in its own mode. Raises `NoOutput` that names it when it cannot be decoded.

    Pictures of up to `LARGEST` pixels are decoded, whatever Pillow's own limit is.
    """
    return _loaded(opened(data, label), data, label)


def reduced(data: bytes, label: str, side: int) -> Image:
    """The picture to look at, its longer side less than about twice `side`.

    Only the reduced picture is kept in memory. Raises `NoOutput` like `decode`.
    """
    file = opened(data, label)
    file.draft(None, (side, side))  # a JPEG is decoded at down to an eighth of its size
    image = _loaded(file, data, label)
    factor = max(image.width, image.height) // side
    return normal(image).reduce(factor) if factor > 1 else image


def is_large(data: bytes) -> bool:
    """Whether an encoded picture is too large to be decoded and kept only to be looked at."""
    size = dimensions(data)
    return size is not None and size[0] * size[1] > LARGE


def opened(data: bytes, label: str) -> ImageFile:
    """The picture with only its header read. Raises `NoOutput` when it is not one."""
    from PIL import Image

    _register_heif(data)
    try:
        with _opening:  # Pillow's limit belongs to the process; ours is checked by the callers
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                return Image.open(io.BytesIO(data))
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except Exception as error:
        raise _undecodable(data, label, error) from None


def _loaded(image: ImageFile, data: bytes, label: str) -> Image:
    if image.width * image.height > LARGEST:
        raise NoOutput(
            f"{label} is {image.width}×{image.height}; at most {LARGEST >> 20} megapixels are decoded here.",
            hint="Its bytes are in output.bytes.",
        )
    try:
        image.load()
    except Exception as error:
        raise _undecodable(data, label, error) from None
    return image


def _undecodable(data: bytes, label: str, error: Exception) -> NoOutput:
    kind = heif_kind(data)
    if kind is not None:
        return NoOutput(
            f"{label} is {kind} picture, which Pillow cannot decode here.",
            hint="Install pillow-heif (pip install pillow-heif) and try again.",
        )
    return NoOutput(
        f"{label} is not a picture that can be decoded here ({type(error).__name__}).",
        hint="Its bytes are in output.bytes.",
    )


def heif_kind(data: bytes) -> str | None:
    """ "a HEIC" or "an AVIF" for the bytes of one, else None."""
    if data[4:8] != b"ftyp":
        return None
    brand = data[8:12]
    return "an AVIF" if brand in (b"avif", b"avis") else "a HEIC" if brand in _HEIC else None


def _register_heif(data: bytes) -> None:
    """Let Pillow decode HEIC, and AVIF where it does not itself, when pillow-heif is installed."""
    if heif_kind(data) is not None:
        with contextlib.suppress(ImportError):
            pillow_heif = import_module("pillow_heif")
            pillow_heif.register_heif_opener()
            with contextlib.suppress(AttributeError):  # newer versions leave AVIF to Pillow
                pillow_heif.register_avif_opener()


def normal(image: Image, *, exact: bool = False) -> Image:
    """The picture upright in mode L, RGB or RGBA, 8 bits a channel.

    With `exact`, raises `UploadRejected` for values that would be clipped.
    """
    image = _upright(image)
    mode = image.mode
    if mode in _UNCHANGED:
        return image
    if mode == "1":
        return image.convert("L")
    if mode == "La":
        image = image.convert("LA")
    if mode in _ALPHA or (mode == "P" and _transparent(image)):
        return image.convert("RGBA")
    if mode == "I" or mode.startswith("I;16"):
        return _from_16_bits(image, exact)
    if mode == "F":
        return _from_floats(image, exact)
    return image.convert("RGB")


def to_array(image: Image) -> Array:
    """A PIL image as uint8, (H, W, C); C is 1 for grey, 3 for RGB and 4 for RGBA."""
    import numpy

    array = numpy.array(normal(image))
    return array[..., None] if array.ndim == 2 else array


def from_array(value: Any) -> Image:
    """An array as a PIL image in mode L, RGB or RGBA.

    Takes H×W, H×W×1, H×W×3 or H×W×4 (or a batch of one) of bool, uint8, float from 0 to 1, uint16
    from 0 to 65535, or another integer type from 0 to 255; from numpy or anything that converts to
    it, such as a torch tensor. Raises `UploadRejected` for anything else.
    """
    import numpy
    from PIL import Image

    if callable(getattr(value, "detach", None)):  # a torch tensor, possibly on a GPU
        value = value.detach().cpu()
    array = numpy.asarray(value)
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        raise UploadRejected(
            f"An array of shape {'×'.join(map(str, array.shape)) or 'zero'} is not a picture.",
            hint=_shape_hint(array.shape),
        )
    return Image.fromarray(numpy.ascontiguousarray(_to_uint8(array)))


def to_png(image: Image) -> bytes:
    """The PNG to upload: the pixels as RGB or RGBA, without text, profile or orientation.

    Grey is sent as RGB because ComfyUI decodes grey PNGs up to one level off, and RGB exactly.
    Raises `UploadRejected` for values outside the mode's range.
    """
    from PIL import Image

    image = normal(image, exact=True)
    if image.mode == "L":
        image = image.convert("RGB")
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "PNG", compress_level=4)
    return out.getvalue()


def to_mask(image: Image) -> Image:
    """A mask in mode L: the picture's brightness, white where to repaint.

    A picture of one colour with transparency is read as the ComfyUI editor's masks are: by its
    alpha, transparent where to repaint. Raises `UploadRejected` for values outside the mode's range.
    """
    image = normal(image, exact=True)
    grey = image.convert("L")
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        low, high = grey.getextrema()
        if low == high and alpha.getextrema() != (255, 255):
            return alpha.point(lambda value: 255 - value)
    return grey


def dimensions(data: bytes) -> tuple[int, int] | None:
    """(width, height) of an encoded picture, or None when it is not one."""
    try:
        with opened(data, "") as image:
            return image.width, image.height
    except NoOutput:
        return None


def is_pil(value: Any) -> bool:
    """Whether it is a PIL image; does not import PIL."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def is_array(value: Any) -> bool:
    """Whether it is an array or converts to one (torch, jax); does not import numpy."""
    return hasattr(value, "__array__") and hasattr(value, "shape")


def _upright(image: Image) -> Image:
    """The picture turned and mirrored as its EXIF orientation says; damaged EXIF says nothing."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return image
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _transparent(image: Image) -> bool:
    palette = image.palette.mode if image.palette is not None else ""
    return "transparency" in image.info or palette.endswith("A")


def _from_16_bits(image: Image, exact: bool) -> Image:
    import numpy
    from PIL import Image as pil

    values = numpy.asarray(image)
    if exact and image.mode == "I":
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise UploadRejected(
                f"A picture of mode I holds 0 to 65535; this one holds {low} to {high}.",
                hint=f"Scale it to 8 bits first: Image.fromarray((numpy.asarray(image).clip(0) "
                f"/ {max(high, 1)} * 255).astype('uint8')).",
            )
        if 0 < high <= 255:
            raise UploadRejected(
                f"A picture of mode I holds 0 to 65535; this one holds {low} to {high}, almost black.",
                hint="If its values are 0 to 255, send image.convert('L').",
            )
    return pil.fromarray((values.clip(0, 65535) // 257).astype(numpy.uint8))


def _from_floats(image: Image, exact: bool) -> Image:
    import numpy
    from PIL import Image as pil

    values = numpy.asarray(image)
    if exact:
        _check_floats(values, "A picture of mode F", "Divide it by 255: image.point(lambda v: v / 255).")
    return pil.fromarray(_floats_to_uint8(values))


def _floats_to_uint8(values: Array) -> Array:
    import numpy

    found: Array = (numpy.nan_to_num(values).clip(0, 1) * 255 + 0.5).astype(numpy.uint8)
    return found


def _check_floats(values: Array, what: str, conversion: str) -> None:
    low, high = float(values.min()), float(values.max())
    if not (low >= -0.001 and high <= 1.001):
        raise UploadRejected(f"{what} holds 0 to 1; this one holds {low:.4g} to {high:.4g}.", hint=conversion)


def _to_uint8(array: Array) -> Array:
    import numpy

    if array.dtype == numpy.uint8:
        return array
    if array.dtype == bool:
        return array.astype(numpy.uint8) * 255
    if numpy.issubdtype(array.dtype, numpy.floating):
        _check_floats(array, "A float array", "Divide it by 255, or convert it: array.astype('uint8').")
        return _floats_to_uint8(array)
    if not numpy.issubdtype(array.dtype, numpy.integer):
        raise UploadRejected(
            f"An array of {array.dtype} is not a picture.", hint="Use uint8, or float 0 to 1."
        )
    low, high = int(array.min()), int(array.max())
    if array.dtype == numpy.uint16 and (high > 255 or high == 0):
        found: Array = (array // 257).astype(numpy.uint8)
        return found
    if array.dtype == numpy.uint16:
        raise UploadRejected(
            f"An array of uint16 holds 0 to 65535; this one holds {low} to {high}, almost black.",
            hint="If its values are 0 to 255, send array.astype('uint8').",
        )
    if low < 0 or high > 255:
        sixteen = low >= 0 and high <= 65535
        raise UploadRejected(
            f"An array of {array.dtype} with values beyond 0–255 is not a picture; "
            f"this one holds {low} to {high}.",
            hint="For 16-bit values send array.astype('uint16')." if sixteen else "Scale it to 0–255 first.",
        )
    return array.astype(numpy.uint8)


def _shape_hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return "Its channels stand first: send array.transpose(1, 2, 0)."
    if len(shape) == 4:
        return f"Pictures are {_ARRAYS}; send one picture of the batch at a time."
    return f"Pictures are {_ARRAYS}."
