"""Divides items into a part to train on and a part held out."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.datasets.duplicates import describe_duplicates, find_duplicates
from hangtag.errors import DataError
from hangtag.readers.record import SPLIT_NAMES

_DRAWS = 64
"""Sets of suppliers among which the most even is chosen."""


def stratified_split(
    labels: NDArray[np.int64], *, fraction: float, seed: int, names: Sequence[str] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Holds out a random `fraction` of the items, the same fraction of every class.

    The number held out is ``round(N * fraction)`` exactly; what rounding leaves over goes to the
    classes with the largest remainders.

    Args:
        labels: Class of each item, (N,).
        fraction: Part held out, above 0 and below 1.
        seed: Of the random choice within each class.
        names: What an error calls the classes, (K,); their numbers by default.

    Returns:
        Indices to train on and indices held out, each sorted; together 0 to N - 1.

    Raises:
        DataError: The fraction is out of range, a class has fewer than two items, or a part would
            be empty.
    """
    _check_fraction(fraction)
    classes, counts = np.unique(labels, return_counts=True)
    if len(counts) and counts.min() < 2:
        label = classes[counts.argmin()]
        called = label if names is None else repr(names[label])
        raise DataError(
            f"class {called} has a single item, so it cannot be both trained on "
            "and held out; add images of it or remove the class"
        )
    quotas = _allocate(counts, fraction)
    if not 0 < quotas.sum() < len(labels):
        raise DataError(
            f"a fraction of {fraction} of {len(labels)} items leaves one part empty; "
            "add images or choose another fraction"
        )
    generator = np.random.default_rng(seed)
    chosen = [
        generator.choice(np.flatnonzero(labels == label), quota, replace=False)
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return _divide(len(labels), np.concatenate(chosen))


def supplier_split(
    suppliers: NDArray[np.str_], labels: NDArray[np.int64], *, fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Holds out whole suppliers, so that no supplier is on both sides.

    Many sets of suppliers are drawn, each with a number of items as near to ``N * fraction`` as any
    set has. Chosen is the one that leaves the fewest classes without an item to train on, then the
    fewest without one held out, then the most even fraction of every class held out.

    Args:
        suppliers: Supplier of each item, (N,).
        labels: Class of each item, (N,).
        fraction: Part to hold out, above 0 and below 1.
        seed: Of the sets that are drawn.

    Returns:
        Indices to train on and indices held out, each sorted; together 0 to N - 1.

    Raises:
        DataError: The fraction is out of range or there are fewer than two suppliers.
    """
    _check_fraction(fraction)
    names, member, counts = np.unique(suppliers, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError(
            "expected at least two suppliers to hold some out, received "
            f"{len(names)}; name the splits in a column 'split' instead"
        )
    _, classes = np.unique(labels, return_inverse=True)
    of_class = np.zeros((len(names), classes.max() + 1), np.intp)
    np.add.at(of_class, (member, classes), 1)
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(_DRAWS):
        order = generator.permutation(len(names))
        drawn.append(order[_nearest_subset(counts[order], len(suppliers) * fraction)])
    held = min(drawn, key=lambda chosen: _unevenness(of_class, chosen, fraction))
    return _divide(len(suppliers), np.flatnonzero(np.isin(member, held)))


def product_split(
    products: NDArray[np.intp], labels: NDArray[np.int64], *, fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Holds out whole products, about the same fraction of every class.

    A product counts for the class of its first item. A class of two or more products has items on
    both sides; one of a single product is not held out.

    Args:
        products: Number of the product of each item, (N,).
        labels: Class of each item, (N,).
        fraction: Part held out, above 0 and below 1.
        seed: Of the random choice within each class.

    Returns:
        Indices to train on and indices held out, each sorted; together 0 to N - 1.

    Raises:
        DataError: The fraction is out of range, or no class has two products.
    """
    _check_fraction(fraction)
    _, firsts, member, counts = np.unique(
        products, return_index=True, return_inverse=True, return_counts=True
    )
    classes = labels[firsts]
    generator = np.random.default_rng(seed)
    held: list[NDArray[np.intp]] = []
    for label in np.unique(classes):
        order = generator.permutation(np.flatnonzero(classes == label))
        if len(order) > 1:
            target = float(counts[order].sum()) * fraction
            held.append(order[_nearest_subset(counts[order], target)])
    if not held:
        raise DataError(
            "no class has images of two products, so none can be both trained on and held out; "
            "add products or name the splits in a column 'split'"
        )
    return _divide(len(labels), np.flatnonzero(np.isin(member, np.concatenate(held))))


def number_products(split: Split) -> NDArray[np.intp]:
    """Returns the number of each item's product, (N,); an item that names none has its own."""
    numbers: dict[object, int] = {}
    keys = (position if key is None else key for position, key in enumerate(split.product_keys()))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.intp)


def split_dataset(dataset: Dataset, *, fraction: float, seed: int) -> Dataset:
    """Returns `dataset` with a ``validation`` split, held out from ``train`` when it has none.

    The split goes by supplier when the items name two or more. Else it is stratified by class, and
    views of one product stay together.

    Raises:
        DataError: There is no ``train`` to take from, or it cannot be divided.
    """
    if "validation" in dataset.splits:
        return dataset
    if "train" not in dataset.splits:
        raise DataError(
            f"{dataset.source} has no split 'train' to hold out a validation split from"
        )
    train = dataset.splits["train"]
    products = number_products(train)
    if train.suppliers is not None and len(np.unique(train.suppliers)) > 1:
        kept, held = supplier_split(train.suppliers, train.labels, fraction=fraction, seed=seed)
    elif len(np.unique(products)) < len(products):
        kept, held = product_split(products, train.labels, fraction=fraction, seed=seed)
    else:
        kept, held = stratified_split(
            train.labels, fraction=fraction, seed=seed, names=dataset.classes
        )
    return divide_dataset(dataset, kept, held)


def divide_dataset(dataset: Dataset, kept: NDArray[np.intp], held: NDArray[np.intp]) -> Dataset:
    """Returns `dataset` with its ``train`` divided into what is kept and ``validation``.

    With a notice where images of the two are exact copies.
    """
    train = dataset.splits["train"]
    parts = {**dataset.splits, "train": train.take(kept), "validation": train.take(held)}
    ordered = {name: parts[name] for name in SPLIT_NAMES if name in parts}
    two = {name: ordered[name] for name in ("train", "validation")}
    copies = [copy for copy in find_duplicates(two) if copy.split != copy.other_split]
    notices = describe_duplicates(copies, two) if copies else ()
    return dataclasses.replace(dataset, splits=ordered, notices=(*dataset.notices, *notices))


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise DataError(f"expected a fraction above 0 and below 1, received {fraction}")


def _allocate(counts: NDArray[np.intp], fraction: float) -> NDArray[np.intp]:
    """Returns how many of each class to hold out, by the largest remainder method."""
    ideal = counts * fraction
    quotas: NDArray[np.intp] = np.floor(ideal).astype(np.intp)
    missing = round(int(counts.sum()) * fraction) - int(quotas.sum())
    by_remainder = np.argsort(quotas - ideal, kind="stable")
    quotas[by_remainder[:missing]] += 1
    return quotas


def _unevenness(
    of_class: NDArray[np.intp], chosen: NDArray[np.intp], fraction: float
) -> tuple[int, int, float]:
    """Returns classes with nothing to train on, with nothing held out, and their chi-square."""
    whole, held = of_class.sum(axis=0), of_class[chosen].sum(axis=0)
    ideal = whole * fraction
    return (
        int((held == whole).sum()),
        int((held == 0).sum()),
        float(((held - ideal) ** 2 / ideal).sum()),
    )


def _nearest_subset(counts: NDArray[np.intp], target: float) -> NDArray[np.intp]:
    """Returns positions whose counts sum as near to `target` as any set does, but not to all.

    Subset sums by dynamic programming: ``last[s]`` is the position that first reached sum s, so
    the set is read back from the sum; it stops as soon as no sum can be nearer.
    """
    whole = int(counts.sum())
    sums = np.arange(whole + 1)
    distance = np.abs(sums - target)
    distance[[0, whole]] = np.inf
    nearest = distance == distance.min()
    last = np.full(whole + 1, -1)
    reached = sums == 0
    for position, count in enumerate(counts):
        fresh = ~reached
        fresh[count:] &= reached[:-count]
        fresh[:count] = False
        last[fresh] = position
        reached |= fresh
        if reached[nearest].any():
            break
    total = int(np.where(reached, distance, np.inf).argmin())
    chosen = []
    while total:
        chosen.append(last[total])
        total -= int(counts[last[total]])
    return np.array(chosen, np.intp)


def _divide(count: int, held: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    outside = np.ones(count, np.bool_)
    outside[held] = False
    return np.flatnonzero(outside), np.flatnonzero(~outside)
