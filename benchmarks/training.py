"""Measures training speed, compared with Keras; scaling over threads and batch size; arithmetic."""

from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.keras_peer import KerasPeer
from benchmarks.measuring import Measure, run_in_turns, timed
from hangtag.datasets import Split
from hangtag.training.devices import keep_freed_memory
from hangtag.training.loop import Trainer
from hangtag.training.networks import build_network
from hangtag.training.preprocessing import Examples, Normalisation
from hangtag.training.recipes import Recipe, list_recipes, load_recipe, parse_settings
from hangtag.training.recipes.schema import Images

IMAGES = 2560
ALL_TRAIN = 60_000
EPOCH = 51_000
"""Images of Fashion-MNIST that the seed trains on in an epoch; the rest validates."""

Figures = dict[str, float]


def fashion_mnist_recipes() -> list[Recipe]:
    """Returns the recipes for images of 28x28 grey pixels."""
    return [recipe for recipe in list_recipes() if recipe.images == Images()]


def measure_recipes(train: Split, keras: KerasPeer, *, rounds: int) -> Figures:
    """Images a second in training: every recipe, and the seed also in float32 and in Keras."""
    keep_freed_memory()
    seed32 = load_recipe("seed", settings=parse_settings(["precision=float32"]))
    measures: dict[str, Measure] = {
        "seed, Keras": partial(keras.speed, "train", images=IMAGES),
        "seed, float32": training_measure(seed32, train),
        **{recipe.name: training_measure(recipe, train) for recipe in fashion_mnist_recipes()},
    }
    return run_in_turns(measures, rounds=rounds)


def epochs_of_keras(speeds: Figures) -> Figures:
    """Time of each recipe's whole training over the time of one Keras epoch of the seed."""
    one = EPOCH / speeds["seed, Keras"]
    images = {
        recipe.name: recipe.epochs * ALL_TRAIN * (1 - recipe.validation_fraction)
        for recipe in fashion_mnist_recipes()
    }
    return {name: count / speeds[name] / one for name, count in images.items()}


def measure_threads(train: Split, *, rounds: int) -> Figures:
    """Images a second in training with one thread and with all."""
    most = torch.get_num_threads()
    speeds: Figures = {}
    for threads in (1, most):
        torch.set_num_threads(threads)
        measures = {
            f"{name}, {threads} thread{'s' * (threads > 1)}": training_measure(
                load_recipe(name), train
            )
            for name in ("seed", "express")
        }
        speeds |= run_in_turns(measures, rounds=rounds)
    torch.set_num_threads(most)
    return speeds


def measure_batches(train: Split, *, rounds: int) -> Figures:
    """Images a second in training at several batch sizes."""
    measures = {
        f"{name}, batch {size}": training_measure(
            load_recipe(name, settings=parse_settings([f"batch_size={size}"])), train
        )
        for name in ("seed", "express")
        for size in (32, 80, 256, 512)
    }
    return run_in_turns(measures, rounds=rounds)


def measure_arithmetic(speeds: Figures, *, rounds: int) -> Figures:
    """Operations a second of the seed's training over those of a large matrix product.

    Forward and backward count three times the multiply-adds of the forward pass, two operations
    each.
    """
    products = {
        str(dtype).removeprefix("torch."): product_measure(dtype)
        for dtype in (torch.float32, torch.bfloat16)
    }
    limits = run_in_turns(products, rounds=rounds)
    operations = 3 * count_operations(load_recipe("seed"))
    achieved = {
        "Keras": speeds["seed, Keras"] * operations,
        "Hangtag, float32": speeds["seed, float32"] * operations,
        "Hangtag": speeds["seed"] * operations,
    }
    return {
        **{f"matrix product, {name}": limit / 1e9 for name, limit in limits.items()},
        **{f"seed's training, {name}": speed / 1e9 for name, speed in achieved.items()},
    }


def product_measure(dtype: torch.dtype, side: int = 2048) -> Measure:
    """Multiplies two square matrices; items are operations."""
    one, other = (torch.randn(side, side).to(dtype) for _ in range(2))
    return timed(lambda: one @ other, items=2 * side**3)


def count_operations(recipe: Recipe) -> int:
    """Counts the operations of one image's forward pass, two for a multiply-add."""
    network = build_network(recipe, classes=10).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, 28, 28))
    return int(counter.get_total_flops())


def training_measure(recipe: Recipe, train: Split) -> Measure:
    """Trains on 2,560 images by a recipe, validation left out."""
    device = torch.device("cpu")
    chosen = Examples.of(train.take(np.arange(IMAGES)), classes=10, device=device)
    few = Examples.of(train.take(np.arange(10)), classes=10, device=device)
    normalisation = Normalisation.of(recipe, train.images)
    endless = recipe.model_copy(update={"epochs": 10_000})
    trainer = Trainer(endless, chosen, few, normalisation=normalisation, seed=0)
    return timed(trainer.run_epoch, items=IMAGES)
