"""95 % intervals of accuracy and macro F1.

Items of one supplier resemble each other, so a hundred photos by five suppliers say less than a
hundred by fifty. Where suppliers are known, whole suppliers are resampled (cluster bootstrap).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Confidence of the intervals."""

_DRAWS = 1000

Interval = tuple[float, float]
"""Lower and upper end, each 0-1."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals of the main metrics.

    Attributes:
        accuracy: Of the accuracy.
        macro_f1: Of macro F1.
        suppliers: How many suppliers were resampled; None where items were.
    """

    accuracy: Interval
    macro_f1: Interval
    suppliers: int | None


def wilson(right: int, n: int) -> Interval:
    """Returns the interval of the fraction `right` / `n` of independent items (Wilson 1927)."""
    z2 = NormalDist().inv_cdf((1 + LEVEL) / 2) ** 2
    middle = (right + z2 / 2) / (n + z2)
    half = (z2 * (right * (n - right) / n + z2 / 4)) ** 0.5 / (n + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def find_intervals(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    suppliers: NDArray[np.str_] | None = None,
) -> Intervals:
    """Returns the intervals for N items with labels (N,) that were `predicted` (N,).

    Macro F1 by the bootstrap (Efron 1979), percentiles of a thousand draws; where these are all
    alike, as without a mistake, by Wilson's interval. The accuracy by Wilson's interval; with
    `suppliers` (N,) also by the bootstrap, and the wider end counts. One supplier tells nothing of
    others: then the intervals are over its items.
    """
    if suppliers is not None and len(np.unique(suppliers)) == 1:
        suppliers = None
    draws = list(_draw(labels, predicted, suppliers))
    accuracies, f1s = zip(*draws, strict=True)
    low, high = wilson(int((labels == predicted).sum()), len(labels))
    f1_low, f1_high = _percentiles(f1s)
    if f1_low == f1_high:
        f1_low, f1_high = min(low, f1_low), max(high, f1_high)
    count = None
    if suppliers is not None:
        count = len(np.unique(suppliers))
        lowest, highest = _percentiles(accuracies)
        low, high = min(low, lowest), max(high, highest)
    return Intervals((low, high), (f1_low, f1_high), count)


def macro_f1(
    true: NDArray[np.int64], predicted: NDArray[np.int64], counts: NDArray[np.int64]
) -> float:
    """Returns the mean F1 of the classes that occur as label or prediction, 0-1.

    Args:
        true: Class of each kind of item, (M,).
        predicted: Predicted class of each kind, (M,).
        counts: Items of that kind, (M,).
    """
    size = int(max(true.max(), predicted.max())) + 1
    labelled = np.bincount(true, counts, size)
    named = np.bincount(predicted, counts, size)
    right = np.bincount(true, counts * (true == predicted), size)
    occurring = labelled + named > 0
    return float((2 * right[occurring] / (labelled + named)[occurring]).mean())


def _draw(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], suppliers: NDArray[np.str_] | None
) -> Iterator[tuple[float, float]]:
    """Gives accuracy and macro F1 of items, or whole suppliers, drawn with replacement."""
    group = np.zeros(len(labels), np.int64)
    if suppliers is not None:
        _, group = np.unique(suppliers, return_inverse=True)
    kinds, counts = np.unique(
        np.stack([group, labels, predicted]), axis=1, return_counts=True
    )  # all that matters of an item
    of_group, true, named = kinds
    groups = int(group.max()) + 1
    generator = np.random.default_rng(0)
    for _ in range(_DRAWS):
        if suppliers is None:
            drawn = generator.multinomial(len(labels), counts / len(labels))
        else:
            drawn = counts * generator.multinomial(groups, np.full(groups, 1 / groups))[of_group]
        yield float(drawn[true == named].sum() / drawn.sum()), macro_f1(true, named, drawn)


def _percentiles(values: tuple[float, ...]) -> Interval:
    low, high = np.percentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)
