"""Duplicate images: exact hashes, codes that are close where images are alike, close pairs.

Exact duplicates share `hash_pixels`. Near-duplicates have close codes of 256 bits:

- `difference_hash` for any image: saved again, scaled, lightened. `find_near_pairs` searches
  millions of them, as the audit does; `is_near_duplicate` confirms a pair by its pixels.
- `perceptual_hash` for photos, `hash_embeddings` for what a model makes of them.
  `find_close_pairs` searches the codes of a data set in memory more thoroughly.

Letters: N images, P pairs, D the length of an embedding.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Codes = NDArray[np.uint8]
"""Codes of images, (N, `CODE_BYTES`)."""

Pairs = NDArray[np.intp]
"""Indices of two images each, (P, 2), the lower one first."""

CODE_BYTES = 32
"""Bytes of a code."""

WORDS = 4
"""64-bit words of a code."""

MAX_PAIRS = 100_000
"""Candidate pairs at which `find_near_pairs` ends."""

_SHRUNK = 64
_FREQUENCIES = 16

_SIDE = 11
_BRIGHTER = 8
"""Grey levels from which a cell counts as brighter than its neighbour: flat areas have no bits."""

_MAX_DISTANCE = 10
"""Bits in which the difference hashes of candidates may differ: 95 in 100 JPEG copies of quality
75 are nearer."""

_MIN_BITS = 8
"""Bits set in an image with enough contrast to be compared."""

_NEAR_NEIGHBOURS = 16
"""Images that each is compared with, of those that share 32 bits."""

_MAX_DIFFERENCE = 0.06
"""Largest mean difference of near-duplicates, in standard deviations of their pixels. Of 3,000
validation images of Fashion-MNIST one pair is as alike; of 500 copies at JPEG quality 90, 498
are."""

_TABLES, _BUCKET_BITS, _ORDER_BITS = 64, 16, 16
_CLOSE_NEIGHBOURS = 64


def digest_pixels(pixels: Pixels, *, size: int) -> bytes:
    """Returns a digest of an image, `size` bytes (BLAKE2b); images of one shape are comparable."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=size).digest()


def hash_pixels(pixels: Pixels) -> int:
    """Returns a hash of an image, 0 to 2^63 - 1: equal for equal pixels of the same shape."""
    return int.from_bytes(digest_pixels(pixels, size=8), "big") >> 1


def difference_hash(pixels: Pixels) -> bytes:
    """Returns the difference hash of an image (H, W) or (H, W, 3), `CODE_BYTES` bytes.

    The image is reduced to 11 x 11 grey cells; 242 bits tell where it gets brighter to the right
    and downwards (Krawetz 2013, "Kind of like that").
    """
    from PIL import Image

    grey = Image.fromarray(pixels).convert("L")
    wide = np.asarray(grey.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), dtype=np.int16)
    tall = np.asarray(grey.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX), dtype=np.int16)
    steps = [np.diff(wide, axis=1).ravel(), np.diff(tall, axis=0).ravel()]
    return np.packbits(np.concatenate(steps) > _BRIGHTER).tobytes().ljust(CODE_BYTES, b"\0")


def perceptual_hash(pixels: Pixels) -> Codes:
    """Returns the perceptual hash of a photo (H, W, 3), (`CODE_BYTES`,) uint8.

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


def hash_embeddings(embeddings: NDArray[np.float32]) -> Codes:
    """Returns the codes (N, `CODE_BYTES`) of centred embeddings (N, D).

    A bit tells on which side of a random plane through the origin an embedding lies, so that the
    fraction of bits in which two differ is their angle over 180 degrees (Charikar 2002,
    "Similarity estimation techniques from rounding algorithms").
    """
    random = np.random.default_rng(0)
    planes = random.standard_normal((embeddings.shape[1], 8 * CODE_BYTES), np.float32)
    return np.packbits(embeddings @ planes > 0, axis=1)


def find_exact_duplicates(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each image the position of the first one with its hash, (N,)."""
    _, firsts, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    found: NDArray[np.int64] = firsts[inverse]
    return found


def find_near_pairs(hashes: NDArray[np.uint64]) -> Pairs:
    """Returns pairs of images with nearly the same difference hash, (P, 2).

    Images that share one of eight parts of the bits are neighbours when these are sorted; each is
    compared with the next few, so that the time is that of sorting. Images with next to no bits,
    such as blank ones, are left out. The search ends at `MAX_PAIRS`.

    Args:
        hashes: Difference hashes, (N, `WORDS`).
    """
    chosen = np.flatnonzero(np.bitwise_count(hashes).sum(axis=1) >= _MIN_BITS)
    kept = np.ascontiguousarray(hashes[chosen])
    parts = kept.view(np.uint32)
    found = np.zeros((0, 2), np.intp)
    for part in range(parts.shape[1]):
        keys = parts[:, part]
        order = np.lexsort((parts[:, (part + 1) % parts.shape[1]], keys))
        for pairs in _compare_neighbours(kept, keys, order, _NEAR_NEIGHBOURS, _MAX_DISTANCE):
            found = np.unique(np.concatenate([found, pairs]), axis=0)
            if len(found) >= MAX_PAIRS:
                return chosen[found[:MAX_PAIRS]]
    return chosen[found]


def find_close_pairs(codes: Codes, max_bits: int) -> tuple[Pairs, NDArray[np.intp]]:
    """Returns nearly all pairs of codes that differ in at most `max_bits` bits.

    Codes that agree in 16 bits drawn at random share a bucket; of 64 such draws, two codes that
    differ in 40 of 256 bits share at least one bucket with a probability of 98 % (bit sampling:
    Indyk and Motwani 1998, "Approximate nearest neighbors"). In a bucket a code is compared with
    the 64 that follow, in the order of 16 more bits, so that the work grows with N times its
    logarithm.

    Args:
        codes: (N, `CODE_BYTES`).
        max_bits: 0 to 256.

    Returns:
        The pairs (P, 2), sorted; and in how many bits they differ, (P,).
    """
    random = np.random.default_rng(0)
    words = np.ascontiguousarray(codes).view(np.uint64)
    bits = np.unpackbits(codes, axis=1)
    found = np.zeros(0, np.intp)
    for _ in range(_TABLES):
        drawn = random.permutation(bits.shape[1])[: _BUCKET_BITS + _ORDER_BITS]
        packed = np.ascontiguousarray(np.packbits(bits[:, drawn], axis=1))
        keys = packed.view(">u4").ravel().astype(np.uint32)
        order = np.argsort(keys, kind="stable")
        buckets = keys >> np.uint32(_ORDER_BITS)
        steps = _compare_neighbours(words, buckets, order, _CLOSE_NEIGHBOURS, max_bits)
        numbers = [pairs[:, 0] * len(codes) + pairs[:, 1] for pairs in steps]
        # Once a draw: a union of all that is found costs more than the comparisons of one step.
        found = np.unique(np.concatenate([found, *numbers]))
    pairs = np.stack(np.divmod(found, max(1, len(codes))), axis=1)
    return pairs, _count_differences(words, pairs)


def is_near_duplicate(first: Pixels, second: Pixels) -> bool:
    """Returns whether the pixels of two images of one size are nearly the same."""
    deviation = (float(first.std()) + float(second.std())) / 2
    difference = np.abs(first.astype(np.float32) - second.astype(np.float32)).mean()
    return bool(difference <= _MAX_DIFFERENCE * max(deviation, 1.0))


def _compare_neighbours(
    words: NDArray[np.uint64],
    buckets: NDArray[np.uint32],
    order: NDArray[np.intp],
    neighbours: int,
    max_bits: int,
) -> Iterator[Pairs]:
    """Compares each code with the next `neighbours` of its bucket, in an order of the buckets.

    Gives the pairs that differ in at most `max_bits` bits, for each step between neighbours.
    """
    starts = np.arange(len(order))
    for step in range(1, neighbours + 1):
        starts = starts[starts + step < len(order)]
        starts = starts[buckets[order[starts]] == buckets[order[starts + step]]]
        if not len(starts):
            return
        pairs = np.sort(np.stack([order[starts], order[starts + step]], axis=1), axis=1)
        yield pairs[_count_differences(words, pairs) <= max_bits]


def _count_differences(words: NDArray[np.uint64], pairs: Pairs) -> NDArray[np.intp]:
    different = words[pairs[:, 0]] ^ words[pairs[:, 1]]
    counts: NDArray[np.intp] = np.bitwise_count(different).sum(axis=1, dtype=np.intp)
    return counts
