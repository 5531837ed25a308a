"""Items of a brand under an id that the brand gave to another item before."""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hangtag.audit.groups import NO_GROUP
from hangtag.audit.scan import Scan, read_scan


@dataclass(frozen=True, slots=True)
class RepeatedIds:
    """Ids that come again.

    Attributes:
        count: Items whose id came before from their brand.
        first: The id of the first of them; empty where there is none.
    """

    count: int = 0
    first: str = ""


def find_repeated_ids(scan: Scan) -> RepeatedIds:
    """Finds ids that come again, among items with a label and a readable image.

    In memory are 8 bytes an item, beside what sorting them takes.
    """
    hashes = np.array(array("Q", (_hash(key) for key in _read_keys(scan))), dtype=np.uint64)
    firsts = np.unique(hashes, return_index=True)[1]
    again = np.ones(len(hashes), dtype=np.bool_)
    again[firsts] = False
    if not again.any():
        return RepeatedIds()
    first = int(again.argmax())
    found = next(key for place, key in enumerate(_read_keys(scan)) if place == first)
    return RepeatedIds(int(again.sum()), found[1])


def _read_keys(scan: Scan) -> Iterator[tuple[str, str]]:
    """Gives the supplier and the id of each item."""
    groups = scan.groups.all
    for items in read_scan(scan):
        for identifier, group in zip(items.ids, items.groups.tolist(), strict=True):
            if group != NO_GROUP:
                yield groups[group].supplier, identifier


def _hash(key: tuple[str, str]) -> int:
    digest = hashlib.blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
