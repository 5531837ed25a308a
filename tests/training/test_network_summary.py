import pytest
import torch
from torch import nn

from hangtag.images.spec import ImageSpec
from hangtag.training.networks import Network, build_network
from hangtag.training.recipes import load_recipe
from hangtag.training.summary import summarise

# The table of the seed's report.
SEED_TABLE = [
    ("Conv2D 3x3, ReLU", (28, 28, 32), 320),
    ("BatchNorm", (28, 28, 32), 128),
    ("Dropout 0.3", (28, 28, 32), 0),
    ("Conv2D 3x3, ReLU", (28, 28, 64), 18_496),
    ("BatchNorm", (28, 28, 64), 256),
    ("Dropout 0.4", (28, 28, 64), 0),
    ("MaxPool 2x2", (14, 14, 64), 0),
    ("Conv2D 5x5, ReLU", (14, 14, 64), 102_464),
    ("BatchNorm", (14, 14, 64), 256),
    ("Dropout 0.5", (14, 14, 64), 0),
    ("MaxPool 2x2", (7, 7, 64), 0),
    ("Conv2D 3x3, ReLU", (7, 7, 128), 73_856),
    ("BatchNorm", (7, 7, 128), 512),
    ("Dropout 0.25", (7, 7, 128), 0),
    ("Flatten", (6_272,), 0),
    ("Dense, ReLU", (512,), 3_211_776),
    ("BatchNorm", (512,), 2_048),
    ("Dropout 0.5", (512,), 0),
    ("Dense, ReLU", (128,), 65_664),
    ("BatchNorm", (128,), 512),
    ("Dropout 0.5", (128,), 0),
    ("Dense", (10,), 1_290),
]


def make_network(recipe: str) -> Network:
    return build_network(load_recipe(recipe), classes=10)


def test_the_table_of_the_seed() -> None:
    summary = summarise(make_network("seed"), ImageSpec(28, 28, 1))
    rows = [(layer.type, layer.output, layer.parameters) for layer in summary.layers]
    assert rows == SEED_TABLE
    assert (summary.total, summary.trainable, summary.non_trainable) == (3477578, 3475722, 1856)


@pytest.mark.parametrize("recipe", ["seed", "express"])
def test_the_rows_add_up_and_have_their_own_names(recipe: str) -> None:
    summary = summarise(make_network(recipe), ImageSpec(28, 28, 1))
    assert sum(layer.parameters for layer in summary.layers) == summary.total
    assert summary.trainable + summary.non_trainable == summary.total
    assert len({layer.name for layer in summary.layers}) == len(summary.layers)


def test_weights_that_are_frozen_are_not_trainable() -> None:
    network = make_network("seed")
    network.get_submodule("head").requires_grad_(False)
    summary = summarise(network, ImageSpec(28, 28, 1))
    assert (summary.trainable, summary.non_trainable) == (3475722 - 1290, 1856 + 1290)


@pytest.mark.parametrize("recipe", ["seed", "express"])
@pytest.mark.parametrize("training", [True, False])
def test_summarise_leaves_the_network_as_it_was(recipe: str, training: bool) -> None:
    network = make_network(recipe).train(training)
    frozen = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d)).eval()
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    summarise(network, ImageSpec(28, 28, 1))
    assert [module.training for module in network.modules()] == modes
    assert not frozen.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert all(weights.grad is None for weights in network.parameters())


def test_a_network_of_other_images_has_other_shapes() -> None:
    network = build_network(load_recipe("seed"), classes=4, spec=ImageSpec(32, 40, 3))
    summary = summarise(network, ImageSpec(32, 40, 3))
    assert summary.layers[0].output == (32, 40, 32)
    assert summary.layers[14].output == (8 * 10 * 128,)
    assert summary.layers[-1].output == (4,)
