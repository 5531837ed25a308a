"""The optimiser that a recipe describes."""

from functools import partial
from typing import Any

import torch
from torch import nn

from hangtag.training.recipes.schema import Recipe

SCALE = "scale"
"""Key of a group's learning rate over that of the first group."""


def build_optimiser(
    recipe: Recipe, network: nn.Module, *, frozen: bool = False
) -> torch.optim.Optimizer:
    """Builds the optimiser; weight decay applies to kernels, never to biases and norms.

    Adam's epsilon means what it means in Keras, see `_correct_epsilon`.

    Args:
        recipe: With linear probing, the last layer has a higher rate than the backbone.
        network: What is to learn.
        frozen: Whether the last layer alone learns.
    """
    settings = recipe.optimiser
    parameters = [p for p in network.parameters() if p.requires_grad]
    if recipe.linear_probing is None:
        groups = _split_by_decay(parameters, settings.weight_decay)
    else:
        head = list(network.get_submodule("head").parameters())
        others = [p for p in parameters if not any(p is one for one in head)]
        groups = _split_by_decay(head, settings.weight_decay)
        if not frozen:
            for group in _split_by_decay(others, settings.weight_decay):
                groups.append({**group, SCALE: recipe.linear_probing.backbone_factor})
    if settings.kind == "adam":
        adam = torch.optim.AdamW(
            groups,
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
            # On a GPU the fused step counts there, and reading the count would wait for the GPU.
            fused=parameters[0].device.type == "cpu",
        )
        adam.register_step_pre_hook(partial(_correct_epsilon, epsilon=settings.epsilon))
        return adam
    return torch.optim.SGD(
        groups,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=True,
        fused=True,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every group: `rate`, scaled where the group learns more slowly."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(SCALE, 1.0)


def _split_by_decay(parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _correct_epsilon(adam: torch.optim.Optimizer, *_: Any, epsilon: float) -> None:
    """Sets the epsilon with which PyTorch's next step is that of Keras.

    With c = sqrt(1 - beta2**t), Keras divides by (sqrt(v) + epsilon) / c, as in the last lines of
    section 2 of Kingma and Ba 2015, "Adam"; PyTorch divides by sqrt(v) / c + eps. So eps is
    epsilon / c: 32 times epsilon in the first step, 1.3 times in the thousandth.
    """
    done = next((state["step"] for state in adam.state.values()), 0)
    for group in adam.param_groups:
        group["eps"] = epsilon / (1 - group["betas"][1] ** (int(done) + 1)) ** 0.5
