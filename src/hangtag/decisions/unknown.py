"""How unlike the training data an input is, from its embedding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT = 0.98
"""Share of real items that the threshold for unknown input lets through."""


@dataclass(frozen=True, slots=True)
class Familiarity:
    """What is known of the embeddings (N, D) of the training data.

    Attributes:
        mean: Mean over all items, (D,).
        offsets: Mean of each class that occurs minus `mean`, (C, D).
        within: Whitens the deviations from the mean of the own class: the product of a deviation
            with it has unit covariance, (D, D).
        overall: Whitens the deviations from `mean`, (D, D).
    """

    mean: NDArray[np.float64]
    offsets: NDArray[np.float64]
    within: NDArray[np.float64]
    overall: NDArray[np.float64]


def fit_familiarity(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Familiarity:
    """Learns what embeddings (N, D) of training items with labels (N,) look like.

    Covariances are shrunk so that few items will do (Ledoit and Wolf 2004).
    """
    values = embeddings.astype(np.float64)
    mean = values.mean(axis=0)
    present = np.unique(labels)
    centres = np.stack([values[labels == label].mean(axis=0) for label in present])
    own = centres[np.searchsorted(present, labels)]
    return Familiarity(mean, centres - mean, _whitener(values - own), _whitener(values - mean))


def strangeness(embeddings: NDArray[np.float32], known: Familiarity) -> NDArray[np.float64]:
    """Returns how unlike the training data embeddings (N, D) are, (N,); more is stranger.

    The squared Mahalanobis distance to the nearest class less that to the whole (Ren, Fort, Liu,
    Roy, Padhy and Lakshminarayanan 2021, "A simple fix to Mahalanobis distance for improving
    near-OOD detection").
    """
    deviations = embeddings.astype(np.float64) - known.mean
    whitened = deviations @ known.within  # (N, D)
    centres = known.offsets @ known.within  # (C, D)
    # |w - c|^2 = |w|^2 - 2 w.c + |c|^2, for all pairs at once
    distances = -2 * whitened @ centres.T + (centres**2).sum(axis=1)
    nearest = (whitened**2).sum(axis=1) + distances.min(axis=1)
    strange: NDArray[np.float64] = nearest - ((deviations @ known.overall) ** 2).sum(axis=1)
    return strange


def choose_limit(strange: NDArray[np.floating]) -> float:
    """Returns the strangeness that 98 % of held-out real items (N,) do not exceed."""
    return float(np.quantile(strange, KEPT, method="higher"))


def _whitener(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(deviations, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    scaled: NDArray[np.float64] = vectors / np.sqrt(np.maximum(values, 1e-12))
    return scaled
