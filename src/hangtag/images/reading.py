"""Reads an untrusted image file by Pillow, within the limits of `limits`.

    with open_image("photo.jpg", 448, "the image") as opened:
        print(opened.image.size, opened.damage)

What a file is shows in its first bytes; only the decoder of that format is ever asked.
"""

import importlib.util
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hangtag.errors import ErrorKind, ImageError, MissingExtraError
from hangtag.files.paths import explain_no_file, is_file
from hangtag.images.limits import MAX_FILE_BYTES, MAX_PIXELS, MAX_WEBP_PIXELS, require_size
from hangtag.images.mending import Damage, are_sound, complete, has_end, strip_metadata
from hangtag.images.sniffing import HEIC, SNIFFED_BYTES, FileKind, sniff

if TYPE_CHECKING:
    from PIL.Image import Image

_ORIENTATION = 0x0112
"""The EXIF tag that says how to turn an image."""

_TURNED_OR_FLIPPED, _TURNED = range(2, 9), range(5, 9)
"""Its values of an image that does not lie as it should, and those whose sides are swapped."""

_PREVIEW, _RAW = 0x00FE, 0xC612
"""Tags of a TIFF: whether it is a preview of something larger; the version of DNG."""

_MODES = re.compile(r"(1|L|LA|La|P|PA|RGB[AaX]?|CMYK|YCbCr|I;16[BLN]?)$")
"""Pillow's modes whose values are colours of a known range."""

_METADATA_WARNING = re.compile(r"EXIF|Tag (data|offset)|Metadata")
_CUT_OFF = "image file is truncated"
_LONGEST_REASON = 100


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image as Pillow has decoded it.

    Attributes:
        image: Upright as its EXIF says.
        damage: What was wrong with the file, though its pixels are all there.
    """

    image: "Image"
    damage: Damage | None = None


@contextmanager
def open_image(source: str | Path | bytes, least: float, name: str) -> Iterator[OpenedImage]:
    """Decodes an image file; what goes wrong with it in the block is told as an ImageError.

    Args:
        source: The path of a file, or its bytes.
        least: Longest side that it needs to have, pixels: a larger JPEG is decoded at a reduced
            scale.
        name: What an error calls an image that is given as bytes.

    Raises:
        ImageError: The file is missing, empty, larger than `hangtag.images.limits` allows, in
            another format, or damaged. The message names the file and the reason.
    """
    if not isinstance(source, bytes):
        name, source = str(source), _read_file(Path(source))
    if not source:
        raise ImageError(
            f"{name} is empty (0 bytes); expected an image", error_kind=ErrorKind.EMPTY
        )
    if len(source) > MAX_FILE_BYTES:
        raise ImageError(
            f"{name} is over {MAX_FILE_BYTES // 1_000_000} MB, the most that is read; "
            "save it smaller",
            error_kind=ErrorKind.TOO_LARGE,
        )
    with warnings.catch_warnings():
        # Pillow warns about what is refused below (bombs) or harmless here (odd palettes).
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            yield _load(source, least)
        except ImageError as error:
            raise ImageError(f"{name}: {error}", error_kind=error.error_kind) from error
        except Exception as error:  # Decoders of hostile bytes raise nearly anything.
            error_kind, reason = explain_failure(error)
            raise ImageError(f"{name}: {reason}", error_kind=error_kind) from error


def read_size(path: Path) -> tuple[int, int]:
    """Returns width and height of an image file, upright as its EXIF says, from its header alone.

    Raises:
        ImageError: The file is missing, or its header cannot be read.
    """
    _require_file(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings(action="ignore"):
            kind = sniff(stream.read(SNIFFED_BYTES))
            _require_read(kind)
            stream.seek(0)
            with _open_as(stream, kind) as image:
                return image.size if not _is_turned(image) else (image.height, image.width)
    except ImageError as error:
        raise ImageError(f"{path}: {error}", error_kind=error.error_kind) from error
    except Exception as error:  # as in `open_image`
        raise ImageError(
            f"{path}: its header cannot be read ({_shorten(error)}); get the image again",
            error_kind=ErrorKind.DAMAGED,
        ) from error


def explain_failure(error: Exception) -> tuple[ErrorKind, str]:
    """Returns the kind of an error that Pillow raised, and what to tell about it."""
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        return ErrorKind.TOO_LARGE, "is over 64 megapixels; save it smaller"
    if isinstance(error, MemoryError):
        return ErrorKind.TOO_LARGE, "needs more memory than a decoder may use; save it smaller"
    return (
        ErrorKind.DAMAGED,
        f"is damaged and cannot be decoded ({_shorten(error)}); get the image again",
    )


def _read_file(path: Path) -> bytes:
    _require_file(path)
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ImageError(
            f"cannot read {path}: {error.strerror or error}", error_kind=ErrorKind.UNREADABLE
        ) from error


def _require_file(path: Path) -> None:
    """Raises ImageError where there is no regular file."""
    if not is_file(path):
        reason = explain_no_file(path, what="image file")
        raise ImageError(f"{path}: {reason}", error_kind=ErrorKind.MISSING)


def _require_read(kind: FileKind) -> None:
    """Raises ImageError for what is no image, or one of a format that is not read."""
    if kind is HEIC and importlib.util.find_spec("pillow_heif") is None:
        raise ImageError(
            f"is {kind.name}; {MissingExtraError('heic', 'reading it by pillow-heif')}; or save "
            "it as a JPEG image",
            error_kind=kind.error_kind,
        )
    if not kind.pillow:
        other = kind.error_kind == ErrorKind.OTHER_FORMAT
        what = "which is not read" if other else "not an image"
        raise ImageError(f"is {kind.name}, {what}; {kind.advice}", error_kind=kind.error_kind)


def _load(content: bytes, least: float) -> OpenedImage:
    """Decodes the content of a file, and mends damage that spoils no pixel."""
    kind = sniff(content)
    _require_read(kind)
    if kind.pillow == "JPEG" and not has_end(content):
        first, second = (_decode(mended, kind, least).image for mended in complete(content))
        if first.tobytes() != second.tobytes():
            raise OSError(_CUT_OFF)
        return OpenedImage(first, Damage.NO_END)
    try:
        return _decode(content, kind, least)
    except Exception:  # as in `open_image`
        bare = strip_metadata(content) if kind.pillow == "PNG" else content
        if bare == content:
            raise
    return OpenedImage(_decode(bare, kind, least).image, Damage.METADATA)


def _decode(content: bytes, kind: FileKind, least: float) -> OpenedImage:
    from PIL import ImageOps

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        image = _open_as(io.BytesIO(content), kind)
        webp = image.format == "WEBP"
        require_size(*image.size, most=MAX_WEBP_PIXELS if webp else MAX_PIXELS)
        _require_colours(image)
        scale = least / max(image.size)
        width, height = (max(1, int(side * scale)) for side in image.size)
        image.draft(image.mode, (width, height))
        image.load()
        orientation = _read_orientation(image)
    if orientation in _TURNED_OR_FLIPPED:
        ImageOps.exif_transpose(image, in_place=True)  # In place: a copy may take 256 MB.
    sound = (
        orientation is not None
        and are_sound(image.info)
        and not any(_METADATA_WARNING.search(str(said.message)) for said in heard)
    )
    return OpenedImage(image, None if sound else Damage.METADATA)


def _open_as(stream: Any, kind: FileKind) -> "Image":
    """Opens a file by the decoder of its kind alone."""
    from PIL import Image

    if kind is HEIC:
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return Image.open(stream, formats=(kind.pillow,))


def _require_colours(image: "Image") -> None:
    """Raises ImageError where the values of the pixels are no colours of a known range."""
    tags = getattr(image, "tag_v2", {})
    if _RAW in tags or tags.get(_PREVIEW) == 1:
        reason = "is a raw photo (DNG) of which only a preview could be read"
    elif _MODES.match(image.mode) is None:
        reason = f"holds values of the type {image.mode}, not colours of 8 or 16 bits"
    else:
        return
    raise ImageError(f"{reason}; save it as a JPEG or PNG image", error_kind=ErrorKind.OTHER_FORMAT)


def _is_turned(image: "Image") -> bool:
    """Whether EXIF swaps the sides. A PNG without EXIF in its header is not decoded to find out."""
    if image.format == "PNG" and "exif" not in image.info:
        return False
    return image.format != "TIFF" and _read_orientation(image) in _TURNED  # a TIFF tells it itself


def _read_orientation(image: "Image") -> int | None:
    """Returns what EXIF says of how to turn an image; 0 if nothing, None if it is unreadable."""
    try:
        return int(image.getexif().get(_ORIENTATION) or 0)
    except Exception:  # Decoders meet hostile bytes and raise nearly anything.
        return None


def _shorten(error: Exception) -> str:
    """Returns the reason that Pillow gives, short, on one line and printable."""
    text = " ".join(str(error).split()) or type(error).__name__
    if text.startswith((_CUT_OFF, "Truncated File Read")):
        return "it ends before its last pixel"
    if text.startswith("cannot identify image file"):
        return "its header makes no sense"  # Pillow names the buffer instead of a reason.
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_LONGEST_REASON]
