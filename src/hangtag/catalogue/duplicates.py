"""Finds images that occur, byte for byte, in more than one split of a catalogue."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.items import SPLIT_NAMES, Split


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An image of one split that also occurs in an earlier split.

    Attributes:
        split: The later split, such as ``test``.
        id: The image there.
        other_split: The earlier split, such as ``train``.
        other_id: Its first copy there, one with the same label when there is one.
        same_label: Whether a copy there carries the same label.
    """

    split: str
    id: str
    other_split: str
    other_id: str
    same_label: bool


def find_duplicates(splits: Mapping[str, Split]) -> list[Duplicate]:
    """Finds exact copies between splits, in the order train, validation, test.

    Every image of a split gives at most one Duplicate for each earlier split. Images are
    compared by a 128-bit hash of their pixels: 70,000 images take a fraction of a second.
    """
    present = [name for name in SPLIT_NAMES if name in splits]
    hashes = {name: _hash_images(splits[name].images) for name in present}
    return [
        duplicate
        for earlier, later in combinations(present, 2)
        for duplicate in _compare(earlier, later, splits, hashes)
    ]


def describe_duplicates(
    duplicates: Sequence[Duplicate], splits: Mapping[str, Split]
) -> tuple[str, ...]:
    """Returns one sentence for each pair of splits that share images, or one that none does."""
    if not duplicates:
        return ("No image occurs in more than one split.",) if len(splits) > 1 else ()
    pairs = Counter((item.split, item.other_split) for item in duplicates)
    relabelled = Counter(
        (item.split, item.other_split) for item in duplicates if not item.same_label
    )
    return tuple(
        f"{count:,} of the {len(splits[split]):,} {split} images also appear in {other} "
        f"({relabelled[split, other]:,} of them under another label)."
        for (split, other), count in pairs.items()
    )


def _hash_images(images: NDArray[np.uint8]) -> list[bytes]:
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def _compare(
    earlier: str, later: str, splits: Mapping[str, Split], hashes: Mapping[str, list[bytes]]
) -> list[Duplicate]:
    wanted = set(hashes[later])
    places: defaultdict[bytes, list[int]] = defaultdict(list)
    for position, value in enumerate(hashes[earlier]):
        if value in wanted:
            places[value].append(position)
    found = []
    for position, value in enumerate(hashes[later]):
        if value not in places:
            continue
        label = splits[later].labels[position]
        copies = places[value]
        same = [copy for copy in copies if splits[earlier].labels[copy] == label]
        other = (same or copies)[0]
        found.append(
            Duplicate(
                later,
                str(splits[later].ids[position]),
                earlier,
                str(splits[earlier].ids[other]),
                bool(same),
            )
        )
    return found
