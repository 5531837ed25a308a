"""Decodes one image file that nobody vouches for into grey pixels of a fixed size."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.paths import is_file
from hangtag.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_FILE_BYTES = 20_000_000
MAX_PIXELS = 50_000_000

_FORMATS = ("JPEG", "PNG", "WEBP")
_DRAFT_FACTOR = 4
"""A JPEG is decoded at reduced scale, but never below this many times the size asked for."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image as pixels.

    Attributes:
        pixels: Grey values, (H, W) uint8, 0 black to 255 white.
        resized: Whether the image had another size and was fitted and centred.
    """

    pixels: NDArray[np.uint8]
    resized: bool


def decode_grey(
    source: Path | bytes, *, size: tuple[int, int], name: str = "the image"
) -> DecodedImage:
    """Decodes a JPEG, PNG or WebP to grey pixels of `size`, (height, width) in pixels.

    A grey image of that size is returned bit for bit. Otherwise the image is turned upright as
    its EXIF says, composited on black where it is transparent, turned grey (ITU-R 601 luma),
    scaled by the Lanczos filter to fit while keeping its aspect, and centred on black. Of an
    animation the first frame counts; 16 bits a pixel are reduced to 8.

    Args:
        source: The path of a file, or its bytes.
        size: Height and width of the result.
        name: What an error calls an image that is given as bytes.

    Raises:
        DataError: The file is missing, empty, over 20 MB or 50 megapixels, in another format,
            or damaged. The message names the file and the reason.
    """
    if isinstance(source, Path):
        name, source = str(source), _read_file(source)
    if not source:
        raise DataError(f"{name} is empty (0 bytes); expected a JPEG, PNG or WebP image")
    if len(source) > MAX_FILE_BYTES:
        raise DataError(
            f"{name} is over {MAX_FILE_BYTES // 1_000_000} MB, the most that is read; "
            "save it smaller"
        )
    with warnings.catch_warnings():
        # Pillow warns about what is refused below (bombs) or harmless here (odd metadata).
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            return _decode(source, size)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        except Exception as error:
            # Decoders meet hostile bytes and raise nearly anything, from OSError to struct.error.
            raise DataError(f"{name}: {_explain(error)}") from error


def _read_file(path: Path) -> bytes:
    try:
        if not is_file(path):
            raise DataError(f"{path}: no such image file; check the path")
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _decode(content: bytes, size: tuple[int, int]) -> DecodedImage:
    from PIL import Image, ImageOps

    height, width = size
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(
                f"is {image.width}x{image.height} pixels; expected at most "
                f"{MAX_PIXELS // 1_000_000} megapixels; save it smaller"
            )
        least = _DRAFT_FACTOR * max(size)
        image.draft(image.mode, (least, least))
        upright = ImageOps.exif_transpose(image)
        grey = _turn_grey(upright)
    resized = grey.size != (width, height)
    if resized:
        grey = _fit(grey, size)
    return DecodedImage(np.array(grey, dtype=np.uint8), resized)


def _turn_grey(image: "Image") -> "Image":
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray(_reduce_to_8_bits(np.asarray(image)))
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return image.convert("L")


def _reduce_to_8_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Maps 0-65535 to 0-255, rounding to the nearest."""
    wide = np.clip(values.astype(np.int64), 0, 65535)
    return ((wide + 128) // 257).astype(np.uint8)


def _fit(grey: "Image", size: tuple[int, int]) -> "Image":
    from PIL import Image

    height, width = size
    scale = min(width / grey.width, height / grey.height)
    fitted = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    small = grey.resize(fitted, Image.Resampling.LANCZOS, reducing_gap=3.0)
    canvas = Image.new("L", (width, height), 0)
    canvas.paste(small, ((width - fitted[0]) // 2, (height - fitted[1]) // 2))
    return canvas


def _explain(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "is not a JPEG, PNG or WebP image; convert it to one of these"
    if isinstance(error, Image.DecompressionBombError):
        return f"is over {MAX_PIXELS // 1_000_000} megapixels; save it smaller"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"is damaged and cannot be decoded ({reason}); get the image again"
