"""Measures of image quality, computed from the pixels."""

import numpy as np
from numpy.typing import NDArray

from hangtag.images.photo_to_grey import turn_grey

_BLUR_LENGTH = 9
"""Pixels over which `measure_blur` averages: the filter of the paper."""

_BRIGHTEST, _DARKEST = 99, 5
"""Percentiles that stand for the brightest and the darkest of a photo: single pixels do not."""

_CLIPPED = 250
"""From this value on, in all channels, a pixel holds light that was too much to be told apart."""

_WHITE_GROUND = 0.9
"""Fraction of the border that is clipped where a photo was taken on white on purpose."""

Pixels = NDArray[np.uint8]


def measure_blur(pixels: Pixels) -> float:
    """Returns how blurred a photo (h, w, 3) is: 0 sharp, 1 so that more blur changes nothing.

    The measure is the fraction of the differences between neighbours that is left when the photo is
    blurred once more, in the direction where more is left (Crete, Dolmiere, Ladret and Nicolas
    2007, "The blur effect: perception and estimation with a new no-reference perceptual blur
    metric").
    Unlike the variance of the Laplacian (Pech-Pacheco et al. 2000) it does not depend on contrast:
    a pink shirt on a red sheet is not blurred.
    """
    grey = turn_grey(pixels).astype(np.float32)
    return max(_remaining_differences(grey), _remaining_differences(grey.T))


def measure_brightest(pixels: Pixels) -> float:
    """Returns the brightest channel, 0-255, of the brightest hundredth of a photo (h, w, 3)."""
    return float(np.percentile(pixels.max(axis=2), _BRIGHTEST))


def measure_darkest(pixels: Pixels) -> float:
    """Returns the luma, 0-255, that a twentieth of a photo (h, w, 3) is below."""
    return float(np.percentile(turn_grey(pixels), _DARKEST))


def measure_clipped(pixels: Pixels) -> float:
    """Returns the fraction of a photo (h, w, 3) that is white beyond its light, 0-1.

    Where nine tenths of the border are, too, that is the white ground of a studio, and meant to be:
    then it is 0.
    """
    clipped = pixels.min(axis=2) >= _CLIPPED
    border = np.concatenate([clipped[0], clipped[-1], clipped[:, 0], clipped[:, -1]])
    return 0.0 if border.mean() >= _WHITE_GROUND else float(clipped.mean())


def measure_contrast(pixels: Pixels) -> float:
    """Returns the standard deviation of the pixels of a photo (h, w, 3), over all channels, 0-255.

    It is 0 for a picture of one colour.
    """
    return float(pixels.reshape(-1, 3).std(axis=0).max())


def _remaining_differences(grey: NDArray[np.float32]) -> float:
    """Returns the fraction of the differences along the rows of (h, w) that survives blurring."""
    from scipy.ndimage import uniform_filter1d

    before = np.abs(np.diff(grey, axis=1))
    after = np.abs(np.diff(uniform_filter1d(grey, _BLUR_LENGTH, axis=1), axis=1))
    total = float(before.sum())
    return 1 - float(np.maximum(before - after, 0).sum()) / total if total else 0.0
