"""The same picture twice: exact copies, and copies that were saved again, scaled or lightened.

Of each image two fingerprints are kept: a hash of its pixels, and 242 bits that say where an 11 x
11 reduction of it gets brighter to the right and downwards (difference hash; Krawetz 2013, "Kind of
like that"). Images with nearly the same bits are nominated; whether they are copies their pixels
decide. Only fingerprints are in memory, 40 bytes an item.

Letters: N items, P pairs.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hangtag.images.items import Pixels, Shape
from hangtag.readers import Decoders, ImageFile

WORDS = 4
"""64-bit words of a sketch."""

_SIDE = 11
_BRIGHTER = 8
"""Grey levels from which a cell counts as brighter than its neighbour: flat areas have no bits."""

_BITS_APART = 10
"""Most bits in which nominated images differ: 95 in 100 JPEG copies of quality 75 are nearer."""

_FEWEST_BITS = 8
"""Bits of an image that says enough to be nominated."""

_NEIGHBOURS = 16
"""Images a nominee is compared with, of those with the same 32 bits."""

_DIFFERENCE = 0.06
"""Largest mean difference of copies, in standard deviations of their pixels. Of 3,000 validation
images of Fashion-MNIST one pair is as alike; of 500 copies at JPEG quality 90, 498 are."""

MOST_PAIRS = 100_000
"""At most so many pairs are nominated, and their pixels compared."""

_PAIRS_AT_ONCE = 256

FindPaths = Callable[[Sequence[int]], dict[int, str]]
"""Returns where the images at some positions lie."""


def hash_pixels(pixels: Pixels) -> int:
    """Returns a hash of an image, 0 to 2^63 - 1: equal for equal pixels."""
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def sketch_pixels(pixels: Pixels) -> bytes:
    """Returns the bits of an image, `WORDS` x 8 bytes."""
    grey = Image.fromarray(pixels).convert("L")
    wide = np.asarray(grey.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), dtype=np.int16)
    tall = np.asarray(grey.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX), dtype=np.int16)
    steps = [np.diff(wide, axis=1).ravel(), np.diff(tall, axis=0).ravel()]
    return np.packbits(np.concatenate(steps) > _BRIGHTER).tobytes().ljust(8 * WORDS, b"\0")


def find_exact(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each item the position of the first one with its hash, (N,)."""
    _, firsts, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    found: NDArray[np.int64] = firsts[inverse]
    return found


def nominate(sketches: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns pairs of items with nearly the same bits, (P, 2), the lower position first.

    Items that share one of eight parts of the bits are neighbours when these are sorted; each is
    compared with the next few, so that the time is that of sorting. Images with next to no bits,
    such as blank ones, are left out. The search ends at `MOST_PAIRS`.

    Args:
        sketches: (N, `WORDS`).
    """
    chosen = np.flatnonzero(np.bitwise_count(sketches).sum(axis=1) >= _FEWEST_BITS)
    kept = np.ascontiguousarray(sketches[chosen])
    parts = kept.view(np.uint32)
    found = np.zeros((0, 2), dtype=np.int64)
    for part in range(parts.shape[1]):
        keys = parts[:, part]
        order = np.lexsort((parts[:, (part + 1) % parts.shape[1]], keys))
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            near = _compare(kept, keys, order[:-step], order[step:])
            found = np.unique(np.concatenate([found, near]), axis=0)
            if len(found) >= MOST_PAIRS:
                return chosen[found[:MOST_PAIRS]]
    return chosen[found]


def _compare(
    sketches: NDArray[np.uint64],
    keys: NDArray[np.uint32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Returns those of the pairs `left`, `right` (P,) that share a key and are nearly the same."""
    same = keys[left] == keys[right]
    left, right = left[same], right[same]
    near = np.bitwise_count(sketches[left] ^ sketches[right]).sum(axis=1) <= _BITS_APART
    pairs: NDArray[np.int64] = np.sort(np.stack([left[near], right[near]], axis=1), axis=1)
    return pairs


def confirm(
    pairs: NDArray[np.int64], find_paths: FindPaths, decoders: Decoders, shape: Shape
) -> NDArray[np.int64]:
    """Returns the pairs (P, 2) whose pixels, decoded to `shape`, are nearly the same."""
    kept = []
    paths = find_paths(np.unique(pairs).tolist())
    for chunk in _chunks(pairs.tolist()):
        wanted = sorted({position for pair in chunk for position in pair})
        files = (ImageFile(paths[position]) for position in wanted)
        decoded = decoders.decode(files, size=shape[:2], channels=shape[2])
        pixels = {position: one.pixels for position, one in zip(wanted, decoded, strict=True)}
        kept += [pair for pair in chunk if is_copy(pixels[pair[0]], pixels[pair[1]])]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _chunks(pairs: list[list[int]]) -> Iterator[list[list[int]]]:
    remaining = iter(pairs)
    while chunk := list(itertools.islice(remaining, _PAIRS_AT_ONCE)):
        yield chunk


def is_copy(one: Pixels | None, other: Pixels | None) -> bool:
    """Returns whether the pixels of two images are nearly the same; no where one has none."""
    if one is None or other is None:
        return False
    spread = (float(one.std()) + float(other.std())) / 2
    difference = np.abs(one.astype(np.float32) - other.astype(np.float32)).mean()
    return bool(difference <= _DIFFERENCE * max(spread, 1.0))


def group_positions(firsts: NDArray[np.int64], pairs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Returns the positions of each picture that comes more than once, in rising order.

    Args:
        firsts: For each item the first one with the same pixels, (N,).
        pairs: Items with nearly the same pixels, (P, 2).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(firsts)
    rows = np.concatenate([np.arange(count), pairs[:, 0]])
    columns = np.concatenate([firsts, pairs[:, 1]])
    links = coo_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), (count, count))
    _, group = connected_components(links, directed=False)
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0]))
