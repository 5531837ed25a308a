"""Trains the seed's network in Keras and in Hangtag and records both.

    python -m benchmarks.seed_in_keras OUT --images 10200 --epochs 20
    python -m benchmarks.seed_in_keras OUT --images 51000 --epochs 75 --only keras

Both train on the same images of Fashion-MNIST's train split with the settings of the recipe
``seed``, without early stopping, and are validated on the same 9,000 others. The test set is not
used. Writes ``keras-SEED.csv`` and ``hangtag-SEED.csv`` into OUT, a row an epoch. Keras 3 swaps
width and height shift (keras issue 17398); they are swapped back.
"""

import argparse
import csv
import dataclasses
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hangtag.datasets import Dataset, load_dataset, split_dataset
from hangtag.training.callbacks import Callbacks
from hangtag.training.plan import TrainingRequest, plan_training
from hangtag.training.recipes import load_recipe, parse_settings
from hangtag.training.train import run_training

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")

Row = dict[str, float]


def take_images(images: int) -> Dataset:
    """Returns Fashion-MNIST with `images` to train on and 9,000 to validate."""
    dataset = split_dataset(load_dataset("fashion-mnist"), fraction=0.15, seed=0)
    parts = dataset.splits
    chosen = {"train": parts["train"].take(np.arange(images)), "validation": parts["validation"]}
    return dataclasses.replace(dataset, splits=chosen)


def train_in_keras(dataset: Dataset, *, epochs: int, seed: int) -> Iterator[Row]:
    """Trains in Keras; gives a row an epoch."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    from benchmarks.keras_seed import build_keras_seed

    keras.utils.set_random_seed(seed)
    recipe = load_recipe("seed")
    model = build_keras_seed(keras)
    model.compile(
        keras.optimizers.Adam(recipe.optimiser.learning_rate),
        "categorical_crossentropy",
        metrics=["accuracy"],
    )
    images, targets = _for_keras(dataset, "train")
    flow = ImageDataGenerator(
        rotation_range=0.5, zoom_range=0.1, width_shift_range=0.1, height_shift_range=0.3
    ).flow(images, targets, batch_size=recipe.batch_size, seed=seed)
    for epoch in range(epochs):
        model.optimizer.learning_rate = recipe.optimiser.learning_rate * 0.9**epoch
        told = model.fit(flow, verbose=0, validation_data=_for_keras(dataset, "validation"))
        yield {"epoch": epoch + 1, **{name: values[0] for name, values in told.history.items()}}


def _for_keras(dataset: Dataset, name: str) -> tuple[Any, Any]:
    split = dataset.splits[name]
    images = split.images[..., None].astype(np.float32) / 255
    return images, np.eye(len(dataset.classes), dtype=np.float32)[split.labels]


def train_in_hangtag(
    dataset: Dataset, *, epochs: int, seed: int, changes: Sequence[str], run: Path
) -> Iterator[Row]:
    """Trains in Hangtag; gives a row an epoch."""
    recipe = load_recipe(
        "seed", settings=parse_settings([f"epochs={epochs}", "patience=null", *changes])
    )
    request = TrainingRequest(dataset, recipe=recipe, out=run, seed=seed)
    result = run_training(plan_training(request), Callbacks(say=print))
    assert result is not None
    for epoch in result.history:
        values = dataclasses.asdict(epoch)
        yield {name: values[name] for name in COLUMNS}


def write_rows(path: Path, rows: Iterator[Row]) -> None:
    """Writes rows as they come."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            print(path.stem, {name: round(value, 4) for name, value in row.items()}, flush=True)
            writer.writerow(row)
            file.flush()


def main() -> None:
    """Trains as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=10_200)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["keras", "hangtag"])
    parser.add_argument("--set", action="append", default=[], help="change Hangtag's recipe")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    dataset = take_images(options.images)
    ways = {
        "keras": partial(train_in_keras, dataset),
        "hangtag": partial(
            train_in_hangtag,
            dataset,
            changes=options.set,
            run=options.out / f"run-{options.seed}",
        ),
    }
    for name, begin in ways.items():
        if options.only in (None, name):
            rows = begin(epochs=options.epochs, seed=options.seed)
            write_rows(options.out / f"{name}-{options.seed}.csv", rows)


if __name__ == "__main__":
    main()
