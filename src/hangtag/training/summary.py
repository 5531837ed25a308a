"""Lists the layers of a network with output shapes and parameters."""

from typing import Any

import torch
from torch import Tensor, nn

from hangtag.images.spec import ImageSpec
from hangtag.models.card import Layer, NetworkSummary
from hangtag.training.networks import Network, build_network
from hangtag.training.recipes.schema import Recipe

_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.GELU)


def summarise(network: Network, spec: ImageSpec) -> NetworkSummary:
    """Runs a blank image through `network` and lists each layer with its output.

    Shapes are (height, width, channels) or (units,), without the batch. An activation shares the
    row of the layer before it. Statistics of batch normalisation count as parameters that are not
    trained, as in Keras.

    Args:
        network: The network; its weights and its modes are left as they are.
        spec: Size of the images it takes.
    """
    layers: list[Layer] = []
    names = {module: name for name, module in network.named_modules()}

    def add_row(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(module, _ACTIVATIONS) and layers:
            before = layers.pop()
            layers.append(before.model_copy(update={"type": f"{before.type}, {_type(module)}"}))
            return
        layers.append(
            Layer(
                name=names[module],
                type=_type(module),
                output=_shape(output),
                parameters=_count(module.parameters()) + _count(_statistics(module)),
            )
        )

    leaves = [module for module in network.modules() if not any(module.children())]
    hooks = [leaf.register_forward_hook(add_row) for leaf in leaves]
    device = next(network.parameters()).device
    modes = {module: module.training for module in network.modules()}
    try:
        # In training mode a network runs an image once; its layers must not learn from the blank.
        network.train()
        for leaf in leaves:
            leaf.eval()
        with torch.no_grad():
            network(torch.zeros(1, spec.channels, spec.height, spec.width, device=device))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return _total(layers, network)


def summarise_recipe(recipe: Recipe, *, classes: int = 10) -> NetworkSummary:
    """Builds the network of `recipe` and lists its layers."""
    return summarise(build_network(recipe, classes=classes), recipe.images.spec)


def _total(layers: list[Layer], network: Network) -> NetworkSummary:
    trainable = _count(p for p in network.parameters() if p.requires_grad)
    total = _count(network.parameters()) + sum(
        _count(_statistics(module)) for module in network.modules()
    )
    return NetworkSummary(
        layers=tuple(layers), total=total, trainable=trainable, non_trainable=total - trainable
    )


def _count(tensors: Any) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _statistics(module: nn.Module) -> list[Tensor]:
    return [b for b in module.buffers(recurse=False) if b.is_floating_point()]


def _shape(output: Any) -> tuple[int, ...]:
    output = output if isinstance(output, Tensor) else output[0]
    shape = tuple(output.shape[1:])
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def _type(module: nn.Module) -> str:
    match module:
        case nn.Conv2d() if module.groups > 1:
            return f"DepthwiseConv2D {module.kernel_size[0]}x{module.kernel_size[1]}"
        case nn.Conv2d():
            return f"Conv2D {module.kernel_size[0]}x{module.kernel_size[1]}"
        case nn.MaxPool2d():
            return f"MaxPool {module.kernel_size}x{module.kernel_size}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "BatchNorm"
        case nn.Linear():
            return "Dense"
        case nn.Dropout():
            return f"Dropout {module.p:g}"
        case _:
            return type(module).__name__
