"""Decodes one untrusted image: a file, its bytes, or an array of pixels."""

import gc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ImageError
from hangtag.images.colour import fit_colour, is_grey, to_colour
from hangtag.images.limits import require_size
from hangtag.images.mending import Damage
from hangtag.images.photo_to_grey import prepare_photo
from hangtag.images.reading import explain_failure, open_image
from hangtag.images.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

ImageInput = str | Path | bytes | NDArray[np.uint8]
"""An image that is not decoded yet: the path of a file, the bytes of one, or pixels of any size,
(H, W) or (H, W, 1) in grey, (H, W, 3) in colour, (H, W, 4) with opacity."""

_DRAFT_FACTOR, _COLOUR_DRAFT_FACTOR = 20, 1.75
"""A JPEG is decoded at a reduced scale, its longest side never below this many times the size."""


_LARGE = 1 << 24
"""Pixels of an image whose memory is given back at once."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image as pixels.

    Attributes:
        pixels: Grey values, (H, W) uint8, 0 black to 255 white; in colour (H, W, 3).
        resized: Whether the image had another size.
        damage: What was wrong with its file, though no pixel is missing.
    """

    pixels: NDArray[np.uint8]
    resized: bool
    damage: Damage | None = None


def decode_image(
    image: ImageInput,
    spec: ImageSpec,
    *,
    grey_spec: ImageSpec | None = None,
    name: str = "the image",
) -> DecodedImage:
    """Decodes an image file, or resizes pixels, to the size and channels of `spec`.

    JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF are read, HEIC where pillow-heif is installed. A file
    is turned upright as its EXIF says. Of an animation or of pages the first counts; 16 bits a
    pixel become 8. To grey an image becomes by `prepare_photo`, to colour by `fit_colour`. Pixels
    become what a file of the same pixels becomes; but grey pixels that have the size already stay
    what they are, whatever their background.

    Args:
        image: A path, the bytes of a file, or pixels.
        spec: Size and channels of the result.
        grey_spec: Images of this size without colour stay grey and of this size.
        name: What an error calls an image that has no path.

    Raises:
        ImageError: As `open_image` says.
    """
    if isinstance(image, np.ndarray):
        return _decode_array(image, spec, grey_spec)
    factor = _DRAFT_FACTOR if spec.channels == 1 else _COLOUR_DRAFT_FACTOR
    with open_image(image, factor * max(spec.size), name) as opened:
        decoded = replace(_resize(opened.image, spec, grey_spec), damage=opened.damage)
        large = opened.image.width * opened.image.height > _LARGE
    if large:
        del opened
        gc.collect()  # Some decoders refer to themselves, and would last beside the next image.
    return decoded


def to_array(image: "Image") -> NDArray[np.uint8]:
    """Returns an image of Pillow, turned upright as its EXIF says, as pixels.

    Returns:
        (H, W) uint8 where it has no colour, else (H, W, 3), or (H, W, 4) where some of it is
        transparent; 16 bits become 8.

    Raises:
        ImageError: It is not decoded yet and damaged, or too large.
    """
    from PIL import ImageOps

    try:
        require_size(*image.size, name="the image")
        upright = ImageOps.exif_transpose(image)
        return np.array(upright if upright.mode == "L" else to_colour(upright))
    except ImageError:
        raise
    except Exception as error:  # Decoders meet hostile bytes and raise nearly anything.
        error_kind, reason = explain_failure(error)
        raise ImageError(f"the image {reason}", error_kind=error_kind) from error


def _decode_array(
    pixels: NDArray[np.uint8], spec: ImageSpec, grey_spec: ImageSpec | None
) -> DecodedImage:
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        grey = spec if spec.channels == 1 else grey_spec
        if grey is not None and pixels.shape == grey.size:
            return DecodedImage(pixels, resized=False)
    return _resize(Image.fromarray(pixels), spec, grey_spec)


def _resize(image: "Image", spec: ImageSpec, grey_spec: ImageSpec | None) -> DecodedImage:
    size = image.height, image.width
    if spec.channels == 1:
        return DecodedImage(prepare_photo(image, spec), size != spec.size)
    if grey_spec is not None and size == grey_spec.size and is_grey(image):
        return DecodedImage(prepare_photo(image, grey_spec), resized=False)
    return DecodedImage(fit_colour(image, spec), size != spec.size)


def read_image(source: str | Path | bytes, spec: ImageSpec, *, name: str = "the image") -> "Image":
    """Returns an image file as an image of Pillow, upright as its EXIF says.

    Args:
        source: The path of a file, or its bytes.
        spec: Size that it will be scaled to: a JPEG over twenty times as large is decoded at a
            reduced scale.
        name: What an error calls an image that is given as bytes.

    Raises:
        ImageError: As `open_image` says.
    """
    with open_image(source, _DRAFT_FACTOR * max(spec.size), name) as opened:
        return opened.image
