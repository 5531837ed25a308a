"""Items with a known truth: what a model with a known confusion would say of them."""

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.posterior import Evidence, EvidenceTable

CLASSES = 4
EQUAL = np.full(CLASSES, 1 / CLASSES)


def say(truth: NDArray[np.int64], *, skill: float = 3.0, seed: int = 0) -> NDArray[np.float64]:
    """Returns calibrated probabilities (N, 4) for items of classes `truth` (N,).

    Each class has a point in the plane; an item is seen with noise around that of its class, and
    the probabilities are the exact posterior for equal shares of the classes. Classes 0 and 1 are
    near each other.
    """
    random = np.random.default_rng(seed)
    points = skill * np.array([[0.0, 0.0], [0.6, 0.0], [2.0, 2.0], [-2.0, 2.0]])
    seen = points[truth] + random.normal(size=(len(truth), 2))
    logits = -0.5 * ((seen[:, None, :] - points) ** 2).sum(axis=2)
    logits -= logits.max(axis=1, keepdims=True)
    chances = np.exp(logits)
    normalised: NDArray[np.float64] = chances / chances.sum(axis=1, keepdims=True)
    return normalised


def draw(shares: list[float], count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Draws the classes of `count` items."""
    return np.random.default_rng(seed).choice(len(shares), count, p=shares)


def gather(
    probabilities: NDArray[np.float64],
    is_ood: NDArray[np.bool_] | None = None,
    *,
    class_prior: NDArray[np.float64] = EQUAL,
) -> Evidence:
    """Returns the evidence of one group of items."""
    table = EvidenceTable(class_prior)
    groups = np.zeros(len(probabilities), dtype=np.int64)
    none = np.zeros(len(probabilities), dtype=np.bool_)
    table.add(groups, probabilities, none if is_ood is None else is_ood)
    return table.by_group()[0]
