"""From a trained network to a finished model folder: calibrate, set thresholds, describe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.decisions.calibration import (
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)
from hangtag.decisions.policy import Rules, build_levels, set_rules
from hangtag.environment import processor, versions
from hangtag.evaluation.metrics import Evaluation, evaluate
from hangtag.images.spec import ImageSpec
from hangtag.models.classifier import Classifier, open_session
from hangtag.models.folder import (
    SHARES,
    Calibration,
    Card,
    ModelClass,
    golden,
    write_model_folder,
)
from hangtag.taxonomy import Tree, category_of, levels_above, parents_of
from hangtag.training.balance import find_shares
from hangtag.training.export import Exportable, export_onnx, safetensors_bytes
from hangtag.training.fp16_weights import choose_weights
from hangtag.training.modelcard import write_readme
from hangtag.training.networks import Network
from hangtag.training.ood import learn_ood_score
from hangtag.training.preprocessing import Normalisation, with_channels
from hangtag.training.provenance import describe_data
from hangtag.training.recipes.schema import Recipe
from hangtag.training.summary import summarise

_SHARE_DIGITS = 6

GOLDEN_IMAGES = 16
GOLDEN_BYTES = 320_000
"""Most pixels that a card holds, so that it stays small where images are large."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """A finished model with its answers on the splits it was evaluated on.

    Attributes:
        classifier: The model, loaded from its folder.
        probabilities: By split, (N, K).
        evaluations: By split.
    """

    classifier: Classifier
    probabilities: Mapping[str, NDArray[np.float64]]
    evaluations: Mapping[str, Evaluation]


def package_model(
    folder: Path,
    network: Network,
    normalisation: Normalisation,
    *,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
) -> Packaged:
    """Exports, calibrates on the validation split, evaluates, writes the model folder, loads it.

    Args:
        folder: Where the model folder goes; one that is there already is replaced.
        network: Trained.
        normalisation: What it was trained with.
        recipe: What it was trained by.
        dataset: Split; its test split, where it has one, is looked at once.
        seed: The seed of the training.

    Raises:
        TrainingError: The exported model does not match the trained network.
        OutputError: The folder cannot be written.
    """
    network = network.cpu().eval()
    ood_score = learn_ood_score(network, normalisation, dataset.splits["train"])
    model = Exportable(network, normalisation, ood_score).eval()
    pixels = _golden_pixels(dataset.splits["validation"])
    onnx = export_onnx(model, pixels=pixels, classes=dataset.classes)
    draft = _draft_card(model, recipe=recipe, dataset=dataset, seed=seed)
    if recipe.weights == "float16":
        onnx, stored = choose_weights(
            onnx, model, draft=draft, pixels=pixels, validation=dataset.splits["validation"]
        )
        draft = draft.model_copy(update={"weights": stored})
    runner = Classifier(draft, open_session(onnx, where="the exported model"))
    judged = _judge(runner, dataset)
    metrics = {name: _headline(figures) for name, figures in judged.evaluations.items()}
    measured = {
        "calibration": judged.calibration,
        "rules": judged.rules,
        "metrics": metrics,
        "golden": golden(pixels, runner.answer(pixels).logits),
    }
    card = draft.model_copy(update=measured)
    weights = safetensors_bytes(model.network, half=card.is_half)
    write_model_folder(folder, card, onnx=onnx, weights=weights, readme=write_readme(card))
    return Packaged(Classifier.load(folder), judged.probabilities, judged.evaluations)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the exported model says of the validation and test splits."""

    calibration: Calibration
    rules: Rules
    probabilities: dict[str, NDArray[np.float64]]
    evaluations: dict[str, Evaluation]


def _judge(runner: Classifier, dataset: Dataset) -> _Judged:
    """Calibrates and sets the rules on the validation split, then evaluates it and test."""
    splits = {name: split for name, split in dataset.splits.items() if name != "train"}
    answers = {name: runner.answer(split.images) for name, split in splits.items()}
    labels = splits["validation"].labels
    calibration = _calibrate(answers["validation"].logits, labels)
    probabilities = {
        name: softmax(one.logits, temperature=calibration.temperature)
        for name, one in answers.items()
    }
    parents = [parents_of(name, dataset.tree) for name in dataset.classes]
    rules = set_rules(
        probabilities["validation"],
        answers["validation"].ood_score,
        labels,
        levels=build_levels(dataset.classes, parents, names=levels_above(dataset.tree)),
    )
    evaluations = {
        name: evaluate(
            answers[name].logits,
            answers[name].ood_score,
            split.labels,
            temperature=calibration.temperature,
            rules=rules,
            suppliers=split.suppliers,
        )
        for name, split in splits.items()
    }
    return _Judged(calibration, rules, probabilities, evaluations)


def _golden_pixels(split: Split) -> NDArray[np.uint8]:
    """Returns images (G, H, W, C) spread evenly over `split`, at least two."""
    most = min(GOLDEN_IMAGES, len(split), GOLDEN_BYTES // split.images[0].size)
    chosen = np.linspace(0, len(split) - 1, max(2, most)).astype(int)
    return with_channels(split.images[chosen])


def _draft_card(model: Exportable, *, recipe: Recipe, dataset: Dataset, seed: int) -> Card:
    """Describes a model whose figures are still to be measured."""
    height, width, channels = _input_shape(dataset)
    return Card(
        name=f"{dataset.name}-{recipe.name}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by={**versions(), "processor": processor()},
        classes=tuple(_model_class(name, dataset.tree) for name in dataset.classes),
        input=ImageSpec(height=height, width=width, channels=channels),
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        data=describe_data(dataset, recipe) | {SHARES: _find_shares(dataset, recipe)},
        summary=summarise(model.network, channels=channels, size=(height, width)),
        metrics={},
        calibration=Calibration(
            temperature=1.0, n=0, ece_before=0.0, ece_after=0.0, nll_before=0.0, nll_after=0.0
        ),
        rules=Rules(levels=(), thresholds={}, needed={}, limit=0.0),
        golden=golden(
            np.zeros((0, height, width, channels), np.uint8), np.zeros((0, 0), np.float32)
        ),
    )


def _find_shares(dataset: Dataset, recipe: Recipe) -> list[float]:
    labels = dataset.splits["train"].labels
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    return [round(share, _SHARE_DIGITS) for share in find_shares(recipe.balance, counts)]


def _input_shape(dataset: Dataset) -> tuple[int, int, int]:
    """Returns height, width and channels of the images."""
    height, width, *channels = dataset.splits["train"].images.shape[1:]
    return height, width, channels[0] if channels else 1


def _model_class(name: str, tree: Tree | None) -> ModelClass:
    category = category_of(name, tree)
    return ModelClass(name=name, category=None if category is None else category.id)


def _calibrate(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Calibration:
    temperature = fit_temperature(logits, labels)
    before, after = softmax(logits), softmax(logits, temperature=temperature)
    return Calibration(
        temperature=temperature,
        n=len(labels),
        ece_before=calibration_error(before.max(axis=1), before.argmax(axis=1) == labels),
        ece_after=calibration_error(after.max(axis=1), after.argmax(axis=1) == labels),
        nll_before=negative_log_likelihood(before, labels),
        nll_after=negative_log_likelihood(after, labels),
    )


def _headline(figures: Evaluation) -> dict[str, Any]:
    kept = ("n", "accuracy", "loss", "balanced_accuracy", "macro_f1", "intervals", "ece", "unknown")
    whole = figures.to_json()
    automation = {
        name: {"coverage": one.coverage, "precision": one.precision}
        for name, one in figures.automation.items()
    }
    return {**{name: whole[name] for name in kept}, "automation": automation}
