"""The seed's network, as Keras built it."""

from typing import Literal

import torch
from torch import Tensor, nn

from hangtag.images.spec import ImageSpec
from hangtag.training.networks.base import Features, Network, register
from hangtag.training.networks.norms import KerasNorm
from hangtag.training.recipes.schema import Fraction, NetworkSettings, NotNegative

_POOLED = 9
"""Layers to the first pooling: two convolutions, of four layers each, and itself."""


class SeedNetwork(NetworkSettings):
    """The seed's network: four convolutions and three dense layers, 3,477,578 parameters."""

    kind: Literal["seed"] = "seed"
    l2: NotNegative = 0.01
    """Factor of the sum of squares of the third and fourth kernel, added to the loss."""
    dropout: Fraction = 1.0
    """Factor on the seed's dropout rates; 0 switches dropout off."""


@register(SeedNetwork)
class SeedNet(Network):
    """The seed's network, with the defaults of Keras that it relied on.

    Glorot-uniform kernels, zero biases, batch normalisation with epsilon 1e-3, momentum 0.99 (0.01
    in PyTorch's meaning) and the biased variance, dropout after it and before pooling.
    """

    def __init__(self, settings: SeedNetwork, *, classes: int, spec: ImageSpec) -> None:
        super().__init__()
        factor = settings.dropout
        self.l2 = settings.l2
        self.features = nn.Sequential(
            *_seed_convolution(spec.channels, 32, kernel=3, dropout=0.3 * factor),
            *_seed_convolution(32, 64, kernel=3, dropout=0.4 * factor),
            nn.MaxPool2d(2),
            *_seed_convolution(64, 64, kernel=5, dropout=0.5 * factor),
            nn.MaxPool2d(2),
            *_seed_convolution(64, 128, kernel=3, dropout=0.25 * factor),
            nn.Flatten(),
            *_seed_dense(128 * (spec.height // 4) * (spec.width // 4), 512, dropout=0.5 * factor),
            *_seed_dense(512, 128, dropout=0.5 * factor),
        )
        self.head = nn.Linear(128, classes)
        kernels = [layer for layer in self.features if isinstance(layer, nn.Conv2d)]
        self._penalised = kernels[2:]
        self.apply(_initialise_like_keras)

    def forward_features(self, images: Tensor) -> Features:
        """Returns the 128 inputs of the last layer, (B, 128), and the maps after first pooling."""
        early: Tensor = self.features[:_POOLED](images)
        embeddings: Tensor = self.features[_POOLED:](early)
        return Features(embeddings, early)

    def penalty(self) -> Tensor | None:
        """Returns l2 times the sum of squares of the third and fourth kernel."""
        if not self.l2:
            return None
        return self.l2 * torch.stack([k.weight.square().sum() for k in self._penalised]).sum()


class Dropout(nn.Dropout):
    """Dropout whose masks on a CPU are cut from random bits, sixteen a unit.

    PyTorch draws one random number a unit there, which took half of the seed's step. The rate is
    true to 1/65,536.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with the fraction p at 0 and the rest scaled by 1 / (1 - p)."""
        if not self.training or not self.p or x.device.type != "cpu":
            return super().forward(x)
        return x * _draw_mask(x, keep=1 - self.p) * (1 / (1 - self.p))


def _draw_mask(x: Tensor, *, keep: float) -> Tensor:
    """Returns ones, and zeros for the fraction 1 - `keep`, in the shape, type and format of `x`."""
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.int16)[: x.numel()]
    lowest = round((1 - keep) * 2**16) - 2**15
    # On a CPU, clamping is several times faster than comparing.
    mask = draws.clamp_(lowest - 1, lowest).sub_(lowest - 1).to(x.dtype)
    return mask.as_strided(x.shape, x.stride())


def _seed_convolution(before: int, after: int, *, kernel: int, dropout: float) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, kernel, padding="same"),
        nn.ReLU(inplace=True),
        KerasNorm(after),
        Dropout(dropout),
    ]


def _seed_dense(before: int, after: int, *, dropout: float) -> list[nn.Module]:
    return [
        nn.Linear(before, after),
        nn.ReLU(inplace=True),
        KerasNorm(after),
        Dropout(dropout),
    ]


def _initialise_like_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
