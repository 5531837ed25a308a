"""Maps the labels of a dataset to categories of a taxonomy of the user."""

import dataclasses

import numpy as np

from hangtag.datasets.dataset import Dataset
from hangtag.errors import DataError
from hangtag.taxonomy.searching import assign_categories
from hangtag.taxonomy.tree import Tree


def apply_taxonomy(dataset: Dataset, tree: Tree) -> Dataset:
    """Returns `dataset` with the categories of `tree` as classes.

    The classes are the categories that occur, in the order of the tree; where the name of one is
    also that of another, its class has the names above it too.

    Raises:
        DataError: A label is no category, or its name is that of several.
    """
    present = np.unique(np.concatenate([split.labels for split in dataset.splits.values()]))
    try:
        assigned = assign_categories([dataset.classes[label] for label in present], tree)
    except DataError as error:
        raise DataError(f"{dataset.source}: {error}") from error
    order = [category.id for category in tree if category.id in assigned.values()]
    places = {dataset.classes.index(label): order.index(i) for label, i in assigned.items()}
    table = np.array([places.get(label, -1) for label in range(len(dataset.classes))], np.int64)
    splits = {
        name: dataclasses.replace(split, labels=table[split.labels])
        for name, split in dataset.splits.items()
    }
    classes = tuple(map(tree.distinct_name, order))
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise DataError(
            f"{tree.source}: two categories in use are called '{twice}'; give them names of their "
            "own"
        )
    return dataclasses.replace(dataset, classes=classes, splits=splits, tree=tree)
