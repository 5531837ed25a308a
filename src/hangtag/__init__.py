"""Hangtag puts a trustworthy category on apparel images.

    import hangtag

    dataset = hangtag.load_dataset("fashion-mnist")
    model = hangtag.load("fashion-mnist")
    for prediction in model.predict(dataset.splits["test"].images[:5]):
        print(prediction.category, prediction.confidence, prediction.decision)

    result = hangtag.train(dataset, recipe="express", out="runs/mine")
    print(result.evaluations["test"].accuracy, result.report)

Importing this package imports nothing heavy; each function imports what it needs.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hangtag.version import __version__

if TYPE_CHECKING:
    from hangtag.datasets import Dataset
    from hangtag.models.classifier import Classifier
    from hangtag.training.train import Result

# ONNX Runtime gathers usage data unless told not to; nothing here reports to anybody.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["__version__", "load", "load_dataset", "train"]


def load(model: str | Path) -> "Classifier":
    """Loads and verifies a model by its shipped name, its folder or its run folder.

    Raises:
        ModelError: There is no such model, or it is not what it was when it was written.
    """
    from hangtag.models.classifier import Classifier

    return Classifier.load(model)


def load_dataset(data: str | Path, *, offline: bool = False) -> "Dataset":
    """Opens a data set: ``fashion-mnist``, IDX files, pixel CSVs, class folders or a manifest.

    Args:
        data: A name or a path.
        offline: Whether a data set that is known by name must not come from the network.

    Raises:
        DataError: `data` is none of the kinds, or cannot be read.
        FetchError: A data set that is known by name cannot be obtained.
    """
    from hangtag.datasets import load_dataset as open_any

    return open_any(data, offline=offline)


def train(
    dataset: "Dataset",
    *,
    recipe: str | Path = "express",
    changes: Sequence[str] = (),
    out: str | Path,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
) -> "Result | None":
    """Trains a recipe on a dataset into the run folder `out`; needs the train extra.

    Args:
        dataset: With a train split.
        recipe: The name of a shipped recipe, or a YAML file.
        changes: Fields of the recipe to change, such as ``epochs=3``.
        out: The run folder; must be new unless `resume`.
        seed: Decides everything random.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Go on with the run in `out`.

    Returns:
        What the training left; None only in the second and later processes under torchrun.

    Raises:
        MissingExtraError: The train extra is not installed.
        RecipeError: No such recipe, or an impossible value.
        TrainingError: `out` is taken, does not fit what is to be resumed, or the loss diverged.
    """
    from hangtag.environment import require_extra

    require_extra("train", "training")
    from hangtag.training.recipes import load_recipe
    from hangtag.training.train import train as run_training

    chosen = load_recipe(recipe, changes=changes)
    return run_training(dataset, chosen, out=out, seed=seed, device=device, resume=resume)
