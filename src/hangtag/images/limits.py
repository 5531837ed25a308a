"""Limits of what is decoded, which bound the memory and the time that one image may take.

An image of 64 million pixels in colour takes 256 MB once decoded, and a decoder may hold it up to
three times. An image of many short rows takes more than its pixels: each row costs a pointer.
"""

from hangtag.errors import ErrorKind, ImageError

MAX_FILE_BYTES = 20_000_000
"""Largest image file, bytes."""

MAX_PIXELS = 1 << 26
"""Most pixels of an image: 64 megapixels, as phones count them (9248x6936 is 64.1 million)."""

MAX_WEBP_PIXELS = 50_331_648
"""Most pixels of a WebP image, which its decoder holds four times: 50 megapixels (8192x6144)."""

MAX_SIDE = 65_535
"""Longest side, pixels: the most that a JPEG or a GIF can have."""

MAX_PROCESS_BYTES = 940_000_000
"""Memory that a decoder process may ask for, where the system lets it be limited; with the code of
its libraries it stays under 1 GB."""

MAX_IMAGE_SECONDS = 10.0
"""Time that one image may take to decode."""


_MEGAPIXELS = {MAX_PIXELS: 64, MAX_WEBP_PIXELS: 50}


def require_size(width: int, height: int, *, name: str = "", most: int = MAX_PIXELS) -> None:
    """Checks that an image is no larger than may be decoded.

    Args:
        width: Pixels.
        height: Pixels.
        name: What the error says before the size, such as ``a.npy: an image``.
        most: How many pixels it may have.

    Raises:
        ImageError: It has too many pixels, or too long a side.
    """
    size = f"{name} is {width}x{height} pixels".lstrip()
    if width * height > most:
        raise ImageError(
            f"{size}; expected at most {_MEGAPIXELS[most]} megapixels; save it smaller",
            error_kind=ErrorKind.TOO_LARGE,
        )
    if max(width, height) > MAX_SIDE:
        raise ImageError(
            f"{size}; expected at most {MAX_SIDE:,} a side; cut it into several",
            error_kind=ErrorKind.TOO_LARGE,
        )
