"""Out-of-distribution (OOD) detection: the three distances of the OOD score, and its threshold.

The OOD score is the sum of the distances, each scaled by the training items. The relative distance
in the embedding separates the classes. The distance outside the main directions of a large
embedding shows input of another kind. The texture of the first layers shows that an image is no
garment at all. Here the distances are fitted; the exported graph computes their sum
(`hangtag.training.ood.OodScore`).

Letters: N items, D embedding, T texture, C classes, P directions (D or T, at most 128).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

KEPT_FRACTION = 0.98
"""Fraction of in-distribution items that stay at or below the OOD threshold."""

MAX_DIRECTIONS = 128
"""Principal directions that are used; training items are too few to estimate more."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Scales a distance so that training items have the median 0 and the 98th percentile 1.

    Attributes:
        middle: The median.
        spread: The 98th percentile minus the median.
    """

    middle: float
    spread: float


@dataclass(frozen=True, slots=True)
class EmbeddingStatistics:
    """Statistics of the embeddings (N, D) of the training data.

    Attributes:
        mean: Mean over all items, (D,).
        directions: In which the deviations from it are largest, orthonormal, (D, P).
        centres: Mean of each class that occurs minus `mean`, in these directions, (C, P).
        within: Whitens the deviations from the mean of the own class in these directions: the
            product of a deviation with it has unit covariance, (P, P).
        overall: Whitens the deviations from `mean` in these directions, (P, P).
        scale: Of `relative_distance`.
        outside: Of `distance_outside`; None where there is nothing outside the directions.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    centres: NDArray[np.float64]
    within: NDArray[np.float64]
    overall: NDArray[np.float64]
    scale: Scale
    outside: Scale | None


@dataclass(frozen=True, slots=True)
class TextureStatistics:
    """Statistics of the textures (N, T) of the training data.

    Attributes:
        mean: Mean over all items, (T,).
        overall: Whitens the deviations from it, (T, P).
        scale: Of `texture_distance`.
    """

    mean: NDArray[np.float64]
    overall: NDArray[np.float64]
    scale: Scale


def fit_embeddings(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64]
) -> EmbeddingStatistics:
    """Estimates the statistics of embeddings (N, D) of training items with labels (N,).

    Covariances are shrunk, so that few items are enough (Ledoit and Wolf 2004).
    """
    values = embeddings.astype(np.float64)
    mean = values.mean(axis=0)
    directions = _main_directions(values - mean)
    within_them = (values - mean) @ directions  # (N, P)
    present = np.unique(labels)
    centres = np.stack([within_them[labels == label].mean(axis=0) for label in present])
    own = centres[np.searchsorted(present, labels)]
    within, overall = (_whitener(deviations) for deviations in (within_them - own, within_them))
    statistics = EmbeddingStatistics(
        mean, directions, centres, within, overall, Scale(0.0, 1.0), None
    )
    statistics = replace(statistics, scale=_scale_of(relative_distance(embeddings, statistics)))
    if directions.shape[0] == directions.shape[1]:
        return statistics
    raw = distance_outside(embeddings, replace(statistics, outside=Scale(0.0, 1.0)))
    return replace(statistics, outside=_scale_of(raw))


def fit_textures(textures: NDArray[np.float32]) -> TextureStatistics:
    """Estimates the statistics of textures (N, T) of training items; the covariance is shrunk."""
    values = textures.astype(np.float64)
    mean = values.mean(axis=0)
    directions = _main_directions(values - mean)
    overall = directions @ _whitener((values - mean) @ directions)
    scale = _scale_of(texture_distance(textures, TextureStatistics(mean, overall, Scale(0.0, 1.0))))
    return TextureStatistics(mean, overall, scale)


def relative_distance(
    embeddings: NDArray[np.float32], statistics: EmbeddingStatistics
) -> NDArray[np.float64]:
    """Returns the relative Mahalanobis distance of embeddings (N, D), scaled, (N,).

    The squared distance to the nearest class less that to the whole (Ren, Fort, Liu, Roy,
    Padhy and Lakshminarayanan 2021, "A simple fix to Mahalanobis distance for improving near-OOD
    detection").
    """
    inside = (embeddings.astype(np.float64) - statistics.mean) @ statistics.directions  # (N, P)
    whitened, centres = inside @ statistics.within, statistics.centres @ statistics.within
    # |w - c|^2 = |w|^2 - 2 w.c + |c|^2, for all pairs at once
    distances = -2 * whitened @ centres.T + (centres**2).sum(axis=1)  # (N, C)
    nearest = (whitened**2).sum(axis=1) + distances.min(axis=1)
    return _scaled(nearest - ((inside @ statistics.overall) ** 2).sum(axis=1), statistics.scale)


def distance_outside(
    embeddings: NDArray[np.float32], statistics: EmbeddingStatistics
) -> NDArray[np.float64]:
    """Returns the squared distance of embeddings (N, D) from the main directions, scaled, (N,).

    The square of the residual of Wang, Li, Feng and Zhang 2022, "ViM: Out-of-distribution with
    virtual-logit matching". 0 where the directions are all there are.
    """
    if statistics.outside is None:
        return np.zeros(len(embeddings))
    deviations = embeddings.astype(np.float64) - statistics.mean
    inside = deviations @ statistics.directions
    return _scaled((deviations**2).sum(axis=1) - (inside**2).sum(axis=1), statistics.outside)


def texture_distance(
    textures: NDArray[np.float32], statistics: TextureStatistics
) -> NDArray[np.float64]:
    """Returns the logarithm of 1 + the squared Mahalanobis distance of textures (N, T), scaled."""
    whitened = (textures.astype(np.float64) - statistics.mean) @ statistics.overall
    return _scaled(np.log1p((whitened**2).sum(axis=1)), statistics.scale)


def choose_ood_threshold(ood_scores: NDArray[np.floating]) -> float:
    """Returns the OOD score that 98 % of held-out items with `ood_scores` (N,) do not exceed."""
    return float(np.quantile(ood_scores, KEPT_FRACTION, method="higher"))


def _scale_of(values: NDArray[np.float64]) -> Scale:
    middle = float(np.median(values))
    return Scale(middle, max(float(np.quantile(values, KEPT_FRACTION)) - middle, 1e-6))


def _scaled(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    return (values - scale.middle) / scale.spread


def _main_directions(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the directions (D, P) in which deviations (N, D) are largest; all, where few."""
    size = deviations.shape[1]
    if size <= MAX_DIRECTIONS:
        return np.eye(size)
    _, vectors = np.linalg.eigh(deviations.T @ deviations)
    largest: NDArray[np.float64] = vectors[:, -MAX_DIRECTIONS:]
    return largest


def _whitener(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns what makes deviations (N, P) white, (P, P)."""
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(deviations, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whitener: NDArray[np.float64] = vectors / np.sqrt(np.maximum(values, 1e-12))
    return whitener
