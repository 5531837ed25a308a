import pytest
import torch
from torch import nn

from hangtag.training.checkpoints import optimiser_tensors, restore_optimiser
from hangtag.training.optimisation import build_optimiser, set_learning_rate
from hangtag.training.recipes import load_recipe, parse_settings

SGD = "optimiser={kind: sgd, learning_rate: 0.5, momentum: 0.9, weight_decay: 0.1}"
ADAM = "optimiser={kind: adam, learning_rate: 0.5, weight_decay: 0.1}"


def make_layer() -> nn.Linear:
    layer = nn.Linear(2, 3)
    for weights in layer.parameters():
        nn.init.ones_(weights)
        weights.grad = torch.zeros_like(weights)
    return layer


def take_steps(
    optimiser: torch.optim.Optimizer, layer: nn.Linear, *, gradients: list[float]
) -> None:
    for gradient in gradients:
        for weights in layer.parameters():
            weights.grad = torch.full_like(weights, gradient)
        optimiser.step()


@pytest.mark.parametrize("change", [SGD, ADAM])
def test_weight_decay_shrinks_kernels_and_leaves_biases(change: str) -> None:
    layer = make_layer()
    build_optimiser(load_recipe("express", settings=parse_settings([change])), layer).step()
    assert (layer.weight < 1).all()
    assert (layer.bias == 1).all()


def test_adam_decays_apart_from_the_gradient() -> None:
    layer = make_layer()
    build_optimiser(load_recipe("seed", settings=parse_settings([ADAM])), layer).step()
    assert layer.weight.tolist() == [pytest.approx([1 - 0.5 * 0.1] * 2)] * 3


def test_sgd_takes_nesterov_steps() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    change = "optimiser={kind: sgd, learning_rate: 0.1, momentum: 0.9}"
    optimiser = build_optimiser(load_recipe("express", settings=parse_settings([change])), layer)
    position, velocity = 0.0, 0.0
    for gradient in (1.0, -2.0, 0.5):
        layer.weight.grad = torch.tensor([[gradient]])
        optimiser.step()
        velocity = 0.9 * velocity + gradient
        position -= 0.1 * (gradient + 0.9 * velocity)
        assert layer.weight.item() == pytest.approx(position, abs=1e-6)


def test_adam_goes_on_from_a_restored_state_as_if_it_had_never_stopped() -> None:
    recipe = load_recipe("seed")
    layer, copy = make_layer(), make_layer()
    first, second = build_optimiser(recipe, layer), build_optimiser(recipe, copy)
    take_steps(first, layer, gradients=[1e-7, 2e-7, 3e-7])
    copy.load_state_dict(layer.state_dict())
    restore_optimiser(second, {name: t.clone() for name, t in optimiser_tensors(first).items()})
    for optimiser, stepped in ((first, layer), (second, copy)):
        take_steps(optimiser, stepped, gradients=[4e-7, -5e-7])
    assert torch.equal(layer.weight, copy.weight)
    assert (layer.weight != 1).all()


@pytest.mark.parametrize("recipe", ["seed", "express"])
def test_set_learning_rate_holds_for_kernels_and_biases(recipe: str) -> None:
    layer = make_layer()
    optimiser = build_optimiser(load_recipe(recipe), layer)
    set_learning_rate(optimiser, 0.0)
    take_steps(optimiser, layer, gradients=[1.0])
    assert all((weights == 1).all() for weights in layer.parameters())
