"""Turns a product photo into the input of a Fashion-MNIST model, one step after the other.

    pixels = prepare_photo(image, ImageSpec(28, 28))
    for step in photo_steps(image, ImageSpec(28, 28)):
        print(step.name, step.pixels.shape, step.note)

The steps are those by which the authors of Fashion-MNIST made their images of Zalando's photos
(Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747, section 2.1). Their photos were on white; here the
background is measured, made quite white or quite black ("level"), and only a light one is negated.
The longest side is resized by averaging, not by leaving out rows and columns. Steps work on RGB
pixels (H, W, 3) uint8, 0 black to 255 white, and trust what they are given.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError
from hangtag.images.colour import to_colour
from hangtag.images.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]

CLOSENESS = 0.05 * 255 * 3**0.5
"""Colours nearer than this are one: 5 % of the longest distance in RGB space (the paper's)."""

_PATCHES = 28
"""A corner is a patch this many times smaller than the longest side: a pixel of 28x28."""

_CORNERS_OF_ONE_COLOUR = 3
"""A background is plain when this many of the four corners agree: a garment may reach one."""

_CLEARLY_DARK, _CLEARLY_LIGHT = 64, 192
"""Between these lumas the middle of the photo decides whether the background is light.

The darkest quarter of the range holds the corners of all 70,000 images of Fashion-MNIST (the
brightest has 52)."""

_GREYEST = 16
"""Channels of a grey pixel differ by no more: lossy formats add a little colour."""

_LARGEST = 560
"""Longest side, in pixels, that the steps work on; larger photos are averaged down first."""

_STRIP_PIXELS = 1_000_000
"""A large photo is averaged down in strips of about so many pixels, to spare memory."""


@dataclass(frozen=True, slots=True)
class Background:
    """What the background of a photo was measured to be.

    Attributes:
        colour: Red, green and blue, 0-255: the median of the four corner patches.
        plain: Whether at least three of the patches are close to that colour.
        light: Whether the garment is the darker part, so that the photo must be negated.
    """

    colour: tuple[int, int, int]
    plain: bool
    light: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A photo after one step.

    Attributes:
        name: ``photo``, ``trim``, ``level``, ``fit``, ``sharpen``, ``centre``, ``negate`` or
            ``grey``.
        pixels: (H, W, 3) uint8; (H, W) after ``grey``.
        note: What was measured and done, for people.
    """

    name: str
    pixels: Pixels
    note: str


def prepare_photo(image: "Image", spec: ImageSpec) -> Pixels:
    """Returns a photo as grey pixels like those of Fashion-MNIST: bright on black.

    Args:
        image: Upright, of any mode that Pillow turns into RGB; it is not changed.
        spec: Size of the result.

    Returns:
        (H, W) uint8. An opaque grey image that has that size already is returned bit for bit,
        or negated when its background is light, which that of no Fashion-MNIST image is.

    Raises:
        DataError: The image or the size has no pixel.
    """
    if image.mode == "L" and image.size == (spec.width, spec.height):
        pixels = np.array(image)
        if _is_dark_in_the_corners(pixels):
            return pixels  # what all steps would end with; nearly every image of Fashion-MNIST
    return photo_steps(image, spec)[-1].pixels


def photo_steps(image: "Image", spec: ImageSpec) -> list[Step]:
    """Returns a photo after each step, the last being what `prepare_photo` returns.

    An image that is not trimmed or not negated shows so in the note. For a grey image that has
    the size already there are only ``photo``, ``negate`` and ``grey``.

    Args:
        image: Upright, of any mode that Pillow turns into RGB; it is not changed.
        spec: Size of the result.

    Raises:
        DataError: The image or the size has no pixel.
    """
    if min(*spec.size, *image.size) < 1:
        raise DataError(
            f"expected an image and a size of at least 1x1 pixels, received {image.width}x"
            f"{image.height} and {spec.width}x{spec.height}; check what is given"
        )
    photo = flatten_transparency(image)
    background = measure_background(photo)
    steps = [Step("photo", photo, f"{image.width}x{image.height}")]
    if photo.shape[:2] != spec.size or not _is_grey(photo):
        steps += _resize_steps(photo, background, spec)
    negated = negate_if_light(steps[-1].pixels, background)
    note = "light background: negated" if background.light else "dark background: kept"
    steps.append(Step("negate", negated, note))
    steps.append(Step("grey", turn_grey(negated), f"{spec.width}x{spec.height}"))
    return steps


def _resize_steps(photo: Pixels, background: Background, spec: ImageSpec) -> list[Step]:
    trimmed = trim_border(photo, background)
    level = level_background(trimmed, background)
    resized = fit_longest_side(level, spec)
    sharp = sharpen(resized)
    centred = centre(sharp, background, spec)
    trimming = _describe_size(trimmed) if background.plain else "no plain border: kept"
    red, green, blue = background.colour
    end = "white" if background.light else "black"
    return [
        Step("trim", trimmed, trimming),
        Step("level", level, f"{red}, {green}, {blue} to {end}"),
        Step("fit", resized, _describe_size(resized)),
        Step("sharpen", sharp, "radius 1, deviation 1"),
        Step("centre", centred, _describe_size(centred)),
    ]


def flatten_transparency(image: "Image") -> Pixels:
    """Returns an image as RGB pixels (H, W, 3), composited on a measured background.

    - Corners transparent (median opacity below one half): the transparent part is the
      background. A garment with a mean luma of 128 or more comes on black, a darker one on white,
      which is negated later. Either way it ends bright on black, and a white shirt does not
      vanish on white.
    - Otherwise, holes and round corners get the colour of the opaque pixels of the corners.

    Photos with a side over 560 pixels are averaged down by a whole number; 16 bits a pixel are
    reduced to 8.
    """
    layer = _read_layers(image)
    colour, alpha = layer[..., :3], layer[..., 3:]
    if alpha.size == 0 or alpha.min() == 255:
        return colour.copy()
    corners = np.concatenate([patch.reshape(-1, 4) for patch in _corner_patches(layer)])
    if np.median(corners[:, 3]) < 128:
        light = _mean_luma(colour, alpha) < 128
        behind = np.full(3, 255.0 if light else 0.0)
    else:
        behind = np.median(corners[corners[:, 3] >= 128, :3], axis=0)
    opacity = alpha / 255
    return _round(colour * opacity + behind * (1 - opacity))


def measure_background(pixels: Pixels) -> Background:
    """Measures the background of an image (H, W, 3) by four square patches in its corners.

    A patch is as large as what becomes one pixel of 28x28, at least one pixel. A background is
    light from a luma of 192, dark below 64, and in between light when it is lighter than the
    median of the middle ninth of the image.
    """
    patches = [patch.reshape(-1, 3) for patch in _corner_patches(pixels)]
    colour = np.median(np.concatenate(patches), axis=0)
    medians = np.array([np.median(patch, axis=0) for patch in patches])
    close = np.linalg.norm(medians - colour, axis=1) <= CLOSENESS
    red, green, blue = _round(colour).tolist()
    return Background(
        colour=(red, green, blue),
        plain=bool(close.sum() >= _CORNERS_OF_ONE_COLOUR),
        light=_is_light(_round(colour), pixels),
    )


def trim_border(pixels: Pixels, background: Background) -> Pixels:
    """Cuts off the outer rows and columns of (H, W, 3) that are all close to the background.

    Without a plain background, or when nothing would be left, nothing is cut off.
    """
    if not background.plain:
        return pixels
    difference = pixels.astype(np.float32) - np.array(background.colour, dtype=np.float32)
    differs = np.einsum("hwc,hwc->hw", difference, difference) > CLOSENESS**2
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def level_background(pixels: Pixels, background: Background) -> Pixels:
    """Shifts each channel of (H, W, 3) so that the background becomes white, or black if dark.

    What is lighter than a light background, or darker than a dark one, becomes background too.
    Differences between the garment and the background stay. A white or black one changes nothing.
    """
    from PIL import Image

    end = 255 if background.light else 0
    shifted = np.arange(256) + (end - np.array(background.colour)[:, None])
    return np.array(Image.fromarray(pixels).point(shifted.clip(0, 255).ravel().tolist()))


def fit_longest_side(pixels: Pixels, spec: ImageSpec) -> Pixels:
    """Scales (H, W, 3) to fit into the size of `spec`, keeping its aspect.

    Each new pixel is the mean of the area that it covers, parts of pixels included; the shorter
    side keeps at least one pixel.
    """
    scale = min(spec.height / pixels.shape[0], spec.width / pixels.shape[1])
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    down = _averaging(pixels.shape[0], height)
    across = _averaging(pixels.shape[1], width)
    rows = (down @ pixels.reshape(len(pixels), -1)).reshape(height, *pixels.shape[1:])
    return _round(across @ rows)


def sharpen(pixels: Pixels) -> Pixels:
    """Sharpens (H, W, 3) by a Gaussian operator of radius 1 and standard deviation 1.

    The operator is that of ImageMagick's ``-sharpen 1x1``: minus the Gaussian over 3x3 pixels,
    twice its sum in the centre, scaled to a sum of 1. Outside the image its outermost pixels
    go on.
    """
    height, width = pixels.shape[:2]
    operator = _sharpening()
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float64)
    total = np.zeros(pixels.shape)
    for row, column in np.ndindex(3, 3):
        total += operator[row, column] * padded[row : row + height, column : column + width]
    return _round(total)


def centre(pixels: Pixels, background: Background, spec: ImageSpec) -> Pixels:
    """Puts (H, W, 3) in the middle of a canvas of the size of `spec`.

    The canvas is white for a light background and black for a dark one, so that it ends black.
    """
    height, width = pixels.shape[:2]
    canvas = np.full((*spec.size, 3), 255 if background.light else 0, dtype=np.uint8)
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas


def negate_if_light(pixels: Pixels, background: Background) -> Pixels:
    """Returns 255 minus the pixels when the background is light, else the pixels."""
    return 255 - pixels if background.light else pixels


def turn_grey(pixels: Pixels) -> Pixels:
    """Turns (H, W, 3) into (H, W) by ITU-R 601 luma; pixels that are grey keep their value."""
    from PIL import Image

    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))


def _read_layers(image: "Image") -> Pixels:
    """Returns an image, averaged down where it is large, as (H, W, 3), or 4 with opacity."""
    factor = -(-max(image.size) // _LARGEST)
    rows = max(1, _STRIP_PIXELS // (image.width * factor)) * factor
    strips = [
        image.crop((0, top, image.width, min(top + rows, image.height)))
        for top in range(0, image.height, rows)
    ]
    return np.concatenate([np.asarray(to_colour(strip).reduce(factor)) for strip in strips])


def _corner_patches(pixels: Pixels) -> list[Pixels]:
    side = max(1, round(max(pixels.shape[:2]) / _PATCHES))
    return [pixels[rows, columns] for rows in _ends(side) for columns in _ends(side)]


def _ends(side: int) -> tuple[slice, slice]:
    return slice(None, side), slice(-side, None)


def _is_light(colour: Pixels, pixels: Pixels) -> bool:
    luma = int(turn_grey(colour[None, None])[0, 0])
    if not _CLEARLY_DARK <= luma < _CLEARLY_LIGHT:
        return luma >= _CLEARLY_LIGHT
    rows, columns = (slice(length // 3, length - length // 3) for length in pixels.shape[:2])
    return luma > float(np.median(turn_grey(pixels[rows, columns])))


def _mean_luma(colour: Pixels, alpha: Pixels) -> float:
    """Mean of the luma, weighted by opacity; 255 where all is transparent, so black comes below."""
    if not alpha.any():
        return 255.0
    return float(np.average(turn_grey(colour), weights=alpha[..., 0]))


def _averaging(old: int, new: int) -> NDArray[np.float64]:
    """Returns (new, old) weights that average `old` pixels into `new` of equal length."""
    edges = np.arange(new + 1)[:, None] * old / new
    covered = np.clip(edges - np.arange(old), 0, 1)  # of each old pixel, left of each edge
    return np.diff(covered, axis=0) * new / old


def _sharpening() -> NDArray[np.float64]:
    square = np.array([1, 0, 1])
    operator: NDArray[np.float64] = -np.exp(-(square[:, None] + square) / 2)
    operator[1, 1] = -2 * operator.sum()
    operator /= operator.sum()
    return operator


def _is_dark_in_the_corners(pixels: Pixels) -> bool:
    return all(patch.max() < _CLEARLY_DARK for patch in _corner_patches(pixels))


def _is_grey(pixels: Pixels) -> bool:
    return bool((pixels.max(axis=2) - pixels.min(axis=2)).max() <= _GREYEST)


def _round(values: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _describe_size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
