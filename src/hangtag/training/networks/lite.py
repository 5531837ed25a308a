"""EfficientNet-Lite0: a network for photos on small processors."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from hangtag.training.networks.base import Network
from hangtag.training.networks.norms import Norm
from hangtag.training.networks.pretrained import load_published
from hangtag.training.recipes.schema import LiteNetwork

EPSILON = 1e-3
"""Added to the variance by every batch normalisation; the published weights count on it."""

_STEM, _LAST = 32, 1280
_QUARTER = 2
"""Blocks that are done when height and width are first a quarter."""

_STAGES = (
    # blocks, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class LiteNet(Network):
    """EfficientNet-Lite0, about 3.4 million parameters without its last layer.

    The network of Tan and Le 2019 (https://arxiv.org/abs/1905.11946) without squeeze and
    excitation and with ReLU6, as Google published it in 2020 for phones. Padding is that of
    TensorFlow: of two sides the end gets the odd pixel.

    Where it begins with the published weights, batch normalisation keeps their statistics: the
    small batches of a short training would only blur them.
    """

    def __init__(self, settings: LiteNetwork, *, classes: int, channels: int) -> None:
        super().__init__()
        self.pretrained = settings.pretrained
        stem, last = (_scale(width, settings.width) for width in (_STEM, _LAST))
        self.stem = _convolve(channels, stem, kernel=3, stride=2)
        self.blocks = nn.Sequential()
        before = stem
        for count, kernel, stride, expansion, channels_out in _STAGES:
            after = _scale(channels_out, settings.width)
            for position in range(math.ceil(count * settings.depth)):
                first = stride if position == 0 else 1
                block = _Block(before, after, kernel=kernel, stride=first, expansion=expansion)
                self.blocks.append(block)
                before = after
        self.last = _convolve(before, last)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(last, classes)

    def observe(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean over space of each last channel, (B, D), and the maps at a quarter."""
        early: Tensor = self.blocks[:_QUARTER](self.stem(images))
        features: Tensor = self.last(self.blocks[_QUARTER:](early))
        return features.mean(dim=(2, 3)), early  # (B, D, H, W) -> (B, D)

    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K)."""
        logits: Tensor = self.head(self.dropout(embeddings))
        return logits

    def prepare(self, images: Tensor) -> None:
        """Takes the published weights for all but the last layer, where that is asked for.

        Raises:
            MissingExtraError: The photo extra is not installed.
            TrainingError: The weights are not those that were published.
        """
        if self.pretrained:
            load_published(self)

    def train(self, mode: bool = True) -> "LiteNet":
        """Sets the mode; the statistics of the published weights stay as they are."""
        super().train(mode)
        if self.pretrained:
            for module in self.modules():
                if isinstance(module, Norm):
                    module.eval()
        return self


class _Block(nn.Module):
    """Widen by a 1x1 convolution, filter each channel, narrow; added to its input where it fits."""

    def __init__(
        self, before: int, after: int, *, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = _convolve(before, wide) if expansion > 1 else nn.Identity()
        self.depthwise = _convolve(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = _convolve(wide, after, linear=True)
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


class _Conv2d(nn.Conv2d):
    """A convolution; with stride 2 its output is half its input, rounded up, as TensorFlow pads.

    On a processor a filter of single channels computes in float32 whatever the others do: its
    backward pass takes oneDNN four times as long in bfloat16.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] > 1:
            x = pad(x, self._missing(x.shape[3]) + self._missing(x.shape[2]))
        if self.groups == 1 or x.device.type != "cpu" or x.dtype != torch.bfloat16:
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)

    def _missing(self, length: int) -> list[int]:
        """Returns how many pixels are missing before and after a side."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
        return [missing // 2, missing - missing // 2]


def _convolve(
    before: int,
    after: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    linear: bool = False,
) -> nn.Sequential:
    padding = kernel // 2 if stride == 1 else 0
    convolution = _Conv2d(before, after, kernel, stride, padding, groups=groups, bias=False)
    activation = () if linear else (nn.ReLU6(inplace=True),)
    return nn.Sequential(convolution, Norm(after, epsilon=EPSILON), *activation)


def _scale(channels: int, factor: float) -> int:
    """Scales a number of channels to a multiple of eight, the stem's and the last layer's too."""
    return max(8, round(channels * factor / 8) * 8)
