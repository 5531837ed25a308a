"""The search for close codes against a comparison of all with all."""

import numpy as np
from numpy.typing import NDArray

from hangtag.images.hashing import find_close_pairs

MOST = 40


def flip(codes: NDArray[np.uint8], count: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Flips `count` bits of each code."""
    bits = np.unpackbits(codes, axis=1)
    for row in bits:
        row[random.permutation(len(row))[:count]] ^= 1
    return np.packbits(bits, axis=1)


def test_nearly_all_close_pairs_are_found_and_no_others() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (1500, 32), np.uint8)
    codes = np.concatenate(
        [codes, flip(codes[:400], MOST, random), flip(codes[400:500], 10, random)]
    )
    bits = np.unpackbits(codes, axis=1).astype(np.int32)
    distances = bits.sum(1)[:, None] + bits.sum(1) - 2 * bits @ bits.T
    all_pairs = {tuple(pair) for pair in np.argwhere(np.triu(distances <= MOST, 1)).tolist()}
    assert len(all_pairs) >= 500

    pairs, different = find_close_pairs(codes, MOST)
    found = {tuple(pair) for pair in pairs.tolist()}
    assert found <= all_pairs
    assert len(found) > 0.95 * len(all_pairs)
    assert {(number, 1900 + number - 400) for number in range(400, 500)} <= found
    assert different.tolist() == [distances[one, other] for one, other in pairs.tolist()]


def test_no_code_or_one_has_no_pair() -> None:
    for count in (0, 1):
        pairs, different = find_close_pairs(np.zeros((count, 32), np.uint8), MOST)
        assert pairs.shape == (0, 2)
        assert different.shape == (0,)


def test_the_work_is_bounded_where_all_codes_are_the_same() -> None:
    pairs, _ = find_close_pairs(np.zeros((1000, 32), np.uint8), MOST)
    assert len(pairs) <= 1000 * 64
    assert np.isin(np.arange(1000), pairs).all()
