"""Small datasets of random pixels on black, and the question whether two are the same."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hangtag.datasets import FASHION_MNIST_CLASSES, Dataset, Split
from hangtag.datasets.collecting import DecodeOptions, collect_dataset
from hangtag.datasets.dataset import number_ids
from hangtag.progress import OnProgress
from hangtag.readers import open_labelled


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


def make_dataset(
    *, train: int = 12, test: int = 5, classes: Sequence[str] = FASHION_MNIST_CLASSES, seed: int = 0
) -> Dataset:
    splits = {
        name: make_split(count, name=name, classes=len(classes), seed=seed)
        for name, count in {"train": train, "test": test}.items()
        if count
    }
    return Dataset("tiny", "made up", tuple(classes), splits)


def read_here(path: Path, *, on_progress: OnProgress | None = None) -> Dataset:
    """Reads a data set to grey pixels of 28x28, strictly and without decoder processes."""
    return collect_dataset(
        open_labelled(path),
        name=path.stem,
        path=str(path),
        options=DecodeOptions(),
        on_progress=on_progress,
    )


def assert_same_items(actual: Dataset, expected: Dataset) -> None:
    """Checks pixels, class names and their order, split by split; not the ids.

    Of the classes, those that never occur may be missing: a manifest cannot carry them.
    """
    occurring = {label for split in expected.splits.values() for label in split.labels}
    used = tuple(name for index, name in enumerate(expected.classes) if index in occurring)
    assert actual.classes in (expected.classes, used)
    assert list(actual.splits) == list(expected.splits)
    for name, split in expected.splits.items():
        assert actual.splits[name].images.dtype == np.uint8
        assert actual.splits[name].labels.dtype == np.int64
        np.testing.assert_array_equal(actual.splits[name].images, split.images)
        assert [actual.classes[label] for label in actual.splits[name].labels] == [
            expected.classes[label] for label in split.labels
        ]
