"""Small catalogues of random pixels on black, and the question whether two are the same."""

from collections.abc import Sequence

import numpy as np

from hangtag.catalogue import FASHION_MNIST_CLASSES, Catalogue, Split
from hangtag.catalogue.items import number_ids


def make_split(
    count: int,
    *,
    name: str = "train",
    classes: int = 10,
    seed: int = 0,
    suppliers: Sequence[str] | None = None,
) -> Split:
    generator = np.random.default_rng([seed, *name.encode()])
    noise = generator.integers(0, 256, (count, 26, 26), dtype=np.uint8)
    return Split(
        images=np.pad(noise, ((0, 0), (1, 1), (1, 1))),
        labels=generator.integers(0, classes, count, dtype=np.int64),
        ids=number_ids(name, count),
        suppliers=None if suppliers is None else np.array(suppliers, np.str_),
    )


def make_catalogue(
    *, train: int = 12, test: int = 5, classes: Sequence[str] = FASHION_MNIST_CLASSES, seed: int = 0
) -> Catalogue:
    splits = {
        name: make_split(count, name=name, classes=len(classes), seed=seed)
        for name, count in {"train": train, "test": test}.items()
        if count
    }
    return Catalogue("tiny", "made up", tuple(classes), splits)


def assert_same_items(actual: Catalogue, expected: Catalogue) -> None:
    """Checks pixels, labels and their order, split by split, and the classes; not the ids."""
    assert actual.classes == expected.classes
    assert list(actual.splits) == list(expected.splits)
    for name, split in expected.splits.items():
        assert actual.splits[name].images.dtype == np.uint8
        assert actual.splits[name].labels.dtype == np.int64
        np.testing.assert_array_equal(actual.splits[name].images, split.images)
        np.testing.assert_array_equal(actual.splits[name].labels, split.labels)
