"""Codes of 256 bits that are close where photos are: of what a photo shows, of an embedding."""

import numpy as np
from numpy.typing import NDArray

CODE_BYTES = 32
"""Bytes of a code."""

_SHRUNK = 64
_FREQUENCIES = 16

Code = NDArray[np.uint8]


def hash_photo(pixels: NDArray[np.uint8]) -> Code:
    """Returns the perceptual hash of a photo (h, w, 3), (32,) uint8.

    The photo is shrunk to 64x64 grey pixels; a bit tells whether one of its 16x16 lowest
    frequencies (discrete cosine transform) is above their median (Zauner 2010, "Implementation and
    benchmarking of perceptual image hash functions", section 3.2.1; with 16x16 where that has 8x8,
    since garments on a plain ground share the lowest).
    """
    from PIL import Image
    from scipy.fft import dctn

    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    small = np.asarray(image.resize((_SHRUNK, _SHRUNK), Image.Resampling.BOX), np.float64)
    waves = dctn(small, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].ravel()
    return np.packbits(waves > np.median(waves))


def hash_embeddings(embeddings: NDArray[np.float32]) -> Code:
    """Returns the codes (N, 32) uint8 of centred embeddings (N, D).

    A bit tells on which side of a random plane through the origin an embedding lies, so that the
    share of bits in which two differ is their angle over 180 degrees (Charikar 2002, "Similarity
    estimation techniques from rounding algorithms").
    """
    random = np.random.default_rng(0)
    planes = random.standard_normal((embeddings.shape[1], 8 * CODE_BYTES), np.float32)
    return np.packbits(embeddings @ planes > 0, axis=1)
