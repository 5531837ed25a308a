"""The same picture twice: exact copies, and copies that were saved again, scaled or lightened.

`images.hashing` nominates pairs; whether they are copies their pixels decide.

Letters: N items, P pairs.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hangtag.images.hashing import is_near_duplicate
from hangtag.images.items import Pixels, Shape
from hangtag.readers import Decoders, ImageFile

_PAIRS_AT_ONCE = 256

FindPaths = Callable[[Sequence[int]], dict[int, str]]
"""Returns where the images at some positions lie."""


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
        kept += [pair for pair in chunk if _are_near(pixels[pair[0]], pixels[pair[1]])]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _are_near(first: Pixels | None, second: Pixels | None) -> bool:
    return first is not None and second is not None and is_near_duplicate(first, second)


def _chunks(pairs: list[list[int]]) -> Iterator[list[list[int]]]:
    remaining = iter(pairs)
    while chunk := list(itertools.islice(remaining, _PAIRS_AT_ONCE)):
        yield chunk


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
