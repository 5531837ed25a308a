"""Occlusion maps: how much hiding a patch lowers the class probability.

The method is the occlusion of Zeiler and Fergus 2014 (arXiv 1311.2901, section 4.2). It uses only
the model's outputs, so it works for every graph.
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

    Each patch is hidden in turn, filled with the median colour of the image's border. The
    value of a pixel is the mean loss of log probability, in nats, over the patches that include it.

    Args:
        pixels: An image, (H, W, C) uint8.
        score: Called once, with the image and its copies with a hidden patch.
    """
    height, width = pixels.shape[:2]
    rows, columns = _windows(height), _windows(width)
    patches = [(row, column) for row in rows for column in columns]
    copies = np.repeat(pixels[None], len(patches) + 1, axis=0)
    colour = _border_colour(pixels)
    for copy, patch in zip(copies[1:], patches, strict=True):
        copy[patch] = colour
    scores = score(copies)
    total, hidden = np.zeros((height, width)), np.zeros((height, width))
    for loss, patch in zip(scores[0] - scores[1:], patches, strict=True):
        total[patch] += loss
        hidden[patch] += 1
    heat: NDArray[np.float64] = total / hidden
    return heat


def _windows(length: int) -> list[slice]:
    """Returns overlapping windows along one side; every pixel is in at least one."""
    side = max(1, round(length / _PATCHES))
    step = max(1, side // 3)
    return [slice(max(0, start), start + side) for start in range(step - side, length, step)]


def _border_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    channels = pixels.shape[-1]
    border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    values = np.concatenate([side.reshape(-1, channels) for side in border])
    colour: NDArray[np.uint8] = np.median(values, axis=0).astype(np.uint8)
    return colour
