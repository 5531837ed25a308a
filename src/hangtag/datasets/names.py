"""What the cells of a dataset mean: spellings of classes and suppliers, products, class numbers."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import order_classes
from hangtag.files.paths import list_some
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES
from hangtag.taxonomy.spelling import choose_spellings

MOST_VIEWS = 20
"""Images a product has at most, on average, where a column is taken for that of products."""

_NUMBERS = frozenset(map(str, range(len(FASHION_MNIST_CLASSES))))


def unify_suppliers(names: Sequence[str]) -> tuple[list[str], str]:
    """Gives every supplier one spelling, that of most of its items.

    Otherwise ``Zara`` could be held out while ``ZARA`` is trained on.

    Args:
        names: The supplier of each item, (N,).

    Returns:
        The names (N,) to use, and a sentence that says what was unified; empty where nothing was.
    """
    chosen = choose_spellings(names)
    return [chosen[name] for name in names], _describe_spellings("Suppliers", chosen)


def unify_labels(
    labels: Sequence[str], classes: Iterable[str]
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """Gives every class one spelling, that of most of its items.

    Otherwise ``Dress`` and ``dress`` would be two classes.

    Args:
        labels: The label of each item, (N,).
        classes: Further classes, which may have no items.

    Returns:
        The labels (N,) to use, the classes in order, and sentences on what was unified.
    """
    chosen = choose_spellings((*labels, *classes))
    notes = (_describe_spellings("Classes", chosen), _describe_lists(labels))
    unified = [chosen[label] for label in labels]
    return unified, order_classes(chosen.values()), tuple(filter(None, notes))


def name_fashion_classes(
    labels: list[str], classes: tuple[str, ...]
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """Names the classes ``0`` to ``9`` as Fashion-MNIST does, where these are all of them.

    Returns:
        The labels (N,) to use, the classes in order, and a sentence where they were named.
    """
    if set(classes) != _NUMBERS:
        return labels, classes, ()
    note = (
        "The classes 0 to 9 of these images of 28x28 pixels are taken for those of Fashion-MNIST, "
        f"0 for {FASHION_MNIST_CLASSES[0]} and so on; name them otherwise if they are others."
    )
    return [FASHION_MNIST_CLASSES[int(label)] for label in labels], FASHION_MNIST_CLASSES, (note,)


def read_products(
    column: str, products: Sequence[str]
) -> tuple[NDArray[np.str_] | None, tuple[str, ...]]:
    """Returns the products (N,), None where none is named, and what a reader should know.

    Args:
        column: The column that names them; only one called ``product`` is believed whatever it
            holds.
        products: The product of each item, (N,), empty where it names none.
    """
    named = [product for product in products if product]
    distinct = len(set(named))
    if not named:
        return None, ()
    is_sure = column.strip().casefold() == "product"
    if not is_sure and len(named) > MOST_VIEWS * distinct:
        return None, (
            f"The column '{column}' is not taken for products: it has {distinct:,} values for "
            f"{len(named):,} rows. Call it product if it is one.",
        )
    notes: tuple[str, ...] = ()
    if not is_sure and distinct < len(named):
        notes = (
            f"The column '{column}' names products: {distinct:,} with {len(named):,} images; those "
            "of one product are held out together.",
        )
    return np.array(products, np.str_), notes


def _describe_spellings(what: str, chosen: Mapping[str, str]) -> str:
    """Returns a sentence on names that are spelled in several ways; empty where none is."""
    several: dict[str, list[str]] = {}
    for name, used in chosen.items():
        several.setdefault(used, []).append(name)
    several = {used: names for used, names in several.items() if len(names) > 1}
    if not several:
        return ""
    example = list_some(list(map(repr, sorted(next(iter(several.values()))))))
    return (
        f"{what} spelled in several ways: {len(several):,}, such as {example}; each counts as one."
    )


def _describe_lists(labels: Iterable[str]) -> str:
    """Returns a sentence where labels look like lists; empty where none does."""
    lists = sorted(
        {label for label in labels if label[:1] in "[{" and label[-1:] in "]}" and label}
    )
    if not lists:
        return ""
    return (
        f"Labels look like lists or JSON: {list_some(lists)}; each counts as a class of that name."
    )
