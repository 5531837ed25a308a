"""Decodes one image that nobody vouches for: a file, its bytes, or an array of pixels."""

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ErrorKind, ImageError
from hangtag.files.paths import is_address, is_file, is_folder
from hangtag.images.colour import fit_colour, is_grey, to_colour
from hangtag.images.photo_to_grey import prepare_photo
from hangtag.images.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset({".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"})

UNREAD_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".ico",
        ".jp2",
        ".psd",
        ".svg",
        ".tga",
        ".tif",
        ".tiff",
    }
)
"""Images in formats that are not read: one in a folder is an error that is told."""
MAX_FILE_BYTES = 20_000_000
MAX_PIXELS = 50_000_000

ImageInput = str | Path | bytes | NDArray[np.uint8]
"""An image that is not decoded yet: the path of a file, the bytes of one, or pixels of any size,
(H, W) or (H, W, 1) in grey, (H, W, 3) in colour, (H, W, 4) with opacity."""

_FORMATS = ("JPEG", "PNG", "WEBP")
_STARTS = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP", re.DOTALL)
"""How files of these formats begin."""

_OTHER_STARTS = re.compile(
    rb"GIF8[79]a|BM.{4}\x00{4}|II\*\x00|MM\x00\*|8BPS|\x00{3}.ftyp|\x00\x00\x01\x00|"
    rb"\x00{3}\x0cjP  |\s*<(\?xml|svg)",
    re.DOTALL,
)
"""How GIF, BMP, TIFF, Photoshop, HEIC and AVIF, icons, JPEG 2000 and SVG begin."""

_ORIENTATION = 0x0112
"""The EXIF tag that says how to turn an image."""

_TURNED_OR_FLIPPED, _TURNED = range(2, 9), range(5, 9)
"""Its values of an image that does not lie as it should, and those whose sides are swapped."""

_DRAFT_FACTOR, _COLOUR_DRAFT_FACTOR = 20, 1.75
"""A JPEG is decoded at a reduced scale, its longest side never below this many times the size."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image as pixels.

    Attributes:
        pixels: Grey values, (H, W) uint8, 0 black to 255 white; in colour (H, W, 3).
        resized: Whether the image had another size.
    """

    pixels: NDArray[np.uint8]
    resized: bool


def decode_image(
    image: ImageInput,
    spec: ImageSpec,
    *,
    grey_spec: ImageSpec | None = None,
    name: str = "the image",
) -> DecodedImage:
    """Decodes a JPEG, PNG or WebP, or resizes pixels, to the size and channels of `spec`.

    A file is turned upright as its EXIF says. Of an animation the first frame counts; 16 bits a
    pixel become 8. To grey an image becomes by `prepare_photo`, to colour by `fit_colour`. Pixels
    become what a file of the same pixels becomes; but grey pixels that have the size already stay
    what they are, whatever their background.

    Args:
        image: A path, the bytes of a file, or pixels.
        spec: Size and channels of the result.
        grey_spec: Images of this size without colour stay grey and of this size.
        name: What an error calls an image that has no path.

    Raises:
        ImageError: As `read_image` says.
    """
    if isinstance(image, np.ndarray):
        return _decode_array(image, spec, grey_spec)
    factor = _DRAFT_FACTOR if spec.channels == 1 else _COLOUR_DRAFT_FACTOR
    with _open(image, factor * max(spec.size), name) as opened:
        return _resize(opened, spec, grey_spec)


def to_array(image: "Image") -> NDArray[np.uint8]:
    """Returns an image of Pillow, turned upright as its EXIF says, as pixels.

    Returns:
        (H, W) uint8 where it has no colour, else (H, W, 3), or (H, W, 4) where some of it is
        transparent; 16 bits become 8.

    Raises:
        ImageError: It is not decoded yet and damaged, or over 50 megapixels.
    """
    from PIL import ImageOps

    try:
        _require_few_pixels(image)
        upright = ImageOps.exif_transpose(image)
        return np.array(upright if upright.mode == "L" else to_colour(upright))
    except ImageError:
        raise
    except Exception as error:  # Decoders meet hostile bytes and raise nearly anything.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"the image is damaged and cannot be decoded ({reason}); get it again",
            error_kind=ErrorKind.DAMAGED,
        ) from error


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
    """Returns a JPEG, PNG or WebP as an image of Pillow, upright as its EXIF says.

    Args:
        source: The path of a file, or its bytes.
        spec: Size that it will be scaled to: a JPEG over twenty times as large is decoded at a
            reduced scale.
        name: What an error calls an image that is given as bytes.

    Raises:
        ImageError: The file is missing, empty, over 20 MB or 50 megapixels, in another format,
            or damaged. The message names the file and the reason.
    """
    with _open(source, _DRAFT_FACTOR * max(spec.size), name) as image:
        return image


def read_size(path: Path) -> tuple[int, int]:
    """Returns width and height of an image file, upright as its EXIF says, from its header alone.

    Raises:
        ImageError: The file is missing, or its header cannot be read.
    """
    from PIL import Image

    _require_file(path)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_FORMATS) as image:
            return image.size if not _is_turned(image) else (image.height, image.width)
    except Exception as error:  # as in `_open`
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{path}: its header cannot be read ({reason}); get the image again",
            error_kind=ErrorKind.DAMAGED,
        ) from error


@contextmanager
def _open(source: str | Path | bytes, least: float, name: str) -> Iterator["Image"]:
    """Opens an image; what goes wrong with it in the block is told as an ImageError."""
    if not isinstance(source, bytes):
        name, source = str(source), _read_file(Path(source))
    if not source:
        raise ImageError(
            f"{name} is empty (0 bytes); expected a JPEG, PNG or WebP image",
            error_kind=ErrorKind.EMPTY,
        )
    if len(source) > MAX_FILE_BYTES:
        raise ImageError(
            f"{name} is over {MAX_FILE_BYTES // 1_000_000} MB, the most that is read; "
            "save it smaller",
            error_kind=ErrorKind.TOO_LARGE,
        )
    with warnings.catch_warnings():
        # Pillow warns about what is refused below (bombs) or harmless here (odd metadata).
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            yield _load(source, least)
        except ImageError as error:
            raise ImageError(f"{name}: {error}", error_kind=error.error_kind) from error
        except Exception as error:
            # Decoders meet hostile bytes and raise nearly anything, from OSError to struct.error.
            error_kind, reason = _explain(error, source)
            raise ImageError(f"{name}: {reason}", error_kind=error_kind) from error


def _read_file(path: Path) -> bytes:
    try:
        _require_file(path)
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ImageError(
            f"cannot read {path}: {error.strerror or error}", error_kind=ErrorKind.UNREADABLE
        ) from error


def _require_file(path: Path) -> None:
    """Raises ImageError where there is no regular file."""
    if is_file(path):
        return
    if is_folder(path):
        reason = "is a folder where an image is expected; name the images in it"
    elif os.path.exists(path):
        reason = "is no ordinary file but a device, a pipe or a socket; copy it to a file"
    elif is_address(str(path)):
        reason = "addresses are not fetched; download the image and give its path"
    else:
        reason = "no such image file; check the path"
    raise ImageError(f"{path}: {reason}", error_kind=ErrorKind.MISSING)


def _load(content: bytes, least: float) -> "Image":
    from PIL import Image, ImageOps

    image = Image.open(io.BytesIO(content), formats=_FORMATS)
    _require_few_pixels(image)
    scale = least / max(image.size)
    width, height = (max(1, int(side * scale)) for side in image.size)
    image.draft(image.mode, (width, height))
    image.load()
    if _read_orientation(image) in _TURNED_OR_FLIPPED:
        ImageOps.exif_transpose(image, in_place=True)  # In place: a copy may take 200 MB.
    return image


def _require_few_pixels(image: "Image") -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"is {image.width}x{image.height} pixels; expected at most "
            f"{MAX_PIXELS // 1_000_000} megapixels; save it smaller",
            error_kind=ErrorKind.TOO_LARGE,
        )


def _is_turned(image: "Image") -> bool:
    """Whether EXIF swaps the sides. A PNG without EXIF in its header is not decoded to find out."""
    if image.format == "PNG" and "exif" not in image.info:
        return False
    return _read_orientation(image) in _TURNED


def _read_orientation(image: "Image") -> int | None:
    """Returns what EXIF says of how to turn an image, None where it says nothing readable."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # Decoders meet hostile bytes and raise nearly anything.
        return None


def _explain(error: Exception, content: bytes) -> tuple[ErrorKind, str]:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError) and not _STARTS.match(content):
        kind = ErrorKind.OTHER_FORMAT if _OTHER_STARTS.match(content) else ErrorKind.NOT_AN_IMAGE
        return kind, "is not a JPEG, PNG or WebP image; convert it to one of these"
    if isinstance(error, Image.DecompressionBombError):
        return ErrorKind.TOO_LARGE, f"is over {MAX_PIXELS // 1_000_000} megapixels; save it smaller"
    if isinstance(error, MemoryError):
        return ErrorKind.TOO_LARGE, "needs more memory than there is; save it smaller"
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        reason = "its header makes no sense"  # Pillow names the buffer instead of a reason.
    return ErrorKind.DAMAGED, f"is damaged and cannot be decoded ({reason}); get the image again"
