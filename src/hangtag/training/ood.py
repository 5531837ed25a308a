"""The OOD score as a part of the exported graph: how unlike the training data an image is.

Letters: B batch, D embedding, E early channels, T texture (2 E), C classes.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hangtag.datasets.dataset import Split
from hangtag.decisions.ood import (
    EmbeddingStatistics,
    TextureStatistics,
    fit_embeddings,
    fit_textures,
)
from hangtag.training.networks import Network
from hangtag.training.preprocessing import (
    Normalisation,
    inference_batch_size,
    scale_pixels,
    with_channels,
)

MAX_IMAGES = 12_000
"""Training images that are used; more would change the fourth digit."""

_LEAST_VARIANCE = 1e-6
"""Added to the variance of a channel, so that a blank one has a finite root's gradient."""


def measure_texture(early: Tensor) -> Tensor:
    """Returns mean and standard deviation over space of early maps (B, E, h, w), (B, T)."""
    mean = early.mean(dim=(2, 3))
    variance = (early - mean[..., None, None]).square().mean(dim=(2, 3))
    return torch.cat([mean, torch.sqrt(variance + _LEAST_VARIANCE)], dim=1)


class OodScore(nn.Module):
    """The sum of the distances of `hangtag.decisions.ood` for the features of a network -> (B,).

    Without textures, for networks that have no early maps, the sum lacks their distance.
    """

    def __init__(self, embeddings: EmbeddingStatistics, textures: TextureStatistics | None) -> None:
        super().__init__()
        self.embedding = _EmbeddingDistance(embeddings)
        self.texture = None if textures is None else _TextureDistance(textures)

    def forward(self, embeddings: Tensor, textures: Tensor | None) -> Tensor:
        """Returns the OOD scores (B,) of embeddings (B, D) and textures (B, T)."""
        score: Tensor = self.embedding(embeddings)
        return score if self.texture is None else score + self.texture(textures)


class _EmbeddingDistance(nn.Module):
    """`relative_distance` and `distance_outside` on tensors, (B, D) -> (B,)."""

    mean: Tensor
    directions: Tensor
    centres: Tensor
    within: Tensor
    overall: Tensor

    def __init__(self, known: EmbeddingStatistics) -> None:
        super().__init__()
        self.scale, self.outside = known.scale, known.outside
        _keep(
            self,
            mean=known.mean,
            directions=known.directions,
            centres=known.centres @ known.within,
            within=known.within,
            overall=known.overall,
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        deviations = embeddings - self.mean
        inside = deviations @ self.directions  # (B, D) -> (B, P)
        whitened = inside @ self.within
        distances = self.centres.square().sum(dim=1) - 2 * whitened @ self.centres.T  # (B, C)
        nearest = whitened.square().sum(dim=1) + distances.amin(dim=1)
        relative = nearest - (inside @ self.overall).square().sum(dim=1)
        score = (relative - self.scale.middle) / self.scale.spread
        if self.outside is None:
            return score
        rest = deviations.square().sum(dim=1) - inside.square().sum(dim=1)
        return score + (rest - self.outside.middle) / self.outside.spread


class _TextureDistance(nn.Module):
    """`texture_distance` on tensors, (B, T) -> (B,)."""

    mean: Tensor
    overall: Tensor

    def __init__(self, known: TextureStatistics) -> None:
        super().__init__()
        self.scale = known.scale
        _keep(self, mean=known.mean, overall=known.overall)

    def forward(self, textures: Tensor) -> Tensor:
        whitened = (textures - self.mean) @ self.overall
        distance = torch.log1p(whitened.square().sum(dim=1))
        return (distance - self.scale.middle) / self.scale.spread


def _keep(module: nn.Module, **values: NDArray[np.float64]) -> None:
    for name, value in values.items():
        module.register_buffer(name, torch.from_numpy(value).float())


@torch.no_grad()
def fit_ood_score(network: Network, normalisation: Normalisation, train: Split) -> OodScore:
    """Fits the OOD score of a trained network to up to 12,000 images spread over `train`."""
    chosen = np.linspace(0, len(train) - 1, min(MAX_IMAGES, len(train))).astype(int)
    step = inference_batch_size(*train.images.shape[1:3])
    embeddings: list[NDArray[np.float32]] = []
    textures: list[NDArray[np.float32]] = []
    for start in range(0, len(chosen), step):
        pixels = torch.from_numpy(with_channels(train.images[chosen[start : start + step]]))
        embedding, early = network.forward_features(normalisation(scale_pixels(pixels)))
        embeddings.append(embedding.numpy())
        if early is not None:
            textures.append(measure_texture(early).numpy())
    return OodScore(
        fit_embeddings(np.concatenate(embeddings), train.labels[chosen]),
        fit_textures(np.concatenate(textures)) if textures else None,
    )
