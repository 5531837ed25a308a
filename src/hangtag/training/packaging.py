"""From a trained network to a finished model folder: calibrate, set thresholds, describe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.items import Catalogue, Split
from hangtag.categoriser import Categoriser, open_session
from hangtag.decisions import calibration_error, choose_thresholds, fit_temperature, softmax
from hangtag.evaluation import Evaluation, evaluate
from hangtag.machine import processor, versions
from hangtag.modelfolder import (
    Calibration,
    Card,
    InputSize,
    ModelClass,
    golden,
    write_model_folder,
)
from hangtag.taxonomy import category_of
from hangtag.training.export import Exportable, export_onnx, safetensors_bytes
from hangtag.training.modelcard import write_readme
from hangtag.training.provenance import describe_data
from hangtag.training.recipes.schema import Recipe
from hangtag.training.summary import summarise

GOLDEN_IMAGES = 16


@dataclass(frozen=True, slots=True)
class Packaged:
    """A finished model with its answers on the splits it was evaluated on.

    Attributes:
        categoriser: The model, loaded from its folder.
        probabilities: By split, (N, K).
        evaluations: By split.
    """

    categoriser: Categoriser
    probabilities: Mapping[str, NDArray[np.float64]]
    evaluations: Mapping[str, Evaluation]


def package_model(
    folder: Path,
    model: Exportable,
    *,
    recipe: Recipe,
    catalogue: Catalogue,
    seed: int,
) -> Packaged:
    """Exports, calibrates on the validation split, evaluates, writes the model folder, loads it.

    Args:
        folder: Where the model folder goes; one that is there already is replaced.
        model: The trained network with its preprocessing.
        recipe: What it was trained by.
        catalogue: Split; its test split, where it has one, is looked at once.
        seed: The seed of the training.

    Raises:
        TrainingError: The exported model does not match the trained network.
        OutputError: The folder cannot be written.
    """
    model = model.cpu().eval()
    pixels = _golden_pixels(catalogue.splits["validation"])
    onnx = export_onnx(model, pixels=pixels, classes=catalogue.classes)
    draft = _draft_card(model, recipe=recipe, catalogue=catalogue, seed=seed)
    runner = Categoriser(draft, open_session(onnx, where="the exported model"))
    judged = _judge(runner, catalogue)
    metrics = {name: _headline(figures) for name, figures in judged.evaluations.items()}
    measured = {
        "calibration": judged.calibration,
        "thresholds": judged.thresholds,
        "metrics": metrics,
        "golden": golden(pixels, runner.logits(pixels)),
    }
    card = draft.model_copy(update=measured)
    weights = safetensors_bytes(model.network)
    write_model_folder(folder, card, onnx=onnx, weights=weights, readme=write_readme(card))
    return Packaged(Categoriser.load(folder), judged.probabilities, judged.evaluations)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the exported model says of the validation and test splits."""

    calibration: Calibration
    thresholds: dict[str, float | None]
    probabilities: dict[str, NDArray[np.float64]]
    evaluations: dict[str, Evaluation]


def _judge(runner: Categoriser, catalogue: Catalogue) -> _Judged:
    """Calibrates and sets thresholds on the validation split, then evaluates it and test."""
    splits = {name: split for name, split in catalogue.splits.items() if name != "train"}
    logits = {name: runner.logits(split.images) for name, split in splits.items()}
    labels = splits["validation"].labels
    calibration = _calibrate(logits["validation"], labels)
    probabilities = {
        name: softmax(one, temperature=calibration.temperature) for name, one in logits.items()
    }
    thresholds = choose_thresholds(probabilities["validation"], labels)
    evaluations = {
        name: evaluate(
            probabilities[name], split.labels, classes=catalogue.classes, thresholds=thresholds
        )
        for name, split in splits.items()
    }
    return _Judged(calibration, thresholds, probabilities, evaluations)


def _golden_pixels(split: Split) -> NDArray[np.uint8]:
    """Returns images (G, H, W, C) spread evenly over `split`, at least two."""
    chosen = np.linspace(0, len(split) - 1, max(2, min(GOLDEN_IMAGES, len(split)))).astype(int)
    return np.ascontiguousarray(split.images[chosen][..., None])


def _draft_card(model: Exportable, *, recipe: Recipe, catalogue: Catalogue, seed: int) -> Card:
    """Describes a model whose figures are still to be measured."""
    _, height, width = catalogue.splits["train"].images.shape
    return Card(
        name=f"{catalogue.name}-{recipe.name}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by={**versions(), "processor": processor()},
        classes=tuple(_model_class(name) for name in catalogue.classes),
        input=InputSize(height=height, width=width, channels=1),
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        data=describe_data(catalogue, recipe),
        summary=summarise(model.network, channels=1, size=(height, width)),
        metrics={},
        calibration=Calibration(temperature=1.0, n=0, ece_before=0.0, ece_after=0.0),
        thresholds={},
        golden=golden(np.zeros((0, height, width, 1), np.uint8), np.zeros((0, 0), np.float32)),
    )


def _model_class(name: str) -> ModelClass:
    category = category_of(name)
    return ModelClass(name=name, category=None if category is None else category.id)


def _calibrate(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Calibration:
    temperature = fit_temperature(logits, labels)
    before, after = (
        calibration_error(p.max(axis=1), p.argmax(axis=1) == labels)
        for p in (softmax(logits), softmax(logits, temperature=temperature))
    )
    return Calibration(temperature=temperature, n=len(labels), ece_before=before, ece_after=after)


def _headline(figures: Evaluation) -> dict[str, Any]:
    kept = ("n", "accuracy", "loss", "macro_f1", "ece", "automation")
    whole = figures.to_json()
    return {name: whole[name] for name in kept}
