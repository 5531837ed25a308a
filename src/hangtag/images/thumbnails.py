"""Thumbnails, which keep pages with many images small."""

import numpy as np
from numpy.typing import NDArray

LONGEST = 224
"""Longest side of an image in a gallery, in pixels."""


def shrink(image: NDArray[np.uint8], longest: int = LONGEST) -> NDArray[np.uint8]:
    """Scales an image (H, W) or (H, W, 3) down to a longest side, pixels; never up."""
    from PIL import Image

    side = max(image.shape[:2])
    if side <= longest:
        return image
    height, width = (max(1, round(length * longest / side)) for length in image.shape[:2])
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
