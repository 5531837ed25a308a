"""The networks. Shapes: B batch, C channels, H height, W width, D embedding, K classes."""

import itertools
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hangtag.training.recipes.schema import CompactNetwork, Recipe, SeedNetwork


class Network(nn.Module, ABC):
    """A classifier in two parts: images (B, C, H, W) -> embedding (B, D) -> logits (B, K)."""

    @abstractmethod
    def embed(self, images: Tensor) -> Tensor:
        """Returns the embedding (B, D) of normalised images (B, C, H, W)."""

    @abstractmethod
    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K) of embeddings (B, D)."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns the logits (B, K) of normalised images (B, C, H, W)."""
        return self.classify(self.embed(images))

    def penalty(self) -> Tensor | None:
        """Returns what the network adds to the loss for its weights, a scalar, or None."""
        return None

    def prepare(self, images: Tensor) -> None:
        """Looks at some normalised training images (B, C, H, W) before the first step."""


def build_network(
    recipe: Recipe, *, classes: int, channels: int = 1, size: tuple[int, int] = (28, 28)
) -> Network:
    """Builds the network of `recipe` with fresh weights from torch's random numbers.

    Args:
        recipe: Decides the network and its sizes.
        classes: K, at least 2.
        channels: C of the images.
        size: H and W of the images.
    """
    if recipe.network.kind == "seed":
        return SeedNet(recipe.network, classes=classes, channels=channels, size=size)
    return CompactNet(recipe.network, classes=classes, channels=channels)


class SeedNet(Network):
    """The seed's network, with the defaults of Keras that it relied on.

    Glorot-uniform kernels, zero biases, batch normalisation with epsilon 1e-3, momentum 0.99 (0.01
    in PyTorch's meaning) and the biased variance, dropout after it and before pooling.
    """

    def __init__(
        self, settings: SeedNetwork, *, classes: int, channels: int, size: tuple[int, int]
    ) -> None:
        super().__init__()
        factor = settings.dropout
        self.l2 = settings.l2
        self.features = nn.Sequential(
            *_seed_convolution(channels, 32, kernel=3, dropout=0.3 * factor),
            *_seed_convolution(32, 64, kernel=3, dropout=0.4 * factor),
            nn.MaxPool2d(2),
            *_seed_convolution(64, 64, kernel=5, dropout=0.5 * factor),
            nn.MaxPool2d(2),
            *_seed_convolution(64, 128, kernel=3, dropout=0.25 * factor),
            nn.Flatten(),
            *_seed_dense(128 * (size[0] // 4) * (size[1] // 4), 512, dropout=0.5 * factor),
            *_seed_dense(512, 128, dropout=0.5 * factor),
        )
        self.head = nn.Linear(128, classes)
        kernels = [layer for layer in self.features if isinstance(layer, nn.Conv2d)]
        self._penalised = kernels[2:]
        self.apply(_initialise_like_keras)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the 128 inputs of the last layer, (B, 128)."""
        embeddings: Tensor = self.features(images)
        return embeddings

    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K)."""
        logits: Tensor = self.head(embeddings)
        return logits

    def penalty(self) -> Tensor | None:
        """Returns l2 times the sum of squares of the third and fourth kernel."""
        if not self.l2:
            return None
        return self.l2 * torch.stack([k.weight.square().sum() for k in self._penalised]).sum()


class CompactNet(Network):
    """A small network for short trainings.

    After airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"): a 2x2 stem
    whose first filters whiten the patches of the train split, groups of two convolutions with
    pooling after the first, identity initialisation and a global maximum.
    """

    def __init__(self, settings: CompactNetwork, *, classes: int, channels: int) -> None:
        super().__init__()
        stem, *widths = settings.widths
        self.flip_average = settings.flip_average
        self.stem = nn.Conv2d(channels, stem, 2)
        self.activation = nn.GELU()
        inputs = [stem, *widths[:-1]]
        groups = (_group(before, after) for before, after in zip(inputs, widths, strict=True))
        self.groups = nn.Sequential(*itertools.chain.from_iterable(groups))
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the maximum over space of each last channel, (B, D); see `flip_average`."""
        embeddings = self._embed_once(images)
        if self.flip_average and not self.training:
            # The head is linear, so the mean embedding gives the mean logits.
            return (embeddings + self._embed_once(images.flip(3))) / 2
        return embeddings

    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K)."""
        logits: Tensor = self.head(embeddings)
        return logits

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
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

    def _embed_once(self, images: Tensor) -> Tensor:
        x = self.activation(self.stem(images))
        features: Tensor = self.groups(x)
        return features.amax(dim=(2, 3))  # (B, D, H, W) -> (B, D)


def _group(before: int, after: int) -> list[nn.Module]:
    return [
        _identity_convolution(before, after),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(after),
        nn.GELU(),
        _identity_convolution(after, after),
        nn.BatchNorm2d(after),
        nn.GELU(),
    ]


def _identity_convolution(before: int, after: int) -> nn.Conv2d:
    """Returns a 3x3 convolution whose first outputs are its inputs."""
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight[:before])
    return convolution


class _KerasNorm(nn.BatchNorm2d):
    """Batch normalisation of (B, C, H, W) or (B, C) with the defaults of Keras.

    Keras keeps a moving mean of the biased variance of each batch, PyTorch of the unbiased one,
    which is larger by n / (n - 1), where n counts the values of a channel: by 1.3 % after the
    dense layers at a batch size of 80. In evaluation the two differ by that.
    """

    running_mean: Tensor
    running_var: Tensor
    decay = 0.99

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=1 - self.decay)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        unbiased = self.running_var.clone()
        y = nn.functional.batch_norm(
            x, self.running_mean, unbiased, self.weight, self.bias, True, 1 - self.decay, self.eps
        )
        values = x.numel() // x.shape[1]
        self.running_var.mul_(self.decay).lerp_(unbiased, 1 - 1 / values)
        return y

    def _check_input_dim(self, x: Tensor) -> None:
        """Takes any number of dimensions."""


def _seed_convolution(before: int, after: int, *, kernel: int, dropout: float) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, kernel, padding="same"),
        nn.ReLU(),
        _KerasNorm(after),
        nn.Dropout(dropout),
    ]


def _seed_dense(before: int, after: int, *, dropout: float) -> list[nn.Module]:
    return [
        nn.Linear(before, after),
        nn.ReLU(),
        _KerasNorm(after),
        nn.Dropout(dropout),
    ]


def _initialise_like_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
