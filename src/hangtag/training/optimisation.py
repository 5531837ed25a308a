"""How a training optimises: optimiser, learning-rate schedule, averaged weights, early stopping."""

import copy
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hangtag.training.networks import Network
from hangtag.training.recipes.schema import Exponential, OneCycle, Recipe

EMA_WARM_UP = 10
"""In step t the average keeps at most (1 + t) / (EMA_WARM_UP + t) of itself."""

RATE_FACTOR = "rate_factor"
"""Key of a parameter group's learning rate over that of the first group."""


def build_optimiser(
    recipe: Recipe, network: nn.Module, *, head_only: bool = False
) -> torch.optim.Optimizer:
    """Builds the optimiser; weight decay applies to kernels, never to biases and norms.

    Adam's epsilon means what it means in Keras, see `_correct_epsilon`.

    Args:
        recipe: With linear probing, the last layer has a higher rate than the backbone.
        network: What is trained.
        head_only: Whether only the last layer is trained.
    """
    settings = recipe.optimiser
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = _group_parameters(recipe, network, parameters, head_only=head_only)
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
    """Sets the learning rate of every parameter group to `rate` times the group's factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(RATE_FACTOR, 1.0)


def learning_rate(recipe: Recipe, *, epoch: float) -> float:
    """Returns the learning rate of the last layer at a moment of the training.

    The epochs of linear probing and those of fine-tuning each run through the whole schedule.
    """
    probing, rate = recipe.linear_probing, recipe.optimiser.learning_rate
    if probing is None:
        return rate * learning_rate_factor(recipe.schedule, epoch=epoch, epochs=recipe.epochs)
    if epoch < probing.epochs:
        factor = learning_rate_factor(recipe.schedule, epoch=epoch, epochs=probing.epochs)
        return probing.learning_rate * factor
    left = recipe.epochs - probing.epochs
    return rate * learning_rate_factor(recipe.schedule, epoch=epoch - probing.epochs, epochs=left)


def learning_rate_factor(schedule: Exponential | OneCycle, *, epoch: float, epochs: int) -> float:
    """Returns the learning rate over its highest value, 0-1, at a moment of the training.

    Args:
        schedule: The schedule.
        epoch: Epochs done, with the fraction of the current one, counted to the middle of a step.
        epochs: Epochs of the whole training.
    """
    if schedule.kind == "exponential":
        return schedule.factor ** int(epoch)
    done = epoch / epochs
    if done < schedule.warm_up:
        return done / schedule.warm_up
    left = (1 - done) / (1 - schedule.warm_up)
    return schedule.end + (1 - schedule.end) * left


class AveragedNetwork:
    """An exponential moving average (EMA) of a network's weights and statistics.

    Attributes:
        network: The network with the averaged weights.
        steps: Steps averaged so far.
    """

    def __init__(self, network: Network, *, decay: float) -> None:
        self.network = copy.deepcopy(network)
        self.steps = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Adds the weights and statistics after a step to the average."""
        keep = min(self._decay, (1 + self.steps) / (EMA_WARM_UP + self.steps))
        self.steps += 1
        average, latest = _float_tensors(self.network), _float_tensors(network)
        torch._foreach_lerp_(average, latest, 1 - keep)


@dataclass
class EarlyStopping:
    """Watches the validation loss, as Keras' callback does with its defaults.

    Attributes:
        patience: Epochs without a lower loss before stopping; None never stops.
        best_loss: The lowest loss so far.
        best_epoch: Its epoch, counted from 1; 0 before the first.
        waited: Epochs since then.
    """

    patience: int | None
    best_loss: float = math.inf
    best_epoch: int = 0
    waited: int = 0

    def observe(self, loss: float, *, epoch: int) -> bool:
        """Records the loss of an epoch; returns whether it is the lowest so far."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.waited = loss, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Whether the patience is used up."""
        return self.patience is not None and self.waited >= self.patience


def _group_parameters(
    recipe: Recipe, network: nn.Module, parameters: list[nn.Parameter], *, head_only: bool
) -> list[dict[str, Any]]:
    decay = recipe.optimiser.weight_decay
    if recipe.linear_probing is None:
        return _split_by_decay(parameters, decay)
    assert isinstance(network, Network)
    head = list(network.get_submodule(network.last_layer).parameters())
    groups = _split_by_decay(head, decay)
    if not head_only:
        backbone = [p for p in parameters if not any(p is of_head for of_head in head)]
        for group in _split_by_decay(backbone, decay):
            groups.append({**group, RATE_FACTOR: recipe.linear_probing.backbone_factor})
    return groups


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


def _float_tensors(network: Network) -> list[Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
