"""How unlike the training data an embedding is, as a part of the exported graph."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hangtag.catalogue.items import Split
from hangtag.decisions.unknown import Familiarity, fit_familiarity
from hangtag.training.batches import evaluation_batch
from hangtag.training.networks import Network
from hangtag.training.preprocessing import Normalisation, scale_pixels, with_channels

MOST = 12_000
"""Training images that are looked at; more would change the fourth digit."""

MOST_DIMENSIONS = 128
"""Directions of an embedding that are looked at; in more, as many items as there are say little."""


class Strangeness(nn.Module):
    """`hangtag.decisions.unknown.strangeness` on tensors: embedding (B, D) -> (B,).

    Args:
        known: What is known of the embeddings, or of what `directions` leaves of them.
        directions: Takes the embedding to fewer dimensions first, (D, P); None takes it whole.
    """

    directions: Tensor | None
    mean: Tensor
    centres: Tensor
    within: Tensor
    overall: Tensor

    def __init__(self, known: Familiarity, directions: NDArray[np.float32] | None = None) -> None:
        super().__init__()
        self.register_buffer(
            "directions", None if directions is None else torch.from_numpy(directions)
        )
        values = {
            "mean": known.mean,
            "centres": known.offsets @ known.within,
            "within": known.within,
            "overall": known.overall,
        }
        for name, value in values.items():
            self.register_buffer(name, torch.from_numpy(value).float())

    def forward(self, embeddings: Tensor) -> Tensor:
        """Returns the strangeness (B,) of embeddings (B, D)."""
        if self.directions is not None:
            embeddings = embeddings @ self.directions  # (B, D) -> (B, P)
        deviations = embeddings - self.mean
        whitened = deviations @ self.within  # (B, D)
        distances = self.centres.square().sum(dim=1) - 2 * whitened @ self.centres.T  # (B, C)
        nearest = whitened.square().sum(dim=1) + distances.amin(dim=1)
        return nearest - (deviations @ self.overall).square().sum(dim=1)


@torch.no_grad()
def learn_strangeness(network: Network, normalisation: Normalisation, train: Split) -> Strangeness:
    """Looks at up to 12,000 images spread over `train` with a trained network in evaluation."""
    chosen = np.linspace(0, len(train) - 1, min(MOST, len(train))).astype(int)
    step = evaluation_batch(*train.images.shape[1:3])
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(chosen), step):
        pixels = torch.from_numpy(with_channels(train.images[chosen[start : start + step]]))
        parts.append(network.embed(normalisation(scale_pixels(pixels))).numpy())
    embeddings, labels = np.concatenate(parts), train.labels[chosen]
    if embeddings.shape[1] <= MOST_DIMENSIONS:
        return Strangeness(fit_familiarity(embeddings, labels))
    directions = _principal_directions(embeddings)
    return Strangeness(fit_familiarity(embeddings @ directions, labels), directions)


def _principal_directions(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the directions (D, P) in which embeddings (N, D) differ most."""
    _, vectors = np.linalg.eigh(np.cov(embeddings.astype(np.float64), rowvar=False))
    return np.ascontiguousarray(vectors[:, -MOST_DIMENSIONS:]).astype(np.float32)
