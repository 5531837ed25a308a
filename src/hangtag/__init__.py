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
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hangtag.version import __version__

if TYPE_CHECKING:
    from hangtag.datasets import Dataset
    from hangtag.models.classifier import Classifier
    from hangtag.training.networks import NetworkSource
    from hangtag.training.recipes import Recipe
    from hangtag.training.train import TrainingResult

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
    data: "str | Path | Dataset",
    *,
    recipe: "str | Path | Recipe | None" = None,
    out: str | Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
    init_from: str | Path | None = None,
    network: "NetworkSource | str | Mapping[str, Any] | None" = None,
    **settings: Any,
) -> "TrainingResult | None":
    """Trains a model on `data` into a run folder; needs the train extra.

    Args:
        data: A name, a path or a dataset with a train split.
        recipe: A shipped name, a YAML file or a recipe; by default one that fits the images.
        out: The run folder; by default ``runs/train-1``, then 2, ...
        seed: Decides everything random; by default 0.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Continue the run in `out`, as if it had never stopped.
        init_from: A shipped model, a model folder or a run folder to fine-tune.
        network: The recipe's field of this name, such as ``"tiny"``; or a `torch.nn.Module` of
            your own, or a class or factory of one that takes ``classes``, ``channels`` and
            ``size``.
        **settings: Fields of the recipe to change: ``epochs=3``,
            ``optimiser={"learning_rate": 0.01}``.

    Returns:
        What the training left; None only in the second and later processes of torchrun.

    Raises:
        MissingExtraError: The train extra, or one that the recipe needs, is not installed.
        DataError: The data cannot be read, split, or tell no classes apart.
        RecipeError: No such recipe, an unknown field or an impossible value.
        TrainingError: `out` is not free or does not fit what is to be resumed, or the loss
            diverged.
    """
    from hangtag.environment import require_extra

    require_extra("train", "training")
    from hangtag.training.train import train as run

    return run(
        data,
        recipe=recipe,
        out=out,
        seed=seed,
        device=device,
        resume=resume,
        init_from=init_from,
        network=network,
        **settings,
    )
