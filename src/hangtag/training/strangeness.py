"""How unlike the training data an embedding is, as a part of the exported graph."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hangtag.catalogue.items import Split
from hangtag.decisions.unknown import Familiarity, fit_familiarity
from hangtag.training.networks import Network
from hangtag.training.preprocessing import Normalisation, scale_pixels

MOST = 12_000
"""Training images that are looked at; more would change the fourth digit."""

BATCH = 500


class Strangeness(nn.Module):
    """`hangtag.decisions.unknown.strangeness` on tensors: embedding (B, D) -> (B,)."""

    mean: Tensor
    centres: Tensor
    within: Tensor
    overall: Tensor

    def __init__(self, known: Familiarity) -> None:
        super().__init__()
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
        deviations = embeddings - self.mean
        whitened = deviations @ self.within  # (B, D)
        distances = self.centres.square().sum(dim=1) - 2 * whitened @ self.centres.T  # (B, C)
        nearest = whitened.square().sum(dim=1) + distances.amin(dim=1)
        return nearest - (deviations @ self.overall).square().sum(dim=1)


@torch.no_grad()
def learn_strangeness(network: Network, normalisation: Normalisation, train: Split) -> Strangeness:
    """Looks at up to 12,000 images spread over `train` with a trained network in evaluation."""
    chosen = np.linspace(0, len(train) - 1, min(MOST, len(train))).astype(int)
    batches = [chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH)]
    embeddings: list[NDArray[np.float32]] = []
    for batch in batches:
        pixels = torch.from_numpy(np.ascontiguousarray(train.images[batch][..., None]))
        embeddings.append(network.embed(normalisation(scale_pixels(pixels))).numpy())
    return Strangeness(fit_familiarity(np.concatenate(embeddings), train.labels[chosen]))
