"""A user's own `torch.nn.Module`: trained, exported and verified like the built-in networks.

From Python a module, a class or a factory; from the shell ``--set network=package.module:Class``.
A class or factory is called with ``classes=K, channels=C, size=(H, W)``. The module turns
normalised images (B, C, H, W) float32 into logits (B, K).

The embedding, from which the OOD score is computed, is what the module's ``forward_features``
returns: (B, D), maps (B, D, h, w) or tokens (B, T, D), the last two averaged. A module without this
method gives the input of its last linear or convolutional layer.
"""

import copy
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hangtag.errors import TrainingError
from hangtag.images.spec import ImageSpec
from hangtag.training.networks.base import Features, Network, register
from hangtag.training.recipes.schema import NetworkSettings

NetworkSource = nn.Module | Callable[..., nn.Module]
"""A module, or what builds one: a class or a factory."""

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class CustomNetwork(NetworkSettings):
    """A network of your own, by the import path of its class or factory."""

    kind: Literal["custom"] = "custom"
    factory: Annotated[str, Field(pattern=r"^[^\s:]+:[^\s:]+$")]
    """``package.module:Class``, called with classes, channels and size."""


@register(CustomNetwork)
class CustomNet(Network):
    """A user's own module behind the interface of `Network`.

    Args:
        settings: Name the class or factory.
        classes: K.
        spec: Size of the images.
        source: The module, class or factory itself; by default it is imported. A module is copied,
            so that the caller's keeps its weights.

    Raises:
        TrainingError: It cannot be imported or built, or does not return logits (B, K).
    """

    memory_format = torch.contiguous_format  # a user's module may call view()

    def __init__(
        self,
        settings: CustomNetwork,
        *,
        classes: int,
        spec: ImageSpec,
        source: NetworkSource | None = None,
    ) -> None:
        super().__init__()
        self.name = settings.factory
        self.module = _build(source or import_source(settings.factory), settings, classes, spec)
        self._has_features = callable(getattr(self.module, "forward_features", None))
        self._feature_layer, self._head = "", ""
        self._inspect(classes, spec)

    @property
    def last_layer(self) -> str:
        """Name of the linear layer that turns the embedding into the logits.

        Raises:
            TrainingError: There is none.
        """
        if not self._head:
            raise TrainingError(
                f"linear_probing: {self.name} does not end in a linear layer on its embedding; "
                "set linear_probing to null"
            )
        return self._head

    def forward_features(self, images: Tensor) -> Features:
        """Returns the embedding (B, D), without early maps."""
        return self.forward_all(images)[1]

    def forward(self, images: Tensor) -> Tensor:
        """Returns the logits (B, K)."""
        logits: Tensor = self.module(images)
        return logits

    def forward_all(self, images: Tensor) -> tuple[Tensor, Features]:
        """Returns the logits (B, K) and the embedding (B, D)."""
        if self._has_features:
            module: Any = self.module
            return module(images), Features(_pool(module.forward_features(images)))
        inputs: list[Tensor] = []
        layer = self.get_submodule(self._feature_layer)
        hook = layer.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
        try:
            logits = self.module(images)
        finally:
            hook.remove()
        return logits, Features(_pool(inputs[-1]))

    @torch.no_grad()
    def _inspect(self, classes: int, spec: ImageSpec) -> None:
        """Runs two blank images; finds the last layer and checks what the module returns."""
        images = torch.zeros(2, spec.channels, spec.height, spec.width)
        self.module.eval()
        with _record_layers(self) as calls:
            try:
                logits = self.module(images)
            except Exception as error:  # a user's own code may raise anything
                raise TrainingError(
                    f"network: {self.name} fails on images of shape {tuple(images.shape)}: {error}"
                ) from error
        self._check_logits(logits, classes)
        if not calls and not self._has_features:
            raise TrainingError(
                f"network: {self.name} has no linear or convolutional layer to take an embedding "
                "from; give it a method forward_features"
            )
        name, inputs, outputs = calls[-1] if calls else ("", logits, None)
        self._feature_layer = name
        embedding = self.forward_all(images)[1].embedding
        is_head = outputs is logits and inputs.shape == embedding.shape
        is_linear = bool(name) and isinstance(self.get_submodule(name), nn.Linear)
        self._head = name if is_linear and is_head and torch.equal(inputs, embedding) else ""
        self.module.train()

    def _check_logits(self, logits: Any, classes: int) -> None:
        if not isinstance(logits, Tensor) or logits.shape != (2, classes):
            received = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise TrainingError(
                f"network: {self.name} must return logits of shape (B, {classes}); of two images "
                f"it returned {received}"
            )
        sums = logits.sum(dim=1)
        if bool((logits >= 0).all()) and torch.allclose(sums, torch.ones(2), atol=1e-4):
            raise TrainingError(
                f"network: {self.name} returns probabilities; return logits, without softmax"
            )


def name_source(source: NetworkSource) -> str:
    """Returns the import path ``package.module:Class`` of a module, a class or a factory."""
    named: Any = type(source) if isinstance(source, nn.Module) else source
    name = getattr(named, "__qualname__", type(named).__qualname__)
    return f"{named.__module__}:{name}"


def import_source(path: str) -> NetworkSource:
    """Imports the class or factory at ``package.module:Class``; also from the current folder.

    Raises:
        TrainingError: It is not there.
    """
    module_name, name = path.split(":")
    with _current_folder_importable():
        try:
            found: Any = importlib.import_module(module_name)
            for part in name.split("."):
                found = getattr(found, part)
        except Exception as error:  # importing runs a user's own code
            raise TrainingError(
                f"network: cannot import {path}: {error}; expected package.module:Class, a class "
                "or function that takes classes, channels and size. Pass a module that cannot be "
                "imported as network=... from Python"
            ) from error
    if not callable(found):
        raise TrainingError(f"network: {path} is neither a class nor a function")
    source: NetworkSource = found
    return source


def _build(
    source: NetworkSource, settings: CustomNetwork, classes: int, spec: ImageSpec
) -> nn.Module:
    if isinstance(source, nn.Module):
        return copy.deepcopy(source).cpu()
    arguments = {"classes": classes, "channels": spec.channels, "size": (spec.height, spec.width)}
    try:
        module: Any = source(**arguments)
    except Exception as error:  # a user's own code may raise anything
        said = ", ".join(f"{name}={value}" for name, value in arguments.items())
        raise TrainingError(f"network: {settings.factory}({said}) fails: {error}") from error
    if not isinstance(module, nn.Module):
        raise TrainingError(
            f"network: {settings.factory} must return a torch.nn.Module, received "
            f"{type(module).__name__}"
        )
    return module.cpu()


def _pool(features: Tensor) -> Tensor:
    """Turns features (B, D), maps (B, D, h, w) or tokens (B, T, D) into embeddings (B, D)."""
    if features.ndim == 2:
        return features
    return features.mean(dim=1) if features.ndim == 3 else features.flatten(2).mean(dim=2)


_Call = tuple[str, Tensor, Tensor]


@contextmanager
def _record_layers(network: nn.Module) -> Iterator[list[_Call]]:
    """Yields the name, input and output of each linear or convolutional layer, as they run."""
    calls: list[_Call] = []

    def add(name: str) -> Callable[..., None]:
        return lambda _, inputs, outputs: calls.append((name, inputs[0], outputs))

    layers = [(name, module) for name, module in network.named_modules()]
    hooks = [
        layer.register_forward_hook(add(name))
        for name, layer in layers
        if isinstance(layer, _LAYERS)
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    folder = str(Path.cwd())
    added = folder not in sys.path
    if added:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if added:
            sys.path.remove(folder)
