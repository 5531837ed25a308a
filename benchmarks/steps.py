"""Profiles a training step of every recipe (goal: augmentation under a tenth).

    python -m benchmarks.steps

Measures what ``hangtag train --profile`` prints on few images: 2,560 of Fashion-MNIST, and for
photos 128 images of noise, which cost as much as any others. Two epochs each, of which the second
counts; for a recipe that starts with frozen epochs, one of those and two others.
"""

import numpy as np
import torch

import hangtag
from benchmarks.printing import print_table
from benchmarks.training import IMAGES
from hangtag.datasets import Split
from hangtag.training.callbacks import Profiler
from hangtag.training.loop import Trainer
from hangtag.training.preprocessing import Examples, Normalisation
from hangtag.training.recipes import Recipe, list_recipes, load_recipe, parse_settings
from hangtag.training.recipes.schema import Images

PHOTOS = 128


def main() -> None:
    """Measures and prints."""
    train = hangtag.load_dataset("fashion-mnist").splits["train"]
    rows = []
    for recipe in list_recipes():
        chosen = train.take(np.arange(IMAGES)) if recipe.images == Images() else make_photos(recipe)
        seconds = measure_parts(recipe, chosen)
        whole = sum(seconds.values())
        parts = ", ".join(f"{name} {part / whole:.1%}" for name, part in seconds.items())
        rows.append([recipe.name, f"{seconds.get('augmentation', 0.0) / whole:.1%}", parts])
    print_table("Time of a step", ["recipe", "augmentation", "all parts"], rows)


def make_photos(recipe: Recipe) -> Split:
    """Returns pictures of noise of the recipe's size, of ten classes."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (PHOTOS, *recipe.images.spec.shape), dtype=np.uint8)
    ids = np.arange(PHOTOS).astype(np.str_)
    return Split(pixels, np.arange(PHOTOS) % 10, ids)


def measure_parts(recipe: Recipe, images: Split) -> dict[str, float]:
    """Returns the seconds of each part of the steps of an epoch."""
    device = torch.device("cpu")
    if recipe.linear_probing and recipe.linear_probing.epochs < recipe.epochs:
        recipe = load_recipe(recipe.name, settings=parse_settings(["linear_probing.epochs=1"]))
    examples, few = (
        Examples.of(split, classes=10, device=device)
        for split in (images, images.take(np.arange(10)))
    )
    normalisation = Normalisation.of(recipe, images.images)
    trainer = Trainer(recipe, examples, few, normalisation=normalisation, seed=0)
    for _ in range(2 if recipe.linear_probing is None else 3):
        trainer.profiler = Profiler(device)
        trainer.run_epoch()
    return trainer.profiler.seconds if trainer.profiler else {}


if __name__ == "__main__":
    main()
