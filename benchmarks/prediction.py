"""How fast models predict arrays, beside Keras and PyTorch eager on the seed's network."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

import hangtag
from benchmarks.keras_peer import KerasPeer
from benchmarks.measuring import Measure, run_in_turns, timed
from hangtag.modelfolder import shipped_models
from hangtag.training.networks import build_network
from hangtag.training.recipes import load_recipe

Pixels = NDArray[np.uint8]
BATCHES = (1, 64, 256)


def measure_prediction(images: Pixels, keras: KerasPeer, *, rounds: int) -> dict[str, float]:
    """Images a second, by ``NAME, batch B``: every shipped model, Keras, and PyTorch eager."""
    works: dict[str, Callable[[Pixels], object]] = {
        name: hangtag.load(name).logits for name in shipped_models()
    }
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
