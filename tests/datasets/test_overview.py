import dataclasses

import numpy as np

from hangtag.datasets import (
    Dataset,
    count_splits,
    describe_classes,
    describe_suppliers,
    find_small_classes,
)
from tests.datasets.tiny_datasets import make_split


def make_dataset(train: list[str], validation: list[str]) -> Dataset:
    splits = {
        "train": make_split(len(train), classes=2, suppliers=train),
        "validation": make_split(
            len(validation), name="validation", classes=2, suppliers=validation
        ),
    }
    return Dataset("tiny", "made up", ("a", "b", "never"), splits)


def test_counts_are_those_of_numpy() -> None:
    dataset = make_dataset(["x", "y", "y", "x"], ["z", "z"])
    train, validation = count_splits(dataset)
    labels = dataset.splits["train"].labels
    assert train.of_class == {"a": (labels == 0).sum(), "b": (labels == 1).sum(), "never": 0}
    assert (train.items, train.suppliers) == (4, 2)
    assert (validation.items, validation.suppliers) == (2, 1)
    assert train.classes == len(np.unique(labels))


def test_suppliers_on_both_sides_are_told() -> None:
    (apart,) = describe_suppliers(make_dataset(["x", "y"], ["z", "z"]))
    assert apart.startswith("No supplier of validation is in train")
    (shared,) = describe_suppliers(make_dataset(["x", "y"], ["x", "z", "x"]))
    assert shared.startswith("1 of the 2 suppliers of validation are in train too (2 of its 3")
    nameless = make_dataset(["x"], ["z"])
    splits = {n: dataclasses.replace(s, suppliers=None) for n, s in nameless.splits.items()}
    assert describe_suppliers(dataclasses.replace(nameless, splits=splits)) == ()


def test_classes_never_judged_and_those_of_one_name_are_told() -> None:
    dataset = make_dataset(["x"] * 4, ["z"])
    splits = {
        "train": dataclasses.replace(dataset.splits["train"], labels=np.array([0, 0, 1, 2])),
        "validation": dataclasses.replace(dataset.splits["validation"], labels=np.array([0])),
    }
    classes = ("Dress", "dress ", "Hat")
    twice, unjudged = describe_classes(dataclasses.replace(dataset, classes=classes, splits=splits))
    assert twice.startswith("The classes 'Dress' and 'dress ' differ only in case")
    assert unjudged.startswith("No image of dress , Hat is in validation")


def test_a_class_without_images_is_small_where_classes_come_from_the_data() -> None:
    dataset = make_dataset(["x"] * 3, ["z"])
    labels = {"train": np.array([0, 0, 1]), "validation": np.array([0])}
    splits = {
        name: dataclasses.replace(split, labels=labels[name])
        for name, split in dataset.splits.items()
    }
    dataset = dataclasses.replace(dataset, splits=splits)
    assert find_small_classes(dataset) == {"a": 3, "b": 1}
    splits = {name: dataclasses.replace(split, files=split.ids) for name, split in splits.items()}
    of_files = dataclasses.replace(dataset, splits=splits)
    assert find_small_classes(of_files) == {"a": 3, "b": 1, "never": 0}
