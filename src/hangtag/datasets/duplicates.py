"""Exact duplicates in a dataset: images in several splits or under several labels."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.images.hashing import hash_pixels
from hangtag.readers.record import SPLIT_NAMES


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An image that also occurs in an earlier split, or before in its own.

    Attributes:
        split: The later split, such as ``test``.
        id: The image there.
        other_split: The earlier split, such as ``train``, or the same.
        other_id: Its first copy there, one with the same label when there is one.
        same_label: Whether a copy there carries the same label.
    """

    split: str
    id: str
    other_split: str
    other_id: str
    same_label: bool


def find_duplicates(splits: Mapping[str, Split]) -> list[Duplicate]:
    """Finds exact duplicates between splits, and within each split those under another label.

    Splits are compared in the order train, validation, test. Every image of a split gives at most
    one Duplicate for its own and for each earlier split. Images are compared by a hash of
    their pixels: 70,000 images take a fraction of a second.
    """
    present = [name for name in SPLIT_NAMES if name in splits]
    hashes = {name: _hash_images(splits[name].images) for name in present}
    return [
        duplicate
        for earlier, later in combinations_with_replacement(present, 2)
        for duplicate in (
            _compare(earlier, later, splits, hashes)
            if earlier != later
            else _find_contradictions(later, splits[later], hashes[later])
        )
    ]


def describe_duplicates(
    duplicates: Sequence[Duplicate], splits: Mapping[str, Split]
) -> tuple[str, ...]:
    """Returns one sentence for each pair of splits that share images, or one that none does.

    And one for each split with images that contradict each other.
    """
    between = [duplicate for duplicate in duplicates if duplicate.split != duplicate.other_split]
    pairs = Counter((duplicate.split, duplicate.other_split) for duplicate in between)
    relabelled = Counter(
        (duplicate.split, duplicate.other_split)
        for duplicate in between
        if not duplicate.same_label
    )
    found = [
        f"{count:,} of the {len(splits[split]):,} {split} images also appear in {other} "
        f"({relabelled[split, other]:,} of them under another label)."
        for (split, other), count in pairs.items()
    ]
    if not between and len(splits) > 1:
        found.append("No image occurs in more than one split.")
    for name in splits:
        within = [
            duplicate
            for duplicate in duplicates
            if duplicate.split == duplicate.other_split == name
        ]
        if within:
            found.append(
                f"{len(within):,} of the {len(splits[name]):,} {name} images occur there under "
                f"another label too; the first: {within[0].other_id} and {within[0].id}."
            )
    return tuple(found)


def _hash_images(images: NDArray[np.uint8]) -> list[int]:
    return [hash_pixels(image) for image in images]


def _compare(
    earlier: str, later: str, splits: Mapping[str, Split], hashes: Mapping[str, list[int]]
) -> list[Duplicate]:
    wanted = set(hashes[later])
    places: defaultdict[int, list[int]] = defaultdict(list)
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


def _find_contradictions(name: str, split: Split, hashes: list[int]) -> list[Duplicate]:
    """Returns each image with an earlier copy in its own split that has another label."""
    first: dict[int, dict[int, int]] = {}
    found = []
    for position, (value, label) in enumerate(zip(hashes, split.labels.tolist(), strict=True)):
        copies = first.setdefault(value, {})
        other = next((place for known, place in copies.items() if known != label), None)
        if other is not None:
            ids = str(split.ids[position]), str(split.ids[other])
            found.append(Duplicate(name, ids[0], name, ids[1], same_label=False))
        copies.setdefault(label, position)
    return found
