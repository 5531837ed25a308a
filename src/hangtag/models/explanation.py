"""Where a model looks: how much less it believes in a class when a patch of the image is covered.

The method is the occlusion of Zeiler and Fergus 2014 (arXiv 1311.2901, section 4.2). It asks the
model itself and nothing inside it, so that it holds for every graph.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_PATCHES = 5
"""A patch is this many times smaller than the image; the next one is a third of it further on."""

Score = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Gives the logarithm of the probability of one class, (N,), for images (N, H, W, C)."""


def occlusion_map(pixels: NDArray[np.uint8], score: Score) -> NDArray[np.float64]:
    """Returns how much each pixel speaks for a class, (H, W): above 0 for it, below 0 against.

    A patch is covered with the median colour of the image's border. The value of a pixel is the
    mean loss of log probability, in nats, over the patches that cover it.

    Args:
        pixels: An image, (H, W, C) uint8.
        score: Asked once, for the image and all covered copies of it.
    """
    height, width = pixels.shape[:2]
    rows, columns = _cut(height), _cut(width)
    patches = [(row, column) for row in rows for column in columns]
    copies = np.repeat(pixels[None], len(patches) + 1, axis=0)
    colour = _border_colour(pixels)
    for copy, patch in zip(copies[1:], patches, strict=True):
        copy[patch] = colour
    scores = score(copies)
    total, covered = np.zeros((height, width)), np.zeros((height, width))
    for loss, patch in zip(scores[0] - scores[1:], patches, strict=True):
        total[patch] += loss
        covered[patch] += 1
    heat: NDArray[np.float64] = total / covered
    return heat


def _cut(length: int) -> list[slice]:
    """Cuts a side into overlapping stretches; every pixel is in one at least."""
    side = max(1, round(length / _PATCHES))
    step = max(1, side // 3)
    return [slice(max(0, start), start + side) for start in range(step - side, length, step)]


def _border_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    channels = pixels.shape[-1]
    border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    values = np.concatenate([side.reshape(-1, channels) for side in border])
    colour: NDArray[np.uint8] = np.median(values, axis=0).astype(np.uint8)
    return colour
