"""What every network is, and the registry of networks.

A file in this folder that defines a `Network` and registers it adds a backbone; nothing else needs
to change. Recipes choose it by the ``kind`` of its settings.

Shapes: B batch, C channels, H height, W width, E early channels, D embedding, K classes.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from hangtag.images.spec import ImageSpec
from hangtag.training.recipes.schema import NetworkSettings


class Features(NamedTuple):
    """What a network computes before its last layer.

    Attributes:
        embedding: (B, D), the input of the last layer.
        early: Maps of the first layers, (B, E, h, w), smaller than the images. The last layers
            forget what does not tell the classes apart; the first still see that something is no
            garment. None where a network has no such maps: the OOD score then does without.
    """

    embedding: Tensor
    early: Tensor | None = None


class Network(nn.Module, ABC):
    """A classifier in two parts: images (B, C, H, W) -> features -> logits (B, K).

    Attributes:
        head: The last layer.
        memory_format: Layout of the weights and of the images in training.
    """

    head: nn.Linear
    memory_format = torch.channels_last

    @abstractmethod
    def forward_features(self, images: Tensor) -> Features:
        """Returns the features of normalised images (B, C, H, W)."""

    @property
    def last_layer(self) -> str:
        """Name of the last layer, which linear probing trains alone."""
        return "head"

    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K) of embeddings (B, D)."""
        logits: Tensor = self.get_submodule(self.last_layer)(embeddings)
        return logits

    def embed(self, images: Tensor) -> Tensor:
        """Returns the embedding (B, D) of normalised images (B, C, H, W)."""
        return self.forward_features(images).embedding

    def forward(self, images: Tensor) -> Tensor:
        """Returns the logits (B, K) of normalised images (B, C, H, W)."""
        return self.classify(self.embed(images))

    def forward_all(self, images: Tensor) -> tuple[Tensor, Features]:
        """Returns the logits (B, K) and the features of normalised images (B, C, H, W)."""
        features = self.forward_features(images)
        return self.classify(features.embedding), features

    def penalty(self) -> Tensor | None:
        """Returns what the network adds to the loss for its weights, a scalar, or None."""
        return None

    def initialise(self, images: Tensor) -> None:
        """Sets first weights from normalised training images (B, C, H, W) or from files."""


class _Constructor(Protocol):
    def __call__(self, settings: Any, *, classes: int, spec: ImageSpec) -> Network: ...


_Class = TypeVar("_Class", bound=_Constructor)
_REGISTRY: dict[str, tuple[type[NetworkSettings], _Constructor]] = {}


def register(settings: type[NetworkSettings]) -> Callable[[_Class], _Class]:
    """Registers a network under the ``kind`` of its settings; decorates its class."""

    def add(network: _Class) -> _Class:
        _REGISTRY[settings.model_fields["kind"].default] = settings, network
        return network

    return add


def list_networks() -> dict[str, type[NetworkSettings]]:
    """Returns the settings of the registered networks, by kind."""
    _import_all()
    return {kind: settings for kind, (settings, _) in sorted(_REGISTRY.items())}


def build_registered(settings: NetworkSettings, *, classes: int, spec: ImageSpec) -> Network:
    """Builds the network that `settings` choose, with random weights."""
    _import_all()
    _, network = _REGISTRY[settings.kind]
    return network(settings, classes=classes, spec=spec)


def _import_all() -> None:
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
