"""Pairs of codes that differ in few bits, found without comparing every code with every other.

Codes that agree in 16 bits drawn at random share a bucket; of 64 such draws, two codes that differ
in 40 of 256 bits share at least one bucket with a probability of 98 % (bit sampling: Indyk and
Motwani 1998, "Approximate nearest neighbors"). In a bucket a code is compared with the 64 that
follow, in the order of 16 more bits, so that the work grows with N times its logarithm.
"""

import numpy as np
from numpy.typing import NDArray

_TABLES, _BUCKET_BITS, _ORDER_BITS = 64, 16, 16
_FOLLOWING = 64

Pairs = NDArray[np.intp]


def find_close_codes(codes: NDArray[np.uint8], most: int) -> tuple[Pairs, NDArray[np.intp]]:
    """Returns the pairs of codes that differ in at most `most` bits, nearly all of them.

    Args:
        codes: (N, B) uint8, of B bytes each.
        most: Bits.

    Returns:
        Pairs (M, 2), the smaller index first, sorted; and in how many bits they differ, (M,).
    """
    random = np.random.default_rng(0)
    bits = np.unpackbits(codes, axis=1)
    found = np.zeros(0, np.intp)
    for _ in range(_TABLES):
        drawn = random.permutation(bits.shape[1])[: _BUCKET_BITS + _ORDER_BITS]
        packed = np.ascontiguousarray(np.packbits(bits[:, drawn], axis=1))
        keys = packed.view(">u4").ravel().astype(np.uint32)
        close = _compare_buckets(codes, keys, most)
        found = np.union1d(found, close[:, 0] * len(codes) + close[:, 1])
    pairs = np.stack(np.divmod(found, max(1, len(codes))), axis=1)
    return pairs, _count_differences(codes, pairs)


def _compare_buckets(codes: NDArray[np.uint8], keys: NDArray[np.uint32], most: int) -> Pairs:
    """Compares codes whose keys begin with the same bits."""
    order = np.argsort(keys, kind="stable")
    buckets = keys[order] >> _ORDER_BITS
    found = []
    starts = np.arange(len(order))
    for step in range(1, _FOLLOWING + 1):
        starts = starts[starts + step < len(order)]
        starts = starts[buckets[starts] == buckets[starts + step]]
        if not len(starts):
            break
        pairs = np.sort(np.stack([order[starts], order[starts + step]], axis=1), axis=1)
        found.append(pairs[_count_differences(codes, pairs) <= most])
    return np.concatenate(found) if found else np.zeros((0, 2), np.intp)


def _count_differences(codes: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.intp]:
    different = codes[pairs[:, 0]] ^ codes[pairs[:, 1]]
    counts: NDArray[np.intp] = np.bitwise_count(different).sum(axis=1, dtype=np.intp)
    return counts
