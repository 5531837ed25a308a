"""Decodes one image file that nobody vouches for into grey or colour pixels of a fixed size."""

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.colour import fit_colour
from hangtag.catalogue.faults import Fault
from hangtag.catalogue.paths import is_file
from hangtag.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_FILE_BYTES = 20_000_000
MAX_PIXELS = 50_000_000

_FORMATS = ("JPEG", "PNG", "WEBP")
_STARTS = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP", re.DOTALL)
"""How files of these formats begin."""

_STRIP_ROWS = 256
_DRAFT_FACTOR = 4
"""A JPEG is decoded at reduced scale, but never below this many times the size asked for."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image as pixels.

    Attributes:
        pixels: Grey values, (H, W) uint8, 0 black to 255 white; in colour (H, W, 3).
        resized: Whether the image had another size and was fitted and centred.
    """

    pixels: NDArray[np.uint8]
    resized: bool


def decode_grey(
    source: Path | bytes, *, size: tuple[int, int], name: str = "the image"
) -> DecodedImage:
    """Decodes to grey pixels (H, W), as `decode_image` does."""
    return decode_image(source, size=size, name=name)


def decode_image(
    source: Path | bytes,
    *,
    size: tuple[int, int],
    channels: int = 1,
    name: str = "the image",
) -> DecodedImage:
    """Decodes a JPEG, PNG or WebP to pixels of `size`, (height, width) in pixels.

    A grey image of that size is returned bit for bit. Otherwise the image is turned upright as
    its EXIF says, composited on black where it is transparent, turned grey (ITU-R 601 luma),
    scaled by the Lanczos filter to fit while keeping its aspect, and centred on black. Of an
    animation the first frame counts; 16 bits a pixel are reduced to 8. In colour it is fitted as
    `hangtag.catalogue.colour` says.

    Args:
        source: The path of a file, or its bytes.
        size: Height and width of the result.
        channels: 1 for grey, 3 for colour.
        name: What an error calls an image that is given as bytes.

    Raises:
        ImageError: The file is missing, empty, over 20 MB or 50 megapixels, in another format,
            or damaged. The message names the file and the reason.
    """
    if isinstance(source, Path):
        name, source = str(source), _read_file(source)
    if not source:
        raise ImageError(
            f"{name} is empty (0 bytes); expected a JPEG, PNG or WebP image", fault=Fault.EMPTY
        )
    if len(source) > MAX_FILE_BYTES:
        raise ImageError(
            f"{name} is over {MAX_FILE_BYTES // 1_000_000} MB, the most that is read; "
            "save it smaller",
            fault=Fault.TOO_LARGE,
        )
    with warnings.catch_warnings():
        # Pillow warns about what is refused below (bombs) or harmless here (odd metadata).
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            return _decode(source, size, channels)
        except ImageError as error:
            raise ImageError(f"{name}: {error}", fault=error.fault) from error
        except Exception as error:
            # Decoders meet hostile bytes and raise nearly anything, from OSError to struct.error.
            fault, reason = _explain(error, source)
            raise ImageError(f"{name}: {reason}", fault=fault) from error


def _read_file(path: Path) -> bytes:
    try:
        if not is_file(path):
            raise ImageError(f"{path}: no such image file; check the path", fault=Fault.MISSING)
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ImageError(
            f"cannot read {path}: {error.strerror or error}", fault=Fault.UNREADABLE
        ) from error


def _decode(content: bytes, size: tuple[int, int], channels: int) -> DecodedImage:
    from PIL import Image, ImageOps

    height, width = size
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ImageError(
                f"is {image.width}x{image.height} pixels; expected at most "
                f"{MAX_PIXELS // 1_000_000} megapixels; save it smaller",
                fault=Fault.TOO_LARGE,
            )
        least = _DRAFT_FACTOR * max(size)
        image.draft(image.mode, (least, least))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # In place: a copy may take 200 MB.
        if channels == 3:
            pixels = fit_colour(_keep_8_bits(image), size)
            return DecodedImage(pixels, resized=image.size != (width, height))
        if image.size == (width, height):
            return DecodedImage(np.array(_turn_grey(image), dtype=np.uint8), resized=False)
        return DecodedImage(_fit_photo(image, size), resized=True)


def _fit_photo(image: "Image", size: tuple[int, int]) -> NDArray[np.uint8]:
    """The one place where an image that is not of the model's size becomes its pixels."""
    return np.array(_fit(_turn_grey(image), size), dtype=np.uint8)


def _turn_grey(image: "Image") -> "Image":
    """Turns an image grey, strip by strip: of what it is made of, only a strip is in memory."""
    from PIL import Image

    if image.height <= _STRIP_ROWS:
        return _turn_strip_grey(image)
    grey = Image.new("L", image.size)
    for top in range(0, image.height, _STRIP_ROWS):
        strip = (0, top, image.width, min(top + _STRIP_ROWS, image.height))
        grey.paste(_turn_strip_grey(image.crop(strip)), strip)
    return grey


def _turn_strip_grey(image: "Image") -> "Image":
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray(_reduce_to_8_bits(np.asarray(image)))
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return image.convert("L")


def _keep_8_bits(image: "Image") -> "Image":
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(_reduce_to_8_bits(np.asarray(image)))


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


def _explain(error: Exception, content: bytes) -> tuple[Fault, str]:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError) and not _STARTS.match(content):
        return Fault.NOT_AN_IMAGE, "is not a JPEG, PNG or WebP image; convert it to one of these"
    if isinstance(error, Image.DecompressionBombError):
        return Fault.TOO_LARGE, f"is over {MAX_PIXELS // 1_000_000} megapixels; save it smaller"
    if isinstance(error, MemoryError):
        return Fault.TOO_LARGE, "needs more memory than there is; save it smaller"
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        reason = "its header makes no sense"  # Pillow names the buffer instead of a reason.
    return Fault.DAMAGED, f"is damaged and cannot be decoded ({reason}); get the image again"
