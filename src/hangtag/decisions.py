"""From logits to decisions: calibrated confidence and thresholds that keep a promise.

Letters: N examples, K classes. Everything here is numpy and scipy, arrays in and arrays out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TARGET_PRECISIONS = (0.95, 0.98, 0.99)
"""The precisions for which every model stores a threshold."""

DEFAULT_PRECISION = 0.98
"""The precision that `predict` promises for what it accepts."""

CONFIDENCE_LEVEL = 0.95
"""How sure a promised precision is."""

ECE_BINS = 15


def softmax(logits: NDArray[np.float32], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Turns logits (N, K) into probabilities (N, K), after dividing them by `temperature`."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    normalised: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return normalised


def negative_log_likelihood(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Returns the mean of -log p(label), in nats, for probabilities (N, K) and labels (N,)."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())


def calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Returns the expected calibration error with 15 bins of equal mass, in 0-1.

    The weighted mean, over the bins, of the distance between the mean confidence and the share
    of correct items (Naeini et al. 2015; equal-mass bins after Nguyen and O'Connor 2015).

    Args:
        confidence: Probability of the predicted class, (N,).
        correct: Whether the prediction was right, (N,).
    """
    order = np.argsort(confidence, kind="stable")
    gaps = [
        len(part) * abs(confidence[part].mean() - correct[part].mean())
        for part in np.array_split(order, ECE_BINS)
        if len(part)
    ]
    return float(sum(gaps) / len(confidence))


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Finds the temperature that calibrates logits (N, K) on held-out labels (N,).

    Minimises the negative log likelihood (Guo et al. 2017). Returns 1.0 where the expected
    calibration error on the same data does not fall by it.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return negative_log_likelihood(softmax(logits, temperature=temperature), labels)

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    temperature = float(np.exp(found.x))
    improves = _error_at(logits, labels, temperature) < _error_at(logits, labels, 1.0)
    return temperature if improves else 1.0


def choose_threshold(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, precision: float
) -> float | None:
    """Chooses the lowest confidence to accept so that accepted items keep `precision`.

    Walks down from the most confident held-out items in steps of about one percent of them and
    stops at the first step whose exact binomial lower bound (Clopper and Pearson 1934, one-sided,
    95 %) falls below `precision`. Because the steps are tested in a fixed order and the walk
    stops at the first failure, the family-wise error stays at 5 % without a correction
    (fixed-sequence testing as in "Learn then Test", Angelopoulos et al. 2021). Steps too small
    to pass even without an error are left out of the sequence.

    Args:
        confidence: Calibrated probability of the predicted class, (N,), held-out data.
        correct: Whether the prediction was right, (N,).
        precision: The promised share of correct items among the accepted, in (0, 1).

    Returns:
        The threshold; items with a confidence at or above it are accepted. None when the data
        cannot support the promise.
    """
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum(correct[order])
    smallest = items_needed(precision)
    threshold = None
    for accepted in range(smallest, len(order) + 1, max(1, len(order) // 100)):
        if _lower_bound(int(right[accepted - 1]), accepted) < precision:
            break
        threshold = float(confidence[order[accepted - 1]])
    return threshold


def items_needed(precision: float) -> int:
    """Returns how many held-out items, all correct, a promise of `precision` takes at least."""
    return int(np.ceil(np.log(1 - CONFIDENCE_LEVEL) / np.log(precision)))


def choose_thresholds(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    precisions: Sequence[float] = TARGET_PRECISIONS,
) -> dict[str, float | None]:
    """Chooses a threshold for each of `precisions` on probabilities (N, K) and labels (N,).

    Returns:
        Threshold by precision as text ("0.98"), None where the data cannot support it.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    return {
        f"{precision:g}": choose_threshold(confidence, correct, precision=precision)
        for precision in precisions
    }


def decide(confidence: NDArray[np.float64], threshold: float | None) -> NDArray[np.str_]:
    """Returns ``accept`` or ``review`` for each confidence (N,); without a threshold, review."""
    if threshold is None:
        return np.full(len(confidence), "review")
    return np.where(confidence >= threshold, "accept", "review")


def _lower_bound(right: int, accepted: int) -> float:
    from scipy.stats import beta

    if right == 0:
        return 0.0
    return float(beta.ppf(1 - CONFIDENCE_LEVEL, right, accepted - right + 1))


def _error_at(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    probabilities = softmax(logits, temperature=temperature)
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
