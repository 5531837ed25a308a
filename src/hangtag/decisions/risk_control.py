"""Thresholds that keep a promise: which confidence is high enough to file an item unseen."""

import numpy as np
from numpy.typing import NDArray

PRECISIONS = (0.9, 0.95, 0.98, 0.99, 0.995)
"""The precisions for which every model stores thresholds."""

DEFAULT_PRECISION = 0.98
"""The precision that `predict` promises for what it accepts."""

ERROR = 0.05
"""How often a promise may be broken: 1 minus its confidence."""

STARTS = (0.1, 0.4, 0.7, 0.9, 1.0)
"""Shares of the held-out items at which a search for a threshold begins."""

STEPS = 100
"""Steps of a search over the whole of the held-out items."""

ENOUGH = 5
"""A class has thresholds of its own from so many times the fewest items that could prove them."""


Groups = list[list[int]]
"""Classes that share a threshold."""


def lower_bounds(
    right: NDArray[np.int64], accepted: NDArray[np.int64], *, error: float
) -> NDArray[np.float64]:
    """Returns precisions that the true ones exceed but for the probability `error`, each (M,).

    The exact binomial bound, one-sided (Clopper and Pearson 1934), of `right` of `accepted` items.
    """
    from scipy.stats import beta

    bounds = beta.ppf(error, np.maximum(right, 1), accepted - right + 1)
    return np.where(right > 0, bounds, 0.0)


def choose_threshold(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    *,
    precision: float,
    error: float = ERROR,
) -> float | None:
    """Chooses the lowest confidence to accept so that accepted items keep `precision`.

    Fixed-sequence testing with several starts (Angelopoulos, Bates, Candes, Jordan and Lei 2021,
    "Learn then Test", section 2.3; Bauer 1991): from each start the share of accepted items grows,
    the most confident first, as long as the exact binomial bound proves the precision of all that
    are accepted. The starts share `error` evenly, the steps after a start cost nothing, so that the
    chosen threshold keeps its promise but for the probability `error`, whichever it is.

    Args:
        confidence: Calibrated probability of the predicted class, (N,), held-out data.
        correct: Whether the prediction was right, (N,).
        precision: The promised share of correct items among the accepted, in (0, 1).
        error: How often the promise may be broken over draws of the held-out data.

    Returns:
        The threshold; items with a confidence at or above it are accepted. None when the data
        cannot support the promise.
    """
    order = np.argsort(-confidence, kind="stable")
    descending = confidence[order]
    wanted = np.unique(len(order) * np.arange(1, STEPS + 1) // STEPS)
    thresholds = descending[wanted[wanted > 0] - 1]
    # Items as confident as the last one are accepted with it.
    accepted = np.searchsorted(-descending, -thresholds, side="right")
    right = np.cumsum(correct[order], dtype=np.int64)[accepted - 1]
    proven = lower_bounds(right, accepted, error=error / len(STARTS)) >= precision
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
    precision: float,
    error: float = ERROR,
) -> tuple[float | None, ...]:
    """Chooses a threshold for each predicted class so that all accepted items keep `precision`.

    Two ways are tried: one threshold for all classes, and one for each class with enough items
    beside one for the rest, where each keeps the promise by itself. The way that accepts more of
    the items is taken. All thresholds of both ways share `error` (Bonferroni), so that all keep
    their promises together but for the probability `error`, whichever way is taken. Which classes
    have enough items is told by their numbers alone; where none has, there is one way.

    Args:
        confidence: Calibrated probability of the predicted class, (N,), held-out data.
        correct: Whether the prediction was right, (N,).
        predicted: Predicted class, (N,) in 0..`classes` - 1.
        classes: K.
        precision: The promised share of correct items among the accepted, in (0, 1).
        error: How often the promise may be broken over draws of the held-out data.

    Returns:
        A threshold by class, (K,), None where the data cannot support the promise.
    """
    counts = np.bincount(predicted, minlength=classes)
    enough = counts >= ENOUGH * fewest_items(precision, error=error / (2 * classes))
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
            precision=precision,
            error=error / len(ways),
        )
        for groups in ways
    ]
    accepted = [int((confidence >= lowest[predicted]).sum()) for lowest in found]
    best = found[int(np.argmax(accepted))]
    return tuple(None if np.isinf(one) else float(one) for one in best)


def _choose_of_groups(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    predicted: NDArray[np.int64],
    *,
    groups: Groups,
    precision: float,
    error: float,
) -> NDArray[np.float64]:
    """Chooses a threshold for each group of classes; returns it by class, infinite for none."""
    lowest = np.full(sum(map(len, groups)), np.inf)
    for group in groups:
        members = np.isin(predicted, group)
        found = choose_threshold(
            confidence[members], correct[members], precision=precision, error=error / len(groups)
        )
        if found is not None:
            lowest[list(group)] = found
    return lowest


def fewest_items(precision: float, *, error: float = ERROR) -> int:
    """Returns how many accepted items without a single error prove `precision`."""
    return int(np.ceil(np.log(error / len(STARTS)) / np.log(precision)))


def needed_items(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    *,
    precision: float,
    error: float = ERROR,
) -> int | None:
    """Estimates how many held-out items would support a promise that these do not.

    Takes it that more items would be like these: the share of right ones among the most confident
    stays. Returns None where no share of them reaches `precision`, so that not more labels but a
    better model is needed.
    """
    order = np.argsort(-confidence, kind="stable")
    items = len(order)
    counts = np.unique([max(1, round(start * items)) for start in STARTS])
    found = np.cumsum(correct[order])[counts - 1] / counts
    needs = [
        _needed(float(one), count / items, precision=precision, error=error)
        for one, count in zip(found, counts, strict=True)
        if one > precision
    ]
    return max(min(needs), items + 1) if needs else None


def _needed(found: float, share: float, *, precision: float, error: float) -> int:
    """Returns the fewest items of which `share` proves `precision` at the precision `found`."""
    low, high = 1, 2
    while not _proves(found, share, high, precision=precision, error=error):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _proves(found, share, middle, precision=precision, error=error):
            high = middle
        else:
            low = middle
    return high


def _proves(found: float, share: float, items: int, *, precision: float, error: float) -> bool:
    accepted = round(share * items)
    right = int(np.floor(found * accepted + 1e-9))
    bound = lower_bounds(np.array([right]), np.array([accepted]), error=error / len(STARTS))
    return bool(bound[0] >= precision)
