"""How unlike the training data an input is, by its embedding and by its texture.

The embedding tells a sandal from a bag and forgets what tells neither; the first layers still see
that something is no garment at all. Where an embedding has many dimensions, training items leave
most of them empty, and what is strange does not.

Letters: N items, D embedding, T texture, C classes, P directions (D or T, at most 128).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

KEPT = 0.98
"""Share of real items that the threshold for unknown input lets through."""


MOST_DIRECTIONS = 128
"""Directions that are looked at; in more, as many items as there are say little."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the values of training items lie: 0 stands for their median, 1 for their limit.

    Attributes:
        middle: The median.
        spread: From there to what 98 % do not exceed.
    """

    middle: float
    spread: float


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What is known of the embeddings (N, D) of the training data.

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
class Textures:
    """What is known of the textures (N, T) of the training data.

    Attributes:
        mean: Mean over all items, (T,).
        overall: Whitens the deviations from it, (T, P).
        scale: Of `texture_distance`.
    """

    mean: NDArray[np.float64]
    overall: NDArray[np.float64]
    scale: Scale


def fit_embeddings(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Embeddings:
    """Learns what embeddings (N, D) of training items with labels (N,) look like.

    Covariances are shrunk so that few items will do (Ledoit and Wolf 2004).
    """
    values = embeddings.astype(np.float64)
    mean = values.mean(axis=0)
    directions = _main_directions(values - mean)
    within_them = (values - mean) @ directions  # (N, P)
    present = np.unique(labels)
    centres = np.stack([within_them[labels == label].mean(axis=0) for label in present])
    own = centres[np.searchsorted(present, labels)]
    within, overall = (_whitener(one) for one in (within_them - own, within_them))
    known = Embeddings(mean, directions, centres, within, overall, Scale(0.0, 1.0), None)
    known = replace(known, scale=_scale_of(relative_distance(embeddings, known)))
    if directions.shape[0] == directions.shape[1]:
        return known
    raw = distance_outside(embeddings, replace(known, outside=Scale(0.0, 1.0)))
    return replace(known, outside=_scale_of(raw))


def fit_textures(textures: NDArray[np.float32]) -> Textures:
    """Learns what textures (N, T) of training items look like; the covariance is shrunk too."""
    values = textures.astype(np.float64)
    mean = values.mean(axis=0)
    directions = _main_directions(values - mean)
    overall = directions @ _whitener((values - mean) @ directions)
    scale = _scale_of(texture_distance(textures, Textures(mean, overall, Scale(0.0, 1.0))))
    return Textures(mean, overall, scale)


def ood_score(
    embeddings: NDArray[np.float32],
    textures: NDArray[np.float32],
    known: tuple[Embeddings, Textures],
) -> NDArray[np.float64]:
    """Returns how unlike the training data items are, (N,); more is stranger.

    The sum of the three distances, each in units of what is usual among training items.

    Args:
        embeddings: (N, D).
        textures: (N, T).
        known: What `fit_embeddings` and `fit_textures` learned.
    """
    of_embedding = relative_distance(embeddings, known[0]) + distance_outside(embeddings, known[0])
    return of_embedding + texture_distance(textures, known[1])


def relative_distance(embeddings: NDArray[np.float32], known: Embeddings) -> NDArray[np.float64]:
    """Returns the relative Mahalanobis distance of embeddings (N, D), scaled, (N,).

    The squared distance to the nearest class less that to the whole (Ren, Fort, Liu, Roy,
    Padhy and Lakshminarayanan 2021, "A simple fix to Mahalanobis distance for improving near-OOD
    detection").
    """
    inside = (embeddings.astype(np.float64) - known.mean) @ known.directions  # (N, P)
    whitened, centres = inside @ known.within, known.centres @ known.within
    # |w - c|^2 = |w|^2 - 2 w.c + |c|^2, for all pairs at once
    distances = -2 * whitened @ centres.T + (centres**2).sum(axis=1)  # (N, C)
    nearest = (whitened**2).sum(axis=1) + distances.min(axis=1)
    return _scaled(nearest - ((inside @ known.overall) ** 2).sum(axis=1), known.scale)


def distance_outside(embeddings: NDArray[np.float32], known: Embeddings) -> NDArray[np.float64]:
    """Returns the squared distance of embeddings (N, D) from the main directions, scaled, (N,).

    The square of the residual of Wang, Li, Feng and Zhang 2022, "ViM: Out-of-distribution with
    virtual-logit matching". 0 where the directions are all there are.
    """
    if known.outside is None:
        return np.zeros(len(embeddings))
    deviations = embeddings.astype(np.float64) - known.mean
    inside = deviations @ known.directions
    return _scaled((deviations**2).sum(axis=1) - (inside**2).sum(axis=1), known.outside)


def texture_distance(textures: NDArray[np.float32], known: Textures) -> NDArray[np.float64]:
    """Returns the logarithm of 1 + the squared Mahalanobis distance of textures (N, T), scaled."""
    whitened = (textures.astype(np.float64) - known.mean) @ known.overall
    return _scaled(np.log1p((whitened**2).sum(axis=1)), known.scale)


def choose_limit(strange: NDArray[np.floating]) -> float:
    """Returns the ood_score that 98 % of held-out real items (N,) do not exceed."""
    return float(np.quantile(strange, KEPT, method="higher"))


def _scale_of(values: NDArray[np.float64]) -> Scale:
    middle = float(np.median(values))
    return Scale(middle, max(float(np.quantile(values, KEPT)) - middle, 1e-6))


def _scaled(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    return (values - scale.middle) / scale.spread


def _main_directions(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the directions (D, P) in which deviations (N, D) are largest; all, where few."""
    size = deviations.shape[1]
    if size <= MOST_DIRECTIONS:
        return np.eye(size)
    _, vectors = np.linalg.eigh(deviations.T @ deviations)
    largest: NDArray[np.float64] = vectors[:, -MOST_DIRECTIONS:]
    return largest


def _whitener(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns what makes deviations (N, P) white, (P, P)."""
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(deviations, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whitener: NDArray[np.float64] = vectors / np.sqrt(np.maximum(values, 1e-12))
    return whitener
