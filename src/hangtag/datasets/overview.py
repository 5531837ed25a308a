"""Counts what a dataset holds, and warns about its classes and suppliers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hangtag.datasets.dataset import Dataset
from hangtag.taxonomy.spelling import fold_label

FEWEST_IMAGES = 5
"""Images of a class below which there is nothing to learn from and to judge by."""


_LIKE_SUPPLIER = frozenset({"brand", "vendor", "seller", "shop", "merchant", "store"})


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """How much a split holds.

    Attributes:
        name: The split.
        items: Images.
        suppliers: Suppliers; None where the source names none.
        of_class: Images by class name, 0 for a class without.
    """

    name: str
    items: int
    suppliers: int | None
    of_class: Mapping[str, int]

    @property
    def classes(self) -> int:
        """Classes that occur."""
        return sum(count > 0 for count in self.of_class.values())


def count_splits(dataset: Dataset) -> list[SplitCounts]:
    """Counts each split of a dataset."""
    return [
        SplitCounts(
            name=name,
            items=len(split),
            suppliers=None if split.suppliers is None else len(np.unique(split.suppliers)),
            of_class=dict(
                zip(
                    dataset.classes,
                    np.bincount(split.labels, minlength=len(dataset.classes)).tolist(),
                    strict=True,
                )
            ),
        )
        for name, split in dataset.splits.items()
    ]


def describe_suppliers(dataset: Dataset) -> tuple[str, ...]:
    """Returns a sentence for each pair of splits that says whether they share suppliers.

    Figures on suppliers that the training knew say little about those it will meet.
    """
    sentences = []
    for (first, earlier), (second, later) in combinations(dataset.splits.items(), 2):
        if earlier.suppliers is None or later.suppliers is None:
            continue
        shared = np.isin(later.suppliers, earlier.suppliers)
        if not shared.any():
            sentences.append(
                f"No supplier of {second} is in {first}: its figures are for new ones."
            )
            continue
        count = len(np.unique(later.suppliers[shared]))
        sentences.append(
            f"{count:,} of the {len(np.unique(later.suppliers)):,} suppliers of {second} are in "
            f"{first} too ({shared.sum():,} of its {len(later):,} images): figures on {second} "
            "flatter what the model does for a new supplier."
        )
    return tuple(sentences)


def describe_products(dataset: Dataset) -> tuple[str, ...]:
    """Returns a sentence for each pair of splits that share products.

    Views of one product are nearly the same image: figures on the one split flatter the other.
    """
    sentences = []
    keys = {name: set(split.product_keys()) - {None} for name, split in dataset.splits.items()}
    for first, second in combinations(keys, 2):
        if shared := len(keys[first] & keys[second]):
            sentences.append(
                f"Products with images in both {first} and {second}: {shared:,}; figures on "
                f"{second} flatter what the model does for new products."
            )
    return tuple(sentences)


def describe_supplier_column(columns: Sequence[str], suppliers: Sequence[str]) -> str:
    """Returns what to know of the suppliers in a table; empty where there is nothing to say.

    That is which rows name none where others do, or that another column may name them.

    Args:
        columns: The columns of the table.
        suppliers: The supplier of each row, (N,), empty where it names none.
    """
    if not any(name.strip().casefold() == "supplier" for name in columns):
        alike = next((name for name in columns if name.strip().casefold() in _LIKE_SUPPLIER), None)
        return (
            ""
            if alike is None
            else f"The column '{alike}' is not read; call it supplier, and whole suppliers are "
            "held out."
        )
    unnamed = sum(not name for name in suppliers)
    if unnamed in (0, len(suppliers)):
        return ""
    return f"{unnamed:,} of {len(suppliers):,} rows name no supplier and count as one."


def describe_classes(dataset: Dataset) -> tuple[str, ...]:
    """Returns a sentence each for classes that differ in case only and for those never judged."""
    spelled: dict[str, list[str]] = {}
    for name in dataset.classes:
        spelled.setdefault(fold_label(name), []).append(name)
    sentences = [
        f"The classes {' and '.join(map(repr, names))} differ only in case or spaces; give them "
        "one name if they are one."
        for names in spelled.values()
        if len(names) > 1
    ]
    counts = {split.name: split.of_class for split in count_splits(dataset)}
    if "validation" in counts:
        trained, judged = counts.get("train", {}), counts["validation"]
        gaps = [name for name, count in trained.items() if count and not judged[name]]
        if gaps:
            sentences.append(
                f"No image of {', '.join(gaps)} is in validation: nothing tells how well it is "
                "recognised, and no threshold is set on it."
            )
    return tuple(sentences)


def find_small_classes(dataset: Dataset) -> dict[str, int]:
    """Returns the classes with too few images to learn, with how many train and validation have.

    A class without any counts where the classes come from the data; in arrays they are given.
    """
    counts: dict[str, int] = {}
    for split in count_splits(dataset):
        if split.name != "test":
            for name, count in split.of_class.items():
                counts[name] = counts.get(name, 0) + count
    least = 0 if dataset.first.files is not None else 1
    return {name: count for name, count in counts.items() if least <= count < FEWEST_IMAGES}
