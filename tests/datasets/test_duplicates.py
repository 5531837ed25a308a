import time

import numpy as np

from hangtag.datasets import Dataset
from hangtag.datasets.duplicates import Duplicate, describe_duplicates, find_duplicates
from tests.datasets.tiny_datasets import make_split


def test_planted_copies_are_found_and_nothing_else() -> None:
    train, test = make_split(50), make_split(20, name="test")
    test.images[4], test.labels[4] = train.images[7], train.labels[7]
    test.images[9], test.labels[9] = train.images[30], (train.labels[30] + 1) % 10

    found = find_duplicates({"test": test, "train": train})

    assert found == [
        Duplicate("test", "test/00004", "train", "train/00007", same_label=True),
        Duplicate("test", "test/00009", "train", "train/00030", same_label=False),
    ]


def test_a_copy_with_the_same_label_is_preferred() -> None:
    train, test = make_split(10), make_split(3, name="test")
    train.images[[2, 6]] = test.images[1]
    train.labels[2], train.labels[6] = (test.labels[1] + 1) % 10, test.labels[1]

    found = find_duplicates({"train": train, "test": test})

    assert found == [
        Duplicate("train", "train/00006", "train", "train/00002", same_label=False),
        Duplicate("test", "test/00001", "train", "train/00006", same_label=True),
    ]


def test_every_pair_of_splits_is_compared() -> None:
    splits = {name: make_split(4, name=name) for name in ("train", "validation", "test")}
    for split in splits.values():
        split.images[0] = 7

    pairs = [(item.split, item.other_split) for item in find_duplicates(splits)]

    assert pairs == [("validation", "train"), ("test", "train"), ("test", "validation")]


def test_copies_within_a_split_count_where_their_labels_differ() -> None:
    train = make_split(6)
    train.images[[1, 3, 4]] = train.images[0]
    train.labels[:] = [0, 0, 0, 1, 0, 1]

    found = find_duplicates({"train": train})

    assert found == [
        Duplicate("train", "train/00003", "train", "train/00000", same_label=False),
        Duplicate("train", "train/00004", "train", "train/00003", same_label=False),
    ]
    splits = {"train": train, "test": make_split(6, name="test")}
    assert describe_duplicates(find_duplicates(splits), splits) == (
        "No image occurs in more than one split.",
        "2 of the 6 train images occur there under another label too; "
        "the first: train/00000 and train/00003.",
    )


def test_description_counts_images_and_other_labels() -> None:
    splits = {"train": make_split(1200), "test": make_split(1100, name="test")}
    splits["test"].images[:1050] = splits["train"].images[:1050]
    splits["test"].labels[:1050] = splits["train"].labels[:1050]
    splits["test"].labels[:2] = (splits["train"].labels[:2] + 1) % 10

    sentences = describe_duplicates(find_duplicates(splits), splits)

    assert sentences == (
        "1,050 of the 1,100 test images also appear in train (2 of them under another label).",
    )


def test_fashion_mnist_has_no_duplicates_and_is_compared_in_a_second(
    fashion_mnist: Dataset,
) -> None:
    started = time.perf_counter()
    found = find_duplicates(fashion_mnist.splits)
    seconds = time.perf_counter() - started

    assert found == []
    # The reference: rows as bytes in a set.
    rows = [row.tobytes() for split in fashion_mnist.splits.values() for row in split.images]
    assert len(set(rows)) == len(rows) == 70_000
    assert seconds < 3, "takes about 0.2 s when the machine is free"
    assert np.all(np.bincount(fashion_mnist.splits["test"].labels) == 1000)
