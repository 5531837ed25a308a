"""Duplicates are found, similar images are not."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from hangtag.audit.duplicates import (
    MAX_DUPLICATES,
    MAX_OF_IMAGE,
    ImageCopy,
    IssueKind,
    describe_duplicate,
    group_positions,
)
from hangtag.audit.scan import LabelGroup
from hangtag.datasets import Dataset
from hangtag.images.hashing import (
    WORDS,
    difference_hash,
    find_exact_duplicates,
    find_near_pairs,
    hash_pixels,
    is_near_duplicate,
)


def save_again(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def sketch(images: list[np.ndarray]) -> np.ndarray:
    return np.frombuffer(b"".join(map(difference_hash, images)), np.uint64).reshape(-1, WORDS)


def test_copies_saved_again_are_found_and_few_others(fashion_mnist: Dataset) -> None:
    """400 garments; 100 of them a second time, as JPEG."""
    images = list(fashion_mnist.splits["train"].images[:400])
    images += [save_again(image, 90) for image in images[:100]]
    pairs = [tuple(pair) for pair in find_near_pairs(sketch(images)).tolist()]
    confirmed = {pair for pair in pairs if is_near_duplicate(images[pair[0]], images[pair[1]])}
    planted = {(index, 400 + index) for index in range(100)}
    assert len(confirmed & planted) >= 95
    assert len(confirmed - planted) <= 2


def test_colour_counts() -> None:
    red, blue = (np.zeros((40, 30, 3), np.uint8) for _ in range(2))
    red[5:30, 5:20, 0] = 200
    blue[5:30, 5:20, 2] = 200
    assert hash_pixels(red) != hash_pixels(blue)
    assert not is_near_duplicate(red, blue)
    assert is_near_duplicate(red, red)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_items(count: int) -> None:
    busy = np.full((count, WORDS), 2**40 - 1, np.uint64)
    assert find_near_pairs(busy).shape == (max(count - 1, 0), 2)
    assert find_near_pairs(np.zeros_like(busy)).shape == (0, 2)  # Blank images are no copies.


def test_a_picture_of_many_items_is_one_group() -> None:
    """A placeholder that comes a thousand times costs no more than a thousand links."""
    hashes = np.array([5, 7, 5, 9] + [7] * 1000)
    firsts = find_exact_duplicates(hashes)
    groups = group_positions(firsts, np.array([[0, 3]]))
    assert [len(group) for group in groups] == [3, MAX_OF_IMAGE]
    assert groups[0] == [0, 2, 3]


def test_where_every_picture_repeats_no_more_are_grouped_than_are_reported() -> None:
    firsts = np.repeat(np.arange(0, 3 * MAX_DUPLICATES, 2), 2)
    groups = group_positions(firsts, np.zeros((0, 2), np.int64))
    assert len(groups) == MAX_DUPLICATES // 2
    assert groups[0] == [0, 1]
    assert groups[-1] == [MAX_DUPLICATES - 2, MAX_DUPLICATES - 1]
    assert group_positions(firsts[:0], np.zeros((0, 2), np.int64)) == []


def test_what_a_duplicate_means() -> None:
    groups = [
        LabelGroup("A", "tee"),
        LabelGroup("A", "bag"),
        LabelGroup("B", "shirt"),
        LabelGroup("A", "t-shirt"),
    ]
    included = np.array([[True, False], [False, True], [True, False], [True, False]])
    tee, bag, other, own = (ImageCopy(name, row, 1) for row, name in enumerate("abcd"))

    def describe(item: ImageCopy, *others: ImageCopy) -> tuple[IssueKind, str]:
        found = describe_duplicate(item, others, 0, groups, included)
        return found.kind, found.of

    assert describe(tee, own) == (IssueKind.DUPLICATE, "d")
    assert describe(tee, other) == (IssueKind.SHARED, "c")
    assert describe(tee, other, own) == (IssueKind.DUPLICATE, "d")
    assert describe(tee, own, bag) == (IssueKind.CONFLICT, "b")
    assert describe(bag, tee, other)[0] is IssueKind.CONFLICT
