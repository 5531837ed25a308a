"""Measures prediction on arrays, compared with Keras and PyTorch eager on the seed's network."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import hangtag
from benchmarks.keras_peer import KerasPeer
from benchmarks.measuring import REST, Measure, run_in_turns, timed
from benchmarks.training import fashion_mnist_recipes
from hangtag.datasets import Split
from hangtag.images.spec import ImageSpec
from hangtag.models.folder import read_card, shipped_models
from hangtag.models.runtime import OnnxModel
from hangtag.training.devices import keep_freed_memory
from hangtag.training.export import Exportable, export_onnx
from hangtag.training.networks import build_network
from hangtag.training.ood import fit_ood_score
from hangtag.training.preprocessing import Normalisation, scale_pixels
from hangtag.training.recipes import Recipe, load_recipe

Pixels = NDArray[np.uint8]
Work = Callable[[Pixels], object]
Opener = Callable[[], Work]
BATCHES = (1, 64, 256)
LEAST = 0.5
"""Seconds that a measurement takes at least."""


def measure_prediction(test: Split, keras: KerasPeer, *, rounds: int) -> dict[str, float]:
    """Images a second, by ``NAME, batch B``: every recipe's model, Keras, and PyTorch eager.

    Each model is opened for its measurement, so that no two share the processor's caches.
    """
    images = test.images
    openers = {recipe.name: opener_of(recipe, test) for recipe in fashion_mnist_recipes()}
    openers["seed, PyTorch eager"] = open_eager_seed
    measures: dict[str, Measure] = {}
    for batch in BATCHES:
        count = 128 if batch == 1 else 2048
        measures[f"seed, Keras, batch {batch}"] = partial(
            keras.speed, "predict", images=count, batch=batch
        )
        batches = [images[start : start + batch] for start in range(0, count, batch)]
        for name, opener in openers.items():
            measures[f"{name}, batch {batch}"] = partial(predict_anew, opener, batches)
    return run_in_turns(measures, rounds=rounds)


def predict_anew(opener: Opener, batches: list[Pixels]) -> float:
    """Opens a model, warms it up and returns images a second."""
    work = opener()
    time.sleep(REST)  # The first call of a model is in `opener`; its threads rest as well.
    images = sum(len(batch) for batch in batches)
    return timed(partial(each, work, batches), items=images, least=LEAST)()


def opener_of(recipe: Recipe, test: Split) -> Opener:
    """Returns what opens the shipped model of a recipe or, where none is, its network untrained.

    The weights do not change the speed.
    """
    for name, folder in shipped_models().items():
        if read_card(folder).lineage.recipe == recipe.name:
            return partial(open_shipped, name)
    network = build_network(recipe, classes=10).eval()
    few = test.take(np.arange(500))
    normalisation = Normalisation.of(recipe, few.images)
    ood_score = fit_ood_score(network, normalisation, few)
    exportable = Exportable(network, normalisation, ood_score)
    classes = [str(index) for index in range(10)]
    content = export_onnx(exportable, pixels=few.images[:8, ..., None], classes=classes)

    def open_untrained() -> Work:
        spec = ImageSpec(*few.images.shape[1:])
        return OnnxModel(content, spec, where=recipe.name).run

    return open_untrained


def open_shipped(name: str) -> Work:
    """Returns what a shipped model answers."""
    return hangtag.load(name).run


def open_eager(name: str) -> Callable[[Pixels], torch.Tensor]:
    """Returns the untrained network of a recipe in PyTorch, from pixels (B, H, W, C) to logits.

    The recipe must be one that does not normalise by its training images. PyTorch keeps the memory
    that it freed, as in trainings: of photos it is twice as fast then.
    """
    keep_freed_memory()
    recipe = load_recipe(name)
    network = build_network(recipe, classes=10).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    normalise: nn.Module = Normalisation.of(recipe, np.zeros((1, 1), np.uint8))
    if recipe.normalise == "scale":
        normalise = nn.Identity()  # so that the peer takes no step that changes nothing

    def predict(pixels: Pixels) -> torch.Tensor:
        with torch.no_grad():
            images = normalise(scale_pixels(torch.from_numpy(pixels)))
            logits: torch.Tensor = network(images.contiguous(memory_format=torch.channels_last))
            return logits

    return predict


def open_eager_seed() -> Work:
    """Returns the seed's network in PyTorch, from pixels (B, H, W) to logits."""
    predict = open_eager("seed")
    return lambda batch: predict(batch[..., None])


def each(work: Work, batches: list[Pixels]) -> None:
    """Does `work` on each batch."""
    for batch in batches:
        work(batch)
