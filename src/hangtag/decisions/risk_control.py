"""Risk control: thresholds on confidence whose accepted items keep a target precision.

The bound is distribution-free: with probability 1 - alpha over draws of the held-out data, items
like those reach the target precision.
"""

import numpy as np
from numpy.typing import NDArray

TARGET_PRECISIONS = (0.9, 0.95, 0.98, 0.99, 0.995)
"""Target precisions for which every model stores thresholds."""

DEFAULT_TARGET_PRECISION = 0.98
"""The target precision that `predict` uses where none is given."""

ALPHA = 0.05
"""Probability that a precision is missed: 1 minus the confidence of the bound."""

STARTS = (0.1, 0.4, 0.7, 0.9, 1.0)
"""Fractions of the held-out items at which a search for a threshold starts."""

STEPS = 100
"""Steps of a search over the whole of the held-out items."""

ENOUGH = 5
"""A class gets its own threshold from this many times the fewest items that could prove it."""


Groups = list[list[int]]
"""Classes that share a threshold."""


def lower_bounds(
    right: NDArray[np.int64], accepted: NDArray[np.int64], *, alpha: float
) -> NDArray[np.float64]:
    """Returns lower confidence bounds of precisions at level 1 - `alpha`, (M,).

    One-sided exact binomial bounds (Clopper and Pearson 1934).

    Args:
        right: Correct items among the accepted, (M,).
        accepted: Accepted items, (M,).
        alpha: Probability that a true precision is below its bound.
    """
    from scipy.stats import beta

    bounds = beta.ppf(alpha, np.maximum(right, 1), accepted - right + 1)
    return np.where(right > 0, bounds, 0.0)


def choose_threshold(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    *,
    target_precision: float,
    alpha: float = ALPHA,
) -> float | None:
    """Chooses the lowest confidence to accept so that accepted items keep `target_precision`.

    Fixed-sequence testing with several starts (Angelopoulos, Bates, Candes, Jordan and Lei 2021,
    "Learn then Test", section 2.3; Bauer 1991): from each start the accepted fraction grows, the
    most confident items first, as long as the exact binomial bound proves the precision of all
    accepted items. The starts split `alpha` evenly and the steps after a start cost nothing, so
    the precision of the chosen threshold is missed with probability `alpha` at most.

    Args:
        confidence: Calibrated probability of the predicted class, (N,), held-out data.
        correct: Whether the prediction was right, (N,).
        target_precision: Fraction of correct items among the accepted ones, in (0, 1).
        alpha: Probability over draws of the held-out data that the precision is missed.

    Returns:
        The threshold; items with a confidence at or above it are accepted. None where the data
        does not support any.
    """
    order = np.argsort(-confidence, kind="stable")
    descending = confidence[order]
    wanted = np.unique(len(order) * np.arange(1, STEPS + 1) // STEPS)
    thresholds = descending[wanted[wanted > 0] - 1]
    # Items as confident as the last one are accepted with it.
    accepted = np.searchsorted(-descending, -thresholds, side="right")
    right = np.cumsum(correct[order], dtype=np.int64)[accepted - 1]
    proven = lower_bounds(right, accepted, alpha=alpha / len(STARTS)) >= target_precision
    furthest = -1
    for start in STARTS:
        first = int(np.searchsorted(accepted, start * len(order)))
        run = int(np.argmin([*proven[first:], False]))
        if run:
            furthest = max(furthest, first + run - 1)
    return None if furthest < 0 else float(thresholds[furthest])


def choose_thresholds(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    predicted: NDArray[np.int64],
    *,
    classes: int,
    target_precision: float,
    alpha: float = ALPHA,
) -> tuple[float | None, ...]:
    """Chooses thresholds by predicted class so that the accepted items keep `target_precision`.

    Tries one threshold for all classes, and one for each class with enough items plus one for
    the rest, each of which keeps the precision by itself; returns what accepts more items. All
    thresholds split `alpha` (Bonferroni), so the bound holds for all of them together. Which
    classes have enough items depends on their numbers alone; where none has, only the first is
    tried.

    Args:
        confidence: Calibrated probability of the predicted class, (N,), held-out data.
        correct: Whether the prediction was right, (N,).
        predicted: Predicted class, (N,) in 0..`classes` - 1.
        classes: K.
        target_precision: Fraction of correct items among the accepted ones, in (0, 1).
        alpha: Probability over draws of the held-out data that the precision is missed.

    Returns:
        Thresholds by class, (K,); None where the data does not support one.
    """
    counts = np.bincount(predicted, minlength=classes)
    enough = counts >= ENOUGH * fewest_items(target_precision, alpha=alpha / (2 * classes))
    everything: Groups = [list(range(classes))]
    rest: Groups = [np.flatnonzero(~enough).tolist()] if not enough.all() else []
    own: Groups = [[int(index)] for index in np.flatnonzero(enough)]
    ways = [everything, own + rest]
    if classes == 1 or not enough.any():
        ways = [everything]
    found = [
        _choose_of_groups(
            confidence,
            correct,
            predicted,
            groups=groups,
            target_precision=target_precision,
            alpha=alpha / len(ways),
        )
        for groups in ways
    ]
    accepted = [int((confidence >= lowest[predicted]).sum()) for lowest in found]
    best = found[int(np.argmax(accepted))]
    return tuple(None if np.isinf(threshold) else float(threshold) for threshold in best)


def _choose_of_groups(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    predicted: NDArray[np.int64],
    *,
    groups: Groups,
    target_precision: float,
    alpha: float,
) -> NDArray[np.float64]:
    """Chooses a threshold for each group of classes; returns it by class, infinite for none."""
    lowest = np.full(sum(map(len, groups)), np.inf)
    for group in groups:
        members = np.isin(predicted, group)
        found = choose_threshold(
            confidence[members],
            correct[members],
            target_precision=target_precision,
            alpha=alpha / len(groups),
        )
        if found is not None:
            lowest[list(group)] = found
    return lowest


def fewest_items(target_precision: float, *, alpha: float = ALPHA) -> int:
    """Returns how many accepted items, all of them correct, prove `target_precision`."""
    return int(np.ceil(np.log(alpha / len(STARTS)) / np.log(target_precision)))


def estimate_items_needed(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    *,
    target_precision: float,
    alpha: float = ALPHA,
) -> int | None:
    """Estimates how many held-out items would support a threshold that these do not.

    Assumes that more items would be like these. Returns None where no fraction of the most
    confident items reaches `target_precision`, so that more labels would not help.
    """
    order = np.argsort(-confidence, kind="stable")
    items = len(order)
    counts = np.unique([max(1, round(start * items)) for start in STARTS])
    found = np.cumsum(correct[order])[counts - 1] / counts
    needs = [
        _needed(float(precision), count / items, target_precision=target_precision, alpha=alpha)
        for precision, count in zip(found, counts, strict=True)
        if precision > target_precision
    ]
    return max(min(needs), items + 1) if needs else None


def _needed(found: float, fraction: float, *, target_precision: float, alpha: float) -> int:
    """Returns the fewest items of which `fraction`, at the precision `found`, proves the target."""
    low, high = 1, 2
    while not _proves(found, fraction, high, target_precision=target_precision, alpha=alpha):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _proves(found, fraction, middle, target_precision=target_precision, alpha=alpha):
            high = middle
        else:
            low = middle
    return high


def _proves(
    found: float, fraction: float, items: int, *, target_precision: float, alpha: float
) -> bool:
    accepted = round(fraction * items)
    right = int(np.floor(found * accepted + 1e-9))
    bound = lower_bounds(np.array([right]), np.array([accepted]), alpha=alpha / len(STARTS))
    return bool(bound[0] >= target_precision)
