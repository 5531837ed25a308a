"""A small network for short trainings: a whitened stem and groups of two or three convolutions."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hangtag.images.spec import ImageSpec
from hangtag.training.networks.base import Features, Network, register
from hangtag.training.networks.norms import Norm
from hangtag.training.recipes.schema import NetworkSettings


class CompactNetwork(NetworkSettings):
    """A small convolutional network after airbench: a whitened stem and groups of two."""

    kind: Literal["compact"] = "compact"
    widths: Annotated[
        tuple[Annotated[int, Field(ge=8, le=4096)], ...], Field(min_length=2, max_length=5)
    ]
    """Channels of the stem and of each group; each group halves height and width."""
    residual: bool = False
    """Whether each group has a third convolution, added to its input."""
    flip_average: bool = False
    """Whether the network averages its logits over the image and its mirror image."""


@register(CompactNetwork)
class CompactNet(Network):
    """A small network for short trainings.

    After airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"): a 2x2 stem
    whose first filters whiten the patches of the train split, groups of convolutions with
    pooling after the first, identity initialisation and a global maximum.
    """

    def __init__(self, settings: CompactNetwork, *, classes: int, spec: ImageSpec) -> None:
        super().__init__()
        stem, *widths = settings.widths
        self.flip_average = settings.flip_average
        self.stem = nn.Conv2d(spec.channels, stem, 2)
        self.activation = nn.GELU()
        inputs = [stem, *widths[:-1]]
        self.groups = nn.Sequential(
            *(
                _ConvGroup(before, after, residual=settings.residual)
                for before, after in zip(inputs, widths, strict=True)
            )
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward_features(self, images: Tensor) -> Features:
        """Returns the maximum over space of each last channel, (B, D), and the first group's maps.

        See `flip_average`.
        """
        embeddings, early = self._forward_once(images)
        if self.flip_average and not self.training:
            # The head is linear, so the mean embedding gives the mean logits.
            embeddings = (embeddings + self._forward_once(images.flip(3))[0]) / 2
        return Features(embeddings, early)

    @torch.no_grad()
    def initialise(self, images: Tensor) -> None:
        """Sets the first filters of the stem to whiten 2x2 patches of `images`.

        They are the eigenvectors of the patches' second moments over the root of their
        eigenvalues (Page 2019, "How to train your ResNet 8"), followed by their negatives.
        """
        patches = (
            nn.functional.unfold(images, 2).transpose(1, 2).reshape(-1, self.stem.weight[0].numel())
        )
        moments = patches.T @ patches / len(patches)
        values, vectors = torch.linalg.eigh(moments)
        filters = (vectors / torch.sqrt(values + 5e-4)).T.reshape(-1, *self.stem.weight.shape[1:])
        filters = torch.cat([filters, -filters])[: len(self.stem.weight)]
        self.stem.weight[: len(filters)] = filters

    def _forward_once(self, images: Tensor) -> tuple[Tensor, Tensor]:
        early: Tensor = self.groups[0](self.activation(self.stem(images)))
        features: Tensor = self.groups[1:](early)
        return features.amax(dim=(2, 3)), early  # (B, D, H, W) -> (B, D)


class _ConvGroup(nn.Module):
    """Convolution and pooling to (B, `after`, H/2, W/2), a second convolution, perhaps a third.

    The third's output is added to its input (a residual connection, He et al. 2015).
    """

    def __init__(self, before: int, after: int, *, residual: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _identity_convolution(before, after),
            nn.MaxPool2d(2),
            *_normalise(after),
            _identity_convolution(after, after),
            *_normalise(after),
        )
        self.residual = nn.Sequential(
            *(_identity_convolution(after, after), *_normalise(after)) if residual else ()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return x + self.residual(x) if len(self.residual) else x


def _normalise(channels: int) -> tuple[nn.Module, nn.Module]:
    return Norm(channels), nn.GELU()


def _identity_convolution(before: int, after: int) -> nn.Conv2d:
    """Returns a 3x3 convolution whose first outputs are its inputs."""
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight[:before])
    return convolution
