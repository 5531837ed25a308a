"""How fast models predict arrays, beside Keras and PyTorch eager on the seed's network."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

import hangtag
from benchmarks.keras_peer import KerasPeer
from benchmarks.measuring import Measure, run_in_turns, timed
from benchmarks.training import fashion_mnist_recipes
from hangtag.catalogue import Split
from hangtag.categoriser import open_session
from hangtag.modelfolder import shipped_models
from hangtag.training.export import Exportable, export_onnx
from hangtag.training.networks import build_network
from hangtag.training.preprocessing import Normalisation
from hangtag.training.recipes import Recipe, load_recipe
from hangtag.training.strangeness import learn_strangeness

Pixels = NDArray[np.uint8]
BATCHES = (1, 64, 256)


def measure_prediction(test: Split, keras: KerasPeer, *, rounds: int) -> dict[str, float]:
    """Images a second, by ``NAME, batch B``: every recipe's model, Keras, and PyTorch eager."""
    images = test.images
    works = {recipe.name: open_recipe(recipe, test) for recipe in fashion_mnist_recipes()}
    works["seed, PyTorch eager"] = eager_seed()
    measures: dict[str, Measure] = {}
    for batch in BATCHES:
        count = 128 if batch == 1 else 2048
        measures[f"seed, Keras, batch {batch}"] = partial(
            keras.speed, "predict", images=count, batch=batch
        )
        batches = [images[start : start + batch] for start in range(0, count, batch)]
        for name, work in works.items():
            measures[f"{name}, batch {batch}"] = timed(partial(each, work, batches), items=count)
    return run_in_turns(measures, rounds=rounds)


def open_recipe(recipe: Recipe, test: Split) -> Callable[[Pixels], object]:
    """Returns the shipped model of a recipe; where none is shipped, its network untrained.

    The weights do not change the speed.
    """
    for name in shipped_models():
        model = hangtag.load(name)
        if model.card.recipe["name"] == recipe.name:
            return model.answer
    network = build_network(recipe, classes=10).eval()
    few = test.take(np.arange(500))
    normalisation = Normalisation.of(recipe, few.images)
    strangeness = learn_strangeness(network, normalisation, few)
    exportable = Exportable(network, normalisation, strangeness)
    classes = [str(index) for index in range(10)]
    content = export_onnx(exportable, pixels=few.images[:8, ..., None], classes=classes)
    session = open_session(content, where=recipe.name)
    return lambda batch: session.run(["logits", "strangeness"], {"pixels": batch[..., None]})


def eager_seed() -> Callable[[Pixels], object]:
    """Returns the seed's network in PyTorch, from pixels (B, H, W) to logits."""
    network = build_network(load_recipe("seed"), classes=10).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(pixels: Pixels) -> torch.Tensor:
        with torch.no_grad():
            scaled = torch.from_numpy(pixels)[:, None].float() / 255
            logits: torch.Tensor = network(scaled.contiguous(memory_format=torch.channels_last))
            return logits

    return predict


def each(work: Callable[[Pixels], object], batches: list[Pixels]) -> None:
    """Does `work` on each batch."""
    for batch in batches:
        work(batch)
