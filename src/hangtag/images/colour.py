"""Resizes a photo to colour pixels of a fixed size and pads it; nothing is cropped."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.images.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = (255, 255, 255)

_CLOSE = 24
"""Largest difference in a channel at which two border pixels are of one colour, of 255."""

_GREY_MODES = "1LIF"
"""First letters of Pillow's modes without colour."""

_ROWS = 64
"""Rows of an image of 16 bits that are reduced to 8 bits at a time."""

_PLAIN = 0.5
"""A border is plain when this fraction of its pixels is close to their median."""


def is_grey(image: "Image") -> bool:
    """Tells whether an image has no colour: its mode has none, or its channels are all equal."""
    if image.mode[0] in _GREY_MODES:
        return True
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels == pixels[..., :1]).all())


def to_colour(image: "Image") -> "Image":
    """Returns an image as RGB, or RGBA where some of it is transparent; 16 bits become 8.

    An image that is so already is returned itself.
    """
    from PIL import Image

    if image.mode.startswith("I"):
        wide = np.asarray(image)
        small = np.empty(wide.shape, np.uint8)
        for start in range(0, len(wide), _ROWS):  # strip by strip, to spare memory
            strip = np.clip(wide[start : start + _ROWS], 0, 65535).astype(np.uint32)
            small[start : start + _ROWS] = (strip + 128) // 257
        image = Image.fromarray(small)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)  # converting always copies


def fit_colour(image: "Image", spec: ImageSpec) -> NDArray[np.uint8]:
    """Fits an image into the size of `spec` and fills what is left.

    The longest side fits; the image is centred, never cropped. What is transparent becomes white.
    The bars beside the image take the colour of the edges they continue where these are plain,
    else white.

    Args:
        image: Upright, of any size and mode; 16 bits a pixel are reduced to 8.
        spec: Size of the result.

    Returns:
        Red, green and blue, (H, W, 3) uint8.
    """
    small = np.asarray(_shrink(image, spec))
    if small.shape[:2] == spec.size:
        return small.copy()
    height, width = spec.size
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = _border_colour(small, beside=left > 0)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def cut_bars(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Returns what `fit_colour` made of an image of `width` x `height`, without the bars, a view.

    Args:
        pixels: (H, W, 3) uint8.
        width: Of the image before it was resized, pixels; upright.
        height: Likewise.
    """
    across, down = _fit_sides(width, height, pixels.shape[:2])
    top, left = (pixels.shape[0] - down) // 2, (pixels.shape[1] - across) // 2
    return pixels[top : top + down, left : left + across]


def _fit_sides(width: int, height: int, size: tuple[int, ...]) -> tuple[int, int]:
    """Returns the width and height to which an image is scaled so that it fits into `size`."""
    scale = min(size[1] / width, size[0] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrink(image: "Image", spec: ImageSpec) -> "Image":
    """Scales to the largest size that fits, then puts what is transparent on white."""
    from PIL import Image

    layer = to_colour(image)
    resized = _fit_sides(layer.width, layer.height, spec.size)
    if resized != layer.size:
        layer = layer.resize(resized, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if layer.mode == "RGBA":
        layer = Image.alpha_composite(Image.new("RGBA", layer.size, (*WHITE, 255)), layer)
    return layer.convert("RGB")


def _border_colour(pixels: NDArray[np.uint8], *, beside: bool) -> tuple[int, int, int]:
    """Returns the colour for bars beside pixels (h, w, 3), or above and below them."""
    edges = pixels[:, [0, -1]] if beside else pixels[[0, -1]]
    border = edges.reshape(-1, 3).astype(np.int16)
    median = np.median(border, axis=0)
    close = (np.abs(border - median) <= _CLOSE).all(axis=1)
    if close.mean() < _PLAIN:
        return WHITE
    red, green, blue = median.astype(int).tolist()
    return red, green, blue
