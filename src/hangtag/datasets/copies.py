"""Photos that occur more than once: pixel for pixel, or nearly."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.photos import Photo, Photos
from hangtag.images.close_codes import Pairs, find_close_codes
from hangtag.images.hashing import CODE_BYTES, hash_embeddings, hash_photo
from hangtag.progress import OnProgress

PLACES = ("splits", "suppliers", "labels")
"""What two copies may lie across. Across splits or suppliers they spoil measurements."""

MOST_BITS = 40
"""Bits of 256 in which the hashes of near copies may differ."""

LEAST_CORRELATION = 0.9
"""Correlation that the colours of near copies must have, at 16x16 pixels."""

LEAST_COSINE = 0.9
"""Cosine that the centred embeddings of near copies must have."""

_MOST_EMBEDDING_BITS = 56
"""At that cosine 37 of 256 bits differ on average, and hardly ever more than these."""

_THUMBNAIL = 16


@dataclass(frozen=True, slots=True)
class Copy:
    """A photo that an earlier one nearly or quite is.

    Attributes:
        position: The photo, by its place in the list of photos.
        other: The earlier one.
        by: ``pixels`` for an exact copy; ``hash`` or ``embedding`` for a near one.
        value: 1 for an exact copy; else the share of equal bits of the hash, or the cosine.
        across: Which of `PLACES` the two lie across.
    """

    position: int
    other: int
    by: str
    value: float
    across: tuple[str, ...]

    @property
    def finding(self) -> str:
        """``exact`` or ``near``."""
        return "exact" if self.by == "pixels" else "near"


def find_copies(
    photos: Photos,
    embeddings: NDArray[np.float32] | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> list[Copy]:
    """Finds exact and near copies; at most one Copy for each photo, the worst first.

    Of several photos that it is a copy of, the one is named that tells most: one of another split,
    then of another supplier, then with another label, then the first.

    Args:
        photos: N photos.
        embeddings: What a model makes of them, (N, D): finds other crops, other light, the same
            garment photographed again. Without it the hash finds what was saved anew, scaled,
            lightened or trimmed a little.
        on_progress: Called with the number of photos hashed and of all.
    """
    digests, codes, thumbnails = _hash_all(photos, on_progress)
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for position, digest in enumerate(digests):
        groups[digest].append(position)
    firsts = np.array([members[0] for members in groups.values()], np.intp)
    near = _compare_hashes(codes, thumbnails, firsts)
    if embeddings is not None:
        near = _compare_embeddings(embeddings, firsts) | near  # where both agree, by hash
    copies = [*_pair_groups(groups.values(), photos.items), *_choose_near(near, photos.items)]
    return sorted(copies, key=lambda copy: (_rank(copy.across), -copy.value, copy.position))


def count_copies(copies: Sequence[Copy]) -> dict[str, dict[str, int]]:
    """Counts exact and near copies: ``items`` in all, and those across each of `PLACES`."""
    counts = {finding: dict.fromkeys(("items", *PLACES), 0) for finding in ("exact", "near")}
    for copy in copies:
        for place in ("items", *copy.across):
            counts[copy.finding][place] += 1
    return counts


Near = dict[tuple[int, int], tuple[str, float]]
"""How two photos are near, by their positions, the earlier first."""


def _hash_all(
    photos: Photos, on_progress: OnProgress | None
) -> tuple[list[bytes], NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns digests, hashes (N, 32) and thumbnails (N, 16 * 16 * 3) of the photos."""
    from PIL import Image

    digests: list[bytes] = []
    codes = np.zeros((len(photos), CODE_BYTES), np.uint8)
    thumbnails = np.zeros((len(photos), _THUMBNAIL**2 * 3), np.uint8)
    for position, picture in enumerate(photos.pictures()):
        pixels = np.ascontiguousarray(picture)
        shape = str(pixels.shape).encode()
        digests.append(hashlib.blake2b(shape + pixels.tobytes(), digest_size=16).digest())
        codes[position] = hash_photo(pixels)
        small = Image.fromarray(pixels).resize((_THUMBNAIL,) * 2, Image.Resampling.BOX)
        thumbnails[position] = np.asarray(small).ravel()
        if on_progress:
            on_progress(position + 1, len(photos))
    return digests, codes, thumbnails


def _compare_hashes(
    codes: NDArray[np.uint8], thumbnails: NDArray[np.uint8], firsts: NDArray[np.intp]
) -> Near:
    pairs, different = find_close_codes(codes[firsts], MOST_BITS)
    pairs = firsts[pairs]
    alike = _cosines(thumbnails, pairs) >= LEAST_CORRELATION
    shares = 1 - different / (8 * CODE_BYTES)
    return _name_pairs(pairs[alike], "hash", shares[alike])


def _compare_embeddings(embeddings: NDArray[np.float32], firsts: NDArray[np.intp]) -> Near:
    centred = embeddings - embeddings[firsts].mean(axis=0)
    pairs, _ = find_close_codes(hash_embeddings(centred)[firsts], _MOST_EMBEDDING_BITS)
    pairs = firsts[pairs]
    cosines = _cosines(centred, pairs, centre=False)
    alike = cosines >= LEAST_COSINE
    return _name_pairs(pairs[alike], "embedding", cosines[alike])


def _name_pairs(pairs: Pairs, by: str, values: NDArray[np.float64]) -> Near:
    named = zip(pairs.tolist(), values.tolist(), strict=True)
    return {(first, second): (by, value) for (first, second), value in named}


def _cosines(
    vectors: NDArray[np.uint8] | NDArray[np.float32], pairs: Pairs, *, centre: bool = True
) -> NDArray[np.float64]:
    """Returns the cosines (M,) of pairs of rows (M, 2), correlations when each is centred first."""
    values = []
    for first, second in pairs:
        one, other = vectors[first].astype(np.float64), vectors[second].astype(np.float64)
        if centre:
            one, other = one - one.mean(), other - other.mean()
        lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
        values.append(float(one @ other) / lengths if lengths else 0.0)
    return np.array(values)


def _pair_groups(groups: Iterable[Sequence[int]], items: Sequence[Photo]) -> Iterator[Copy]:
    """Pairs each photo of a group of exact copies with the earlier one that tells most."""
    for members in groups:
        kinds: dict[tuple[str, str, str], int] = {}
        for position in members:
            photo = items[position]
            if kinds:
                yield _best(position, [(other, "pixels", 1.0) for other in kinds.values()], items)
            kinds.setdefault((photo.split, photo.supplier, photo.label), position)


def _choose_near(
    near: Mapping[tuple[int, int], tuple[str, float]], items: Sequence[Photo]
) -> Iterator[Copy]:
    """Pairs each photo with the earlier near copy that tells most."""
    partners: defaultdict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for (first, second), (by, value) in near.items():
        partners[second].append((first, by, value))
    for position, found in partners.items():
        yield _best(position, found, items)


def _best(position: int, found: Iterable[tuple[int, str, float]], items: Sequence[Photo]) -> Copy:
    copies = [
        Copy(position, other, by, value, _find_across(items[position], items[other]))
        for other, by, value in found
    ]
    return min(copies, key=lambda copy: (_rank(copy.across), -copy.value, copy.other))


def _find_across(one: Photo, other: Photo) -> tuple[str, ...]:
    differs = (one.split != other.split, one.supplier != other.supplier, one.label != other.label)
    return tuple(place for place, lies in zip(PLACES, differs, strict=True) if lies)


def _rank(across: tuple[str, ...]) -> tuple[bool, ...]:
    return tuple(place not in across for place in PLACES)
