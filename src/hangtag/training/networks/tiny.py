"""A network for fast prediction: few multiplications, nothing that inference cannot fuse."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from hangtag.images.spec import ImageSpec
from hangtag.training.networks.base import Features, Network, register
from hangtag.training.networks.norms import Norm
from hangtag.training.recipes.schema import NetworkSettings

_POOLED = 7
"""Layers to the pooling: two convolutions, each with its normalisation and ReLU, and itself."""


class TinyNetwork(NetworkSettings):
    """A plain stack of convolutions that predicts fast."""

    kind: Literal["tiny"] = "tiny"
    widths: Annotated[
        tuple[Annotated[int, Field(ge=4, le=4096)], ...], Field(min_length=3, max_length=8)
    ]
    """Channels of each convolution; the first, the second and the last halve the size."""


@register(TinyNetwork)
class TinyNet(Network):
    """A plain stack of convolutions, each with batch normalisation and ReLU.

    The first, 4x4 with stride 2, brings 28x28 to 14x14; the second is followed by pooling to 7x7,
    the last has stride 2. The embedding is the mean over space.
    """

    def __init__(self, settings: TinyNetwork, *, classes: int, spec: ImageSpec) -> None:
        super().__init__()
        stem, second, *others = settings.widths
        strides = [1] * (len(others) - 1) + [2]
        inputs = [second, *others[:-1]]
        self.features = nn.Sequential(
            *_convolve(spec.channels, stem, kernel=4, stride=2),
            *_convolve(stem, second, kernel=3, stride=1),
            nn.MaxPool2d(2),
        )
        for before, after, stride in zip(inputs, others, strides, strict=True):
            self.features.extend(_convolve(before, after, kernel=3, stride=stride))
        self.head = nn.Linear(others[-1], classes)

    def forward_features(self, images: Tensor) -> Features:
        """Returns the mean over space of each last channel, (B, D), and the maps at 7x7."""
        early: Tensor = self.features[:_POOLED](images)
        features: Tensor = self.features[_POOLED:](early)
        return Features(features.mean(dim=(2, 3)), early)  # (B, D, H, W) -> (B, D)


def _convolve(before: int, after: int, *, kernel: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, kernel, stride=stride, padding=1, bias=False),
        Norm(after),
        nn.ReLU(inplace=True),
    ]
