"""Measures how well a fine-tuned model learns a new class of few images and keeps the old ones.

    python -m benchmarks.continuing fashion-mnist --recipe express --new Bag --items 4000
    python -m benchmarks.continuing ten.csv --recipe photo-fast --new skirt
    python -m benchmarks.continuing ten.csv --recipe photo-fast --new skirt --replay 0.2

A model learns all classes but one. It is then fine-tuned with the same items, or a fraction of
them, and 50 images of the missing class. Both models are evaluated on the same test items: the
data's test split or, if there is none, suppliers that were held out from both.
"""

import argparse
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import Dataset, Split, load_dataset, split_dataset
from hangtag.models.classifier import Classifier
from hangtag.training.recipes import load_recipe, parse_settings
from hangtag.training.train import train

HELD_OUT = 0.15
"""Of the items held out to judge by, where the data has no test split."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A class to be learned afterwards.

    Attributes:
        before: The data without the new class, in train alone.
        after: The data, or a fraction of it, with the new class, in train alone.
        test: What both models are judged by, labelled as `after` is.
    """

    before: Dataset
    after: Dataset
    test: Split


def make_task(
    dataset: Dataset, new: str, *, images: int, items: int | None, replay: float, seed: int
) -> Task:
    """Takes the class `new` out of a dataset, and brings `images` of it back.

    Args:
        dataset: With a train split.
        new: One of its classes.
        images: Of the new class in the data of the second training.
        items: Of the other classes at the most, None for all.
        replay: Fraction of these in the data of the second training.
        seed: Of all that is chosen at random.
    """
    if "test" not in dataset.splits:
        divided = split_dataset(dataset, fraction=HELD_OUT, seed=seed).splits
        dataset = dataclasses.replace(
            dataset, splits={"train": divided["train"], "test": divided["validation"]}
        )
    train, random = dataset.splits["train"], np.random.default_rng(seed)
    label = dataset.classes.index(new)
    order = random.permutation(len(train))
    old, fresh = (order[(train.labels[order] == label) == wanted] for wanted in (False, True))
    old = old[:items]
    again = np.concatenate([old[: round(replay * len(old))], fresh[:images]])
    without = tuple(name for name in dataset.classes if name != new)
    return Task(
        before=_with_train(dataset, train.take(np.sort(old)), without),
        after=_with_train(dataset, train.take(np.sort(again)), dataset.classes),
        test=dataset.splits["test"],
    )


def _with_train(dataset: Dataset, train: Split, classes: tuple[str, ...]) -> Dataset:
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[dataset.classes[label]] for label in train.labels], np.int64)
    relabelled = dataclasses.replace(train, labels=labels)
    return dataclasses.replace(dataset, classes=classes, splits={"train": relabelled})


def judge(model: Path, task: Task, new: str) -> tuple[float, float]:
    """Returns the accuracy on the old classes and the recall of the new one, 0-1."""
    classifier = Classifier.load(model)
    answers = classifier.run(task.test.images).logits.argmax(axis=1)
    said = np.array(classifier.classes)[answers]
    true = np.array(task.after.classes)[task.test.labels]
    right: NDArray[np.bool_] = said == true
    return float(right[true != new].mean()), float(right[true == new].mean())


def measure(
    task: Task, new: str, *, recipe: str, changes: Sequence[str], seed: int, folder: Path
) -> str:
    """Trains, continues, and returns one row of a table."""
    first, second = folder / "before", folder / "after"
    if not first.exists():
        train(task.before, recipe=load_recipe(recipe), out=first, seed=seed)
    settings = parse_settings(changes)
    train(task.after, init_from=first, out=second, seed=seed, **settings)
    old, _ = judge(first, task, new)
    kept, learned = judge(second, task, new)
    return (
        f"| {new} | {len(task.before):,} | {len(task.after):,} | {old:.2%} | {kept:.2%} | "
        f"{100 * (kept - old):+.2f} | {learned:.2%} |"
    )


def main() -> None:
    """Prints the row of the class that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--new", required=True, help="the class that is new")
    parser.add_argument("--images", type=int, default=50, help="of the new class")
    parser.add_argument("--items", type=int, help="of the other classes at the most")
    parser.add_argument("--replay", type=float, default=1.0, help="fraction of them seen again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="change the continuing recipe")
    parser.add_argument("--out", type=Path, help="keep the models here; before/ is taken from it")
    options = parser.parse_args()
    spec = load_recipe(options.recipe).images.spec
    dataset = load_dataset(options.data, spec=spec, offline=True)
    task = make_task(
        dataset,
        options.new,
        images=options.images,
        items=options.items,
        replay=options.replay,
        seed=options.seed,
    )
    with tempfile.TemporaryDirectory() as temporary:
        row = measure(
            task,
            options.new,
            recipe=options.recipe,
            changes=options.set,
            seed=options.seed,
            folder=options.out or Path(temporary),
        )
    print("| new class | items before | items after | old classes before | after | points | new |")
    print(row)


if __name__ == "__main__":
    main()
