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

SHARES = 20
"""How many shares of the held-out items are tried for a threshold."""

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

    Tries to accept the most confident 100 %, 95 %, ..., 5 % of held-out items and takes the
    largest share whose precision is proven: whose exact binomial lower bound (Clopper and Pearson
    1934, one-sided) reaches `precision`. Each of the 20 bounds errs with 5 % / 20 (Bonferroni),
    so that the chosen threshold keeps the promise with 95 % confidence, whichever it is.

    Args:
        confidence: Calibrated probability of the predicted class, (N,), held-out data.
        correct: Whether the prediction was right, (N,).
        precision: The promised share of correct items among the accepted, in (0, 1).

    Returns:
        The threshold; items with a confidence at or above it are accepted. None when the data
        cannot support the promise.
    """
    descending = np.sort(confidence)[::-1]
    for step in range(SHARES, 0, -1):
        threshold = float(descending[max(1, len(confidence) * step // SHARES) - 1])
        accepted = correct[confidence >= threshold]
        if _lower_bound(int(accepted.sum()), len(accepted)) >= precision:
            return threshold
    return None


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
    """Returns the lower bound of one of the SHARES tests for `right` of `accepted` items."""
    from scipy.stats import beta

    error = (1 - CONFIDENCE_LEVEL) / SHARES
    return float(beta.ppf(error, right, accepted - right + 1)) if right else 0.0


def _error_at(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    probabilities = softmax(logits, temperature=temperature)
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
