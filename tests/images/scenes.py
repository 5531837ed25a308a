"""Made-up photos whose parts are known."""

from typing import Any

import numpy as np

from hangtag.images.photo_to_grey import Pixels


def make_scene(
    background: Any = 255, garment: Any = 40, *, height: int = 120, width: int = 100
) -> Pixels:
    """A garment of 60x40 pixels, 30 from the top and 20 from the left, on a background."""
    scene = np.empty((height, width, 3), dtype=np.uint8)
    scene[:] = background
    scene[30:90, 20:60] = garment
    return scene


def make_clutter(seed: int = 0) -> Pixels:
    """A photo with a corner each of red, green, blue and black."""
    scene = np.random.default_rng(seed).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    for row, column, colour in ((0, 0, 0), (0, -9, 1), (-9, 0, 2)):
        patch = scene[row : row + 9 or None, column : column + 9 or None]
        patch[:] = 0
        patch[..., colour] = 255
    scene[-9:, -9:] = 0
    return scene
