"""Finds duplicates among the photos of a dataset, exact and near."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.photos import PHOTO_COLUMNS, Photo, Photos
from hangtag.images.hashing import (
    CODE_BYTES,
    Pairs,
    find_close_pairs,
    hash_embeddings,
    hash_pixels,
    perceptual_hash,
)
from hangtag.progress import OnProgress
from hangtag.tables.csv_cells import write_csv_rows

DUPLICATES = "duplicates.csv"
"""File name of the table of duplicates."""

PLACES = ("splits", "suppliers", "labels")
"""What two duplicates may lie across. Across splits or suppliers they spoil measurements."""

MAX_BITS = 40
"""Bits of 256 in which the hashes of near-duplicates may differ."""

MIN_CORRELATION = 0.9
"""Correlation that the colours of near-duplicates must have, at 16x16 pixels."""

MIN_COSINE = 0.9
"""Cosine that the centred embeddings of near-duplicates must have."""

_MAX_EMBEDDING_BITS = 56
"""At that cosine 37 of 256 bits differ on average, and hardly ever more than these."""

_THUMBNAIL = 16


@dataclass(frozen=True, slots=True)
class PhotoDuplicate:
    """A photo that is an exact or near duplicate of an earlier one.

    Attributes:
        position: The photo, by its place in the list of photos.
        other: The earlier one.
        by: ``pixels`` for an exact duplicate; ``hash`` or ``embedding`` for a near one.
        value: 1 for an exact duplicate; else the fraction of equal bits of the hash, or the
            cosine.
        across: Which of `PLACES` the two lie across.
    """

    position: int
    other: int
    by: str
    value: float
    across: tuple[str, ...]

    @property
    def kind(self) -> str:
        """``exact`` or ``near``."""
        return "exact" if self.by == "pixels" else "near"


def find_photo_duplicates(
    photos: Photos,
    embeddings: NDArray[np.float32] | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> list[PhotoDuplicate]:
    """Finds exact and near duplicates, at most one entry for each photo, the worst first.

    A photo with several duplicates is paired with the one that matters most: one of another
    split, then of another supplier, then with another label, then the first.

    Args:
        photos: N photos.
        embeddings: Of the photos, (N, D). They find other crops, other light and the same garment
            photographed again. Without them the hash finds what was saved again, scaled,
            lightened or trimmed a little.
        on_progress: Called with the number of photos hashed and of all.
    """
    hashes, codes, thumbnails = _hash_all(photos, on_progress)
    groups: defaultdict[_PhotoHash, list[int]] = defaultdict(list)
    for position, value in enumerate(hashes):
        groups[value].append(position)
    firsts = np.array([members[0] for members in groups.values()], np.intp)
    near = _compare_hashes(codes, thumbnails, firsts)
    if embeddings is not None:
        near = _compare_embeddings(embeddings, firsts) | near  # where both agree, by hash
    duplicates = [*_pair_groups(groups.values(), photos.items), *_choose_near(near, photos.items)]
    return sorted(
        duplicates,
        key=lambda duplicate: (_rank(duplicate.across), -duplicate.value, duplicate.position),
    )


def count_photo_duplicates(duplicates: Sequence[PhotoDuplicate]) -> dict[str, dict[str, int]]:
    """Counts exact and near duplicates: ``items`` in all, and those across each of `PLACES`."""
    counts = {kind: dict.fromkeys(("items", *PLACES), 0) for kind in ("exact", "near")}
    for duplicate in duplicates:
        for place in ("items", *duplicate.across):
            counts[duplicate.kind][place] += 1
    return counts


def write_photo_duplicates(
    path: Path, duplicates: Sequence[PhotoDuplicate], photos: Photos
) -> None:
    """Writes duplicates as CSV, each beside the earlier photo.

    The columns are those of the photo, ``kind``, ``by``, ``value``, ``across``, and those of the
    earlier photo, which begin with ``other_``.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = (
        [
            *photos.items[duplicate.position].cells,
            duplicate.kind,
            duplicate.by,
            f"{duplicate.value:.6g}",
            " ".join(duplicate.across),
            *photos.items[duplicate.other].cells,
        ]
        for duplicate in duplicates
    )
    others = [f"other_{column}" for column in PHOTO_COLUMNS]
    write_csv_rows(path, [*PHOTO_COLUMNS, "kind", "by", "value", "across", *others], rows)


_PhotoHash = tuple[tuple[int, ...], int]
"""Shape and hash of the pixels of a photo."""

_NearPairs = dict[tuple[int, int], tuple[str, float]]
"""How two photos are near, by their positions, the earlier first."""


def _hash_all(
    photos: Photos, on_progress: OnProgress | None
) -> tuple[list[_PhotoHash], NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns exact hashes, codes (N, 32) and thumbnails (N, 16 * 16 * 3) of the photos."""
    from PIL import Image

    hashes: list[_PhotoHash] = []
    codes = np.zeros((len(photos), CODE_BYTES), np.uint8)
    thumbnails = np.zeros((len(photos), _THUMBNAIL**2 * 3), np.uint8)
    for position, picture in enumerate(photos.pictures()):
        pixels = np.ascontiguousarray(picture)
        hashes.append((pixels.shape, hash_pixels(pixels)))
        codes[position] = perceptual_hash(pixels)
        small = Image.fromarray(pixels).resize((_THUMBNAIL,) * 2, Image.Resampling.BOX)
        thumbnails[position] = np.asarray(small).ravel()
        if on_progress:
            on_progress(position + 1, len(photos))
    return hashes, codes, thumbnails


def _compare_hashes(
    codes: NDArray[np.uint8], thumbnails: NDArray[np.uint8], firsts: NDArray[np.intp]
) -> _NearPairs:
    pairs, different = find_close_pairs(codes[firsts], MAX_BITS)
    pairs = firsts[pairs]
    alike = _cosines(thumbnails, pairs) >= MIN_CORRELATION
    equal = 1 - different / (8 * CODE_BYTES)
    return _name_pairs(pairs[alike], "hash", equal[alike])


def _compare_embeddings(embeddings: NDArray[np.float32], firsts: NDArray[np.intp]) -> _NearPairs:
    centred = embeddings - embeddings[firsts].mean(axis=0)
    pairs, _ = find_close_pairs(hash_embeddings(centred)[firsts], _MAX_EMBEDDING_BITS)
    pairs = firsts[pairs]
    cosines = _cosines(centred, pairs, centre=False)
    alike = cosines >= MIN_COSINE
    return _name_pairs(pairs[alike], "embedding", cosines[alike])


def _name_pairs(pairs: Pairs, by: str, values: NDArray[np.float64]) -> _NearPairs:
    named = zip(pairs.tolist(), values.tolist(), strict=True)
    return {(first, second): (by, value) for (first, second), value in named}


def _cosines(
    vectors: NDArray[np.uint8] | NDArray[np.float32], pairs: Pairs, *, centre: bool = True
) -> NDArray[np.float64]:
    """Returns the cosines (M,) of pairs of rows (M, 2), correlations when each is centred first."""
    values = []
    for first, second in pairs:
        a, b = vectors[first].astype(np.float64), vectors[second].astype(np.float64)
        if centre:
            a, b = a - a.mean(), b - b.mean()
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        values.append(float(a @ b) / lengths if lengths else 0.0)
    return np.array(values)


def _pair_groups(
    groups: Iterable[Sequence[int]], items: Sequence[Photo]
) -> Iterator[PhotoDuplicate]:
    """Pairs each photo of a group of exact duplicates with the earlier one that matters most."""
    for members in groups:
        kinds: dict[tuple[str, str, str], int] = {}
        for position in members:
            photo = items[position]
            if kinds:
                yield _choose(position, [(other, "pixels", 1.0) for other in kinds.values()], items)
            kinds.setdefault((photo.split, photo.supplier, photo.label), position)


def _choose_near(
    near: Mapping[tuple[int, int], tuple[str, float]], items: Sequence[Photo]
) -> Iterator[PhotoDuplicate]:
    """Pairs each photo with the earlier near-duplicate that matters most."""
    partners: defaultdict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for (first, second), (by, value) in near.items():
        partners[second].append((first, by, value))
    for position, found in partners.items():
        yield _choose(position, found, items)


def _choose(
    position: int, found: Iterable[tuple[int, str, float]], items: Sequence[Photo]
) -> PhotoDuplicate:
    duplicates = [
        PhotoDuplicate(position, other, by, value, _find_across(items[position], items[other]))
        for other, by, value in found
    ]
    return min(
        duplicates,
        key=lambda duplicate: (_rank(duplicate.across), -duplicate.value, duplicate.other),
    )


def _find_across(photo: Photo, other: Photo) -> tuple[str, ...]:
    differs = (
        photo.split != other.split,
        photo.supplier != other.supplier,
        photo.label != other.label,
    )
    return tuple(place for place, lies in zip(PLACES, differs, strict=True) if lies)


def _rank(across: tuple[str, ...]) -> tuple[bool, ...]:
    return tuple(place not in across for place in PLACES)
