"""Hashes of images: exact ones of pixels, and codes of 256 bits that are close where images are.

`hash_pixels` finds exact duplicates, `difference_hash` near-duplicates of any image (saved again,
scaled, lightened), `hash_photo` near-duplicates of photos, `hash_embeddings` similar embeddings.

Letters: N images, P pairs.
"""

import hashlib

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


WORDS = 4
"""64-bit words of a difference hash."""

_SIDE = 11
_BRIGHTER = 8
"""Grey levels from which a cell counts as brighter than its neighbour: flat areas have no bits."""

_MAX_DISTANCE = 10
"""Bits in which the hashes of candidates may differ: 95 in 100 JPEG copies of quality 75 are
nearer."""

_MIN_BITS = 8
"""Bits set in an image with enough contrast to be compared."""

_NEIGHBOURS = 16
"""Images that each is compared with, of those that share 32 bits."""

_MAX_DIFFERENCE = 0.06
"""Largest mean difference of near-duplicates, in standard deviations of their pixels. Of 3,000
validation images of Fashion-MNIST one pair is as alike; of 500 copies at JPEG quality 90, 498
are."""

MAX_PAIRS = 100_000
"""Candidate pairs at which the search ends."""


def hash_pixels(pixels: NDArray[np.uint8]) -> int:
    """Returns a hash of an image, 0 to 2^63 - 1: equal for equal pixels."""
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def difference_hash(pixels: NDArray[np.uint8]) -> bytes:
    """Returns the difference hash of an image (H, W) or (H, W, 3), `WORDS` x 8 bytes.

    The image is reduced to 11 x 11 grey cells; 242 bits tell where it gets brighter to the right
    and downwards (Krawetz 2013, "Kind of like that").
    """
    from PIL import Image

    grey = Image.fromarray(pixels).convert("L")
    wide = np.asarray(grey.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), dtype=np.int16)
    tall = np.asarray(grey.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX), dtype=np.int16)
    steps = [np.diff(wide, axis=1).ravel(), np.diff(tall, axis=0).ravel()]
    return np.packbits(np.concatenate(steps) > _BRIGHTER).tobytes().ljust(8 * WORDS, b"\0")


def find_exact_duplicates(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each image the position of the first one with its hash, (N,)."""
    _, firsts, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    found: NDArray[np.int64] = firsts[inverse]
    return found


def find_near_pairs(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns pairs of images with nearly the same difference hash, (P, 2), the lower index first.

    Images that share one of eight parts of the bits are neighbours when these are sorted; each is
    compared with the next few, so that the time is that of sorting. Images with next to no bits,
    such as blank ones, are left out. The search ends at `MAX_PAIRS`.

    Args:
        hashes: Difference hashes, (N, `WORDS`).
    """
    chosen = np.flatnonzero(np.bitwise_count(hashes).sum(axis=1) >= _MIN_BITS)
    kept = np.ascontiguousarray(hashes[chosen])
    parts = kept.view(np.uint32)
    found = np.zeros((0, 2), dtype=np.int64)
    for part in range(parts.shape[1]):
        keys = parts[:, part]
        order = np.lexsort((parts[:, (part + 1) % parts.shape[1]], keys))
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            near = _compare_hashes(kept, keys, order[:-step], order[step:])
            found = np.unique(np.concatenate([found, near]), axis=0)
            if len(found) >= MAX_PAIRS:
                return chosen[found[:MAX_PAIRS]]
    return chosen[found]


def _compare_hashes(
    hashes: NDArray[np.uint64],
    keys: NDArray[np.uint32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Returns those of the pairs `left`, `right` (P,) that share a key and nearly all bits."""
    same = keys[left] == keys[right]
    left, right = left[same], right[same]
    near = np.bitwise_count(hashes[left] ^ hashes[right]).sum(axis=1) <= _MAX_DISTANCE
    pairs: NDArray[np.int64] = np.sort(np.stack([left[near], right[near]], axis=1), axis=1)
    return pairs


def is_near_duplicate(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    """Returns whether the pixels of two images of one size are nearly the same."""
    deviation = (float(first.std()) + float(second.std())) / 2
    difference = np.abs(first.astype(np.float32) - second.astype(np.float32)).mean()
    return bool(difference <= _MAX_DIFFERENCE * max(deviation, 1.0))
