"""The seed's network and its training against Keras 3, as the seed used it."""

import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.keras_seed import build_keras_seed
from hangtag.images.spec import ImageSpec
from hangtag.training.loop import Trainer
from hangtag.training.networks import Network, build_network
from hangtag.training.optimisation import build_optimiser
from hangtag.training.preprocessing import Examples, Normalisation, scale_pixels
from hangtag.training.recipes import load_recipe, parse_settings
from hangtag.training.summary import summarise
from hangtag.training.targets import one_hot

# Keras' variables know NumPy's first array protocol only.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def float64(keras: ModuleType) -> Iterator[None]:
    """Keras' models of the test compute in float64.

    The first steps of Adam nearly follow the sign of the gradient, so that in float32 rounding
    alone, by way of ReLU, moves the losses of three steps by 1e-4 to 1e-3, in either library.
    """
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")


def build_keras_model(keras: ModuleType, *, dropout: float) -> Any:
    keras.utils.set_random_seed(0)
    return build_keras_seed(keras, dropout=dropout)


def compile_keras_model(keras: ModuleType, model: Any) -> None:
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )


def keras_layers_with_weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def our_layers_with_weights(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(getattr(m, "weight", None), Tensor)]


def from_keras(model: Any) -> Iterator[list[Tensor]]:
    """Yields the weights of each layer of `model` in the order of dimensions of PyTorch."""
    for layer in keras_layers_with_weights(model):
        kernel, *others = (torch.tensor(weight) for weight in layer.get_weights())
        if kernel.ndim == 4:
            kernel = kernel.permute(3, 2, 0, 1)  # (kH, kW, C, O) -> (O, C, kH, kW)
        elif len(kernel) == 7 * 7 * 128:
            kernel = kernel.view(7, 7, 128, -1).permute(3, 2, 0, 1).flatten(1)  # H, W, C -> C, H, W
        elif kernel.ndim == 2:
            kernel = kernel.T
        yield [kernel, *others]


def our_weights(network: Network) -> Iterator[list[Tensor]]:
    """Yields the weights of each layer of `network` in Keras' order of weights."""
    for layer in our_layers_with_weights(network):
        names = ("weight", "bias", "running_mean", "running_var")
        yield [getattr(layer, name) for name in names if hasattr(layer, name)]


@torch.no_grad()
def copy_weights(model: Any, network: Network) -> None:
    for theirs, ours in zip(from_keras(model), our_weights(network), strict=True):
        for source, target in zip(theirs, ours, strict=True):
            assert source.shape == target.shape
            target.copy_(source)


def disturb(model: Any) -> None:
    """Gives biases, norms and moving statistics values other than their first ones."""
    random = np.random.default_rng(0)
    for layer in keras_layers_with_weights(model):
        layer.set_weights(
            [
                weight if weight.ndim > 1 else weight + random.uniform(0.0, 0.5, weight.shape)
                for weight in layer.get_weights()
            ]
        )


def make_pixels(count: int, *, seed: int) -> NDArray[np.uint8]:
    """Grey gradients on noise, (count, 28, 28); the first pixel is the number of the image."""
    random = np.random.default_rng(seed)
    slopes = random.uniform(0, 6, (count, 1, 1)) * np.arange(28)
    pixels = (slopes + random.integers(0, 90, (count, 28, 28))).astype(np.uint8)
    pixels[:, 0, 0] = np.arange(count)
    return pixels


def make_examples(count: int, *, seed: int) -> Examples:
    labels = torch.arange(count) % 10
    pixels = torch.from_numpy(make_pixels(count, seed=seed))[..., None]
    return Examples(pixels, labels, one_hot(labels, classes=10))


def for_keras(examples: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Images (N, H, W, C) in 0-1 and targets (N, K)."""
    return scale_pixels(examples.pixels).permute(0, 2, 3, 1).numpy(), examples.targets.numpy()


def make_trainer(changes: list[str], train: Examples, validation: Examples) -> Trainer:
    recipe = load_recipe(
        "seed", settings=parse_settings(["network.dropout=0", "augment=[]", *changes])
    )
    plain = Normalisation(0.0, 1.0)
    return Trainer(recipe, train, validation, normalisation=plain, seed=0)


def compute_in_float64(trainer: Trainer) -> None:
    trainer.network.double()
    trainer.network.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))


def watch_training_order(trainer: Trainer) -> list[list[int]]:
    """Returns a list that fills with the numbers of the images of each training batch."""
    seen: list[list[int]] = []

    def note(network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if network.training:
            seen.append((inputs[0][:, 0, 0, 0] * 255).round().int().tolist())

    trainer.network.register_forward_pre_hook(note)
    return seen


def assert_same_history(trainer: Trainer, history: dict[str, list[float]]) -> None:
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        ours = [getattr(epoch, name) for epoch in trainer.history]
        np.testing.assert_allclose(ours, history[name], atol=1e-4, rtol=0, err_msg=name)


def assert_same_moving_statistics(trainer: Trainer, model: Any) -> None:
    for theirs, ours in zip(from_keras(model), our_weights(trainer.network), strict=True):
        for expected, received in zip(theirs[2:], ours[2:], strict=True):
            np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)


def test_same_number_of_parameters_in_each_layer(keras: ModuleType) -> None:
    model = build_keras_model(keras, dropout=1.0)
    network = build_network(load_recipe("seed"), classes=10)
    theirs = [layer.count_params() for layer in keras_layers_with_weights(model)]
    assert [sum(t.numel() for t in layer) for layer in our_weights(network)] == theirs
    trainable = sum(weight.numel() for weight in network.parameters())
    assert trainable == sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 3_475_722
    assert sum(int(np.prod(w.shape)) for w in model.non_trainable_weights) == 1_856
    assert model.count_params() == 3_477_578


def test_same_layers_in_the_same_order(keras: ModuleType) -> None:
    model = build_keras_model(keras, dropout=1.0)
    summary = summarise(build_network(load_recipe("seed"), classes=10), ImageSpec(28, 28, 1))
    for ours, theirs in zip(summary.layers, model.layers, strict=True):
        assert ours.output == theirs.output.shape[1:]
        assert ours.parameters == theirs.count_params()
        if isinstance(theirs, keras.layers.Dropout):
            assert ours.type == f"Dropout {theirs.rate:g}"


def test_same_logits_and_loss_for_the_same_weights(keras: ModuleType) -> None:
    model = build_keras_model(keras, dropout=1.0)
    disturb(model)
    network = build_network(load_recipe("seed"), classes=10).eval()
    copy_weights(model, network)
    examples = make_examples(50, seed=1)
    images, targets = for_keras(examples)
    head = model.layers[-1]
    kernel, bias = head.get_weights()
    before_head = keras.Model(model.inputs, head.input).predict(images, verbose=0)
    with torch.no_grad():
        logits = network(scale_pixels(examples.pixels))
        penalty = network.penalty()
    assert penalty is not None
    assert logits.abs().max() > 1
    np.testing.assert_allclose(logits, before_head @ kernel + bias, atol=1e-5, rtol=0)
    compile_keras_model(keras, model)
    loss = cross_entropy(logits, examples.targets) + penalty
    expected, _ = model.evaluate(images, targets, verbose=0)
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    assert penalty.item() == pytest.approx(sum(loss.item() for loss in model.losses), abs=1e-5)


@pytest.mark.usefixtures("float64")
def test_same_losses_in_steps_on_one_batch(keras: ModuleType) -> None:
    """Each epoch is one step, so the three losses are those before each of three steps."""
    train, validation = make_examples(50, seed=1), make_examples(20, seed=2)
    model = build_keras_model(keras, dropout=0.0)
    compile_keras_model(keras, model)
    trainer = make_trainer(["batch_size=50"], train, validation)
    compute_in_float64(trainer)
    copy_weights(model, trainer.network)
    for _ in range(3):
        trainer.run_epoch()
    history = model.fit(
        *for_keras(train),
        batch_size=50,
        epochs=3,
        shuffle=False,
        validation_data=for_keras(validation),
        callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 * 0.9**epoch)],
        verbose=0,
    ).history
    assert history["loss"][0] - history["loss"][2] > 1
    assert_same_history(trainer, history)
    assert_same_moving_statistics(trainer, model)


@pytest.mark.usefixtures("float64")
def test_same_figures_of_an_epoch_of_several_batches(keras: ModuleType) -> None:
    """A short last batch counts by its images, and weights move between the batches."""
    train, validation = make_examples(50, seed=3), make_examples(20, seed=4)
    model = build_keras_model(keras, dropout=0.0)
    compile_keras_model(keras, model)
    trainer = make_trainer(["batch_size=20"], train, validation)
    compute_in_float64(trainer)
    copy_weights(model, trainer.network)
    seen = watch_training_order(trainer)
    trainer.run_epoch()
    images, targets = for_keras(train)
    history = model.fit(
        ((images[batch], targets[batch]) for batch in seen),
        steps_per_epoch=len(seen),
        shuffle=False,
        validation_data=for_keras(validation),
        verbose=0,
    ).history
    assert [len(batch) for batch in seen] == [20, 20, 10]
    assert_same_history(trainer, history)
    assert_same_moving_statistics(trainer, model)


def test_losses_as_shipped_stay_near_those_of_keras(keras: ModuleType) -> None:
    """In float32 and channels last; see `float64` for what rounding alone does."""
    train = make_examples(50, seed=1)
    model = build_keras_model(keras, dropout=0.0)
    compile_keras_model(keras, model)
    trainer = make_trainer(["batch_size=50", "schedule.factor=1"], train, train)
    copy_weights(model, trainer.network)
    ours = [trainer.run_epoch().loss for _ in range(3)]
    images, targets = for_keras(train)
    theirs = [model.train_on_batch(images, targets)[0] for _ in range(3)]
    np.testing.assert_allclose(ours, theirs, atol=3e-2)


def test_adam_takes_the_steps_of_keras_for_gradients_of_any_size(keras: ModuleType) -> None:
    start = torch.zeros(1, 60)
    gradients = torch.logspace(-12, 1, 60) * torch.tensor([1.0, -1.0]).repeat(30)
    layer = nn.Linear(60, 1, bias=False)
    layer.weight.data.copy_(start)
    ours = build_optimiser(load_recipe("seed"), layer)
    variable = keras.Variable(start.numpy())
    theirs = keras.optimizers.Adam(1e-3)
    for step in range(5):
        layer.weight.grad = (gradients * (1 + step))[None]
        ours.step()
        theirs.apply([keras.ops.convert_to_tensor(layer.weight.grad)], [variable])
        np.testing.assert_allclose(layer.weight.detach(), variable.numpy(), rtol=1e-4)


def test_same_distribution_of_first_weights(keras: ModuleType) -> None:
    model = build_keras_model(keras, dropout=1.0)
    network = build_network(load_recipe("seed"), classes=10)
    for theirs, ours in zip(from_keras(model), our_weights(network), strict=True):
        for expected, received in zip(theirs[1:], ours[1:], strict=True):
            assert torch.equal(received, expected)  # biases, shifts, moving statistics
        if ours[0].ndim == 1:
            assert torch.equal(ours[0], theirs[0])
            continue
        field = ours[0][0, 0].numel()
        limit = math.sqrt(6 / (field * (ours[0].shape[0] + ours[0].shape[1])))
        values, reference = (w.detach().flatten() for w in (ours[0], theirs[0]))
        assert 0.95 * limit < values.abs().max() <= limit
        assert values.var().item() == pytest.approx(limit**2 / 3, rel=0.2)
        assert ks_2samp(values[:50_000], reference[:50_000]).pvalue > 1e-4
