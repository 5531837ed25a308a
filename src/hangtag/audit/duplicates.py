"""Duplicates in a feed: items with the same image, exactly or nearly.

Hashes find candidate pairs, pixels decide. Only hashes are in memory, 40 bytes an item.

Letters: N items, P pairs, G label groups.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.scan import NO_GROUP, LabelGroup, Scan
from hangtag.errors import ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage
from hangtag.images.hashing import (
    WORDS,
    find_exact_duplicates,
    find_near_pairs,
    is_near_duplicate,
)
from hangtag.images.spec import ImageSpec

MAX_DUPLICATES, MAX_OF_IMAGE = 100_000, 50
"""Largest number of duplicates reported, in all and of one image: an image that comes more often is
a placeholder."""

_PAIRS_AT_ONCE = 256

FindPaths = Callable[[Sequence[int]], dict[int, str]]
"""Returns position -> path of the image."""


class IssueKind(StrEnum):
    """What is wrong with an item, as issues.csv says it."""

    LABEL = "label issue"
    """The image contradicts the label."""
    CONFLICT = "conflicting labels"
    """The same image has a label that means something else: one of the two is wrong."""
    DUPLICATE = "duplicate item"
    """The same supplier sent the image under another id."""
    SHARED = "shared image"
    """Another supplier sent the image too."""


@dataclass(frozen=True, slots=True)
class DuplicateItem:
    """An item whose image comes again.

    Attributes:
        kind: What that means.
        of: Id of the other item: preferably one with a conflicting label, then one of the same
            supplier.
        exact: Whether the pixels are equal, else nearly equal.
        first: Position of the first item with the image, in the scan.
    """

    kind: IssueKind
    of: str
    exact: bool
    first: int


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """An item that shares its image: id, number of its label group, hash of its pixels."""

    id: str
    group: int
    pixel_hash: int


def find_duplicate_items(
    scan: Scan, included: NDArray[np.bool_], pool: DecoderPool, spec: ImageSpec
) -> dict[int, DuplicateItem]:
    """Finds the items whose image comes more than once; returns them by position in the scan.

    Args:
        scan: The scanned feed.
        included: Whether a label includes a category, (G, K + 1).
        pool: Decodes candidate pairs again.
        spec: Size to compare images at.
    """
    pixel_hashes, difference_hashes = scan.read_hashes()
    firsts = find_exact_duplicates(pixel_hashes)
    distinct = np.flatnonzero(firsts == np.arange(len(firsts)))
    candidates = distinct[find_near_pairs(difference_hashes[distinct].reshape(-1, WORDS))]
    pairs = confirm_pairs(candidates, lambda wanted: _find_paths(scan, wanted), pool, spec)
    images = group_positions(firsts, pairs)
    copies = _read_copies(scan, list(itertools.chain.from_iterable(images)), pixel_hashes)
    found: dict[int, DuplicateItem] = {}
    for positions in images:
        present = {position: copies[position] for position in positions if position in copies}
        for position, item in present.items():
            others = [other for place, other in present.items() if place != position]
            if others:
                found[position] = describe_duplicate(
                    item, others, positions[0], scan.groups.all, included
                )
    return found


def describe_duplicate(
    item: ImageCopy,
    others: Sequence[ImageCopy],
    first: int,
    groups: Sequence[LabelGroup],
    included: NDArray[np.bool_],
) -> DuplicateItem:
    """Says what it means that an item shares its image with others.

    Args:
        item: The item.
        others: The others, at least one.
        first: Position of the first item with the image.
        groups: The label groups.
        included: Whether a label includes a category, (G, K + 1).
    """

    def conflicts(other: ImageCopy) -> bool:
        return not (included[item.group] & included[other.group]).any()

    def has_same_supplier(other: ImageCopy) -> bool:
        return groups[other.group].supplier == groups[item.group].supplier

    other = max(others, key=lambda other: (conflicts(other), has_same_supplier(other)))
    if conflicts(other):
        kind = IssueKind.CONFLICT
    else:
        kind = IssueKind.DUPLICATE if has_same_supplier(other) else IssueKind.SHARED
    return DuplicateItem(kind, other.id, item.pixel_hash == other.pixel_hash, first)


def confirm_pairs(
    pairs: NDArray[np.int64], find_paths: FindPaths, pool: DecoderPool, spec: ImageSpec
) -> NDArray[np.int64]:
    """Returns the pairs (P, 2) whose pixels, decoded to `spec`, are nearly equal."""
    kept: list[list[int]] = []
    paths = find_paths(np.unique(pairs).tolist())
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        chunk: list[list[int]] = pairs[start : start + _PAIRS_AT_ONCE].tolist()
        wanted = sorted({position for pair in chunk for position in pair})
        decoded = pool.decode((paths[position] for position in wanted), spec)
        images = dict(zip(wanted, decoded, strict=True))
        kept += [pair for pair in chunk if _are_near(images[pair[0]], images[pair[1]])]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _are_near(first: DecodedImage | ImageError, second: DecodedImage | ImageError) -> bool:
    if isinstance(first, ImageError) or isinstance(second, ImageError):
        return False
    return is_near_duplicate(first.pixels, second.pixels)


def group_positions(firsts: NDArray[np.int64], pairs: NDArray[np.int64]) -> list[list[int]]:
    """Returns the positions of each image that comes more than once, in rising order.

    At most `MAX_OF_IMAGE` of an image, and of the first images as many as hold `MAX_DUPLICATES`.

    Args:
        firsts: For each item the first one with equal pixels, (N,).
        pairs: Items with nearly equal pixels, (P, 2).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(firsts)
    rows = np.concatenate([np.arange(count), pairs[:, 0]])
    columns = np.concatenate([firsts, pairs[:, 1]])
    links = coo_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), (count, count))
    _, component = connected_components(links, directed=False)
    # Items by image; a Python object is made only for those that are returned.
    order = np.argsort(component, kind="stable")
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    sizes = np.diff(starts, append=count)
    starts, sizes = starts[sizes > 1], np.minimum(sizes[sizes > 1], MAX_OF_IMAGE)
    by_first = np.argsort(order[starts], kind="stable")
    starts, sizes = starts[by_first], sizes[by_first]
    reported = np.searchsorted(np.cumsum(sizes), MAX_DUPLICATES, side="right")
    return [
        order[start : start + size].tolist()
        for start, size in zip(starts[:reported], sizes[:reported], strict=True)
    ]


def _find_paths(scan: Scan, wanted: Sequence[int]) -> dict[int, str]:
    return {position: items.paths[row] for position, items, row in scan.read_at(wanted)}


def _read_copies(
    scan: Scan, wanted: Sequence[int], hashes: NDArray[np.int64]
) -> dict[int, ImageCopy]:
    """Returns the items at some positions; items without a label are left out."""
    return {
        position: ImageCopy(items.ids[row], int(items.groups[row]), int(hashes[position]))
        for position, items, row in scan.read_at(wanted)
        if items.groups[row] != NO_GROUP
    }
