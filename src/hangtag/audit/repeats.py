"""What it means that a picture comes more than once: an item sold twice, or labels at odds."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.duplicates import confirm, group_positions
from hangtag.audit.groups import NO_GROUP, Group
from hangtag.audit.scan import Scan, read_at, read_fingerprints
from hangtag.images.hashing import WORDS, find_exact_duplicates, find_near_pairs
from hangtag.images.items import Shape
from hangtag.readers import Decoders

MOST_REPEATS, MOST_OF_PICTURE = 100_000, 50
"""At most so many items that repeat a picture are told of, the first so many of each picture: one
that comes more often stands for a missing one."""


class Finding(StrEnum):
    """What is said of an item in issues.csv."""

    LABEL = "label"
    """Its image contradicts its label."""
    AT_ODDS = "labels at odds"
    """The same picture has a label that means something else: one of the two is wrong."""
    TWICE = "sold twice"
    """The same picture comes from the same supplier under another id."""
    SHARED = "shared picture"
    """The same picture comes from another supplier."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """An item whose picture comes again.

    Attributes:
        finding: What that means.
        same_as: Id of the other item: one whose label is at odds, else one of the same supplier.
        exact: Whether the pixels are the same; else they nearly are.
        first: Position of the first item with the picture, in the scan.
    """

    finding: Finding
    same_as: str
    exact: bool
    first: int


@dataclass(frozen=True, slots=True)
class Member:
    """An item that shares its picture: its id, the number of its group, a hash of its pixels."""

    id: str
    group: int
    hash: int


def find_repeats(
    scan: Scan, cover: NDArray[np.bool_], decoders: Decoders, *, shape: Shape
) -> dict[int, Repeat]:
    """Finds the items whose picture comes more than once, by position in the scan.

    Args:
        scan: What the first pass left.
        cover: Whether a word covers a category, (G, K + 1).
        decoders: Decode the nominated pairs again.
        shape: What to decode to.
    """
    hashes, sketches = read_fingerprints(scan)
    firsts = find_exact_duplicates(hashes)
    distinct = np.flatnonzero(firsts == np.arange(len(firsts)))
    nominated = distinct[find_near_pairs(sketches[distinct].reshape(-1, WORDS))]
    pairs = confirm(nominated, lambda wanted: _find_paths(scan, wanted), decoders, shape)
    pictures = [part[:MOST_OF_PICTURE].tolist() for part in group_positions(firsts, pairs)]
    told = list(itertools.chain.from_iterable(pictures))[:MOST_REPEATS]
    members = _read_members(scan, told, hashes)
    found: dict[int, Repeat] = {}
    for part in pictures:
        those = {position: members[position] for position in part if position in members}
        for position, member in those.items():
            others = [other for place, other in those.items() if place != position]
            if others:
                found[position] = describe_repeat(member, others, part[0], scan.groups.all, cover)
    return found


def describe_repeat(
    member: Member,
    others: Sequence[Member],
    first: int,
    groups: Sequence[Group],
    cover: NDArray[np.bool_],
) -> Repeat:
    """Says what it means that an item shares its picture with others.

    Args:
        member: The item.
        others: The others, one at least.
        first: Position of the first item with the picture.
        groups: The words of the brands.
        cover: Whether a word covers a category, (G, K + 1).
    """

    def is_odd(other: Member) -> bool:
        return not (cover[member.group] & cover[other.group]).any()

    def is_own(other: Member) -> bool:
        return groups[other.group].supplier == groups[member.group].supplier

    other = max(others, key=lambda one: (is_odd(one), is_own(one)))
    if is_odd(other):
        finding = Finding.AT_ODDS
    else:
        finding = Finding.TWICE if is_own(other) else Finding.SHARED
    return Repeat(finding, other.id, member.hash == other.hash, first)


def _find_paths(scan: Scan, wanted: Sequence[int]) -> dict[int, str]:
    return {position: items.paths[row] for position, items, row in read_at(scan, wanted)}


def _read_members(
    scan: Scan, wanted: Sequence[int], hashes: NDArray[np.int64]
) -> dict[int, Member]:
    """Returns the items at some positions; those without a label are left out."""
    return {
        position: Member(items.ids[row], int(items.groups[row]), int(hashes[position]))
        for position, items, row in read_at(scan, wanted)
        if items.groups[row] != NO_GROUP
    }
