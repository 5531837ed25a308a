"""Calibration: softmax, temperature scaling and the expected calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram.

    Attributes:
        confidence: Mean confidence of its items, 0-1.
        correct: Fraction of correct items, 0-1.
        n: Number of its items.
    """

    confidence: float
    correct: float
    n: int


def softmax(logits: NDArray[np.float32], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Turns logits (N, K) into probabilities (N, K), after dividing them by `temperature`."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    normalised: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return normalised


def log_softmax(logits: NDArray[np.float32], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Returns the logarithms of `softmax`, (N, K), also where a probability is too small."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    log_probabilities: NDArray[np.float64] = scaled - np.log(
        np.exp(scaled).sum(axis=1, keepdims=True)
    )
    return log_probabilities


def negative_log_likelihood(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Returns the mean of -log p(label), in nats, for probabilities (N, K) and labels (N,)."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())


def reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> list[ReliabilityBin]:
    """Returns 15 bins of equal mass by confidence, the least confident first.

    Args:
        confidence: Probability of the predicted class, (N,).
        correct: Whether the prediction was right, (N,).
    """
    order = np.argsort(confidence, kind="stable")
    return [
        ReliabilityBin(float(confidence[part].mean()), float(correct[part].mean()), len(part))
        for part in np.array_split(order, ECE_BINS)
        if len(part)
    ]


def calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Returns the expected calibration error with 15 bins of equal mass, in 0-1.

    The weighted mean over the bins of the distance between mean confidence and accuracy (Naeini
    et al. 2015; equal-mass bins after Nguyen and O'Connor 2015).

    Args:
        confidence: Probability of the predicted class, (N,).
        correct: Whether the prediction was right, (N,).
    """
    bins = reliability(confidence, correct)
    return sum(part.n * abs(part.confidence - part.correct) for part in bins) / len(confidence)


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


def _error_at(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    probabilities = softmax(logits, temperature=temperature)
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
