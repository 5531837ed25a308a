"""From a trained network to a model folder: export, calibrate, set thresholds, describe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.decisions.calibration import (
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)
from hangtag.decisions.policy import DecisionPolicy, build_levels, fit_policy
from hangtag.environment import processor, versions
from hangtag.evaluation.metrics import Evaluation, evaluate
from hangtag.models.card import (
    AutomationMetrics,
    Calibration,
    Card,
    MetricIntervals,
    ModelClass,
    SplitMetrics,
)
from hangtag.models.classifier import Classifier
from hangtag.models.folder import Golden, ModelFiles, write_model_folder
from hangtag.models.runtime import OnnxModel
from hangtag.taxonomy import Tree, category_of, levels_above, parents_of
from hangtag.training.export import (
    Exportable,
    choose_weights,
    export_onnx,
    serialise_weights,
)
from hangtag.training.networks import Network
from hangtag.training.ood import fit_ood_score
from hangtag.training.plan import TrainingPlan
from hangtag.training.preprocessing import Normalisation, with_channels
from hangtag.training.readme import write_readme
from hangtag.training.summary import summarise

GOLDEN_IMAGES = 16
GOLDEN_BYTES = 320_000
"""Most pixels that a card holds, so that it stays small where images are large."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """A finished model with its probabilities on the splits it was evaluated on.

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
    plan: TrainingPlan,
) -> Packaged:
    """Exports, calibrates on the validation split, evaluates, writes the model folder, loads it.

    Args:
        folder: Where the model folder goes; one that is there already is replaced.
        network: Trained.
        normalisation: What it was trained with.
        plan: What it was trained by; the test split, where there is one, is evaluated once.

    Raises:
        TrainingError: The exported model does not match the trained network.
        OutputError: The folder cannot be written.
    """
    recipe, dataset = plan.recipe, plan.dataset
    network = network.cpu().eval()
    ood_score = fit_ood_score(network, normalisation, dataset.splits["train"])
    model = Exportable(network, normalisation, ood_score).eval()
    validation, spec = dataset.splits["validation"], recipe.images.spec
    pixels = _golden_pixels(validation)
    onnx, stored = export_onnx(model, pixels=pixels, classes=dataset.classes), None
    if recipe.weights == "float16":
        onnx, stored = choose_weights(onnx, model, pixels=pixels, validation=validation)
    runner = OnnxModel(onnx, spec, where="the exported model")
    evaluated = _evaluate(runner, dataset)
    card = Card(
        name=f"{dataset.name}-{recipe.name}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by={**versions(), "processor": processor()},
        classes=tuple(_model_class(name, dataset.tree) for name in dataset.classes),
        input=spec,
        data=plan.data,
        lineage=plan.lineage,
        summary=summarise(model.network, spec),
        metrics={name: _headline(figures) for name, figures in evaluated.evaluations.items()},
        calibration=evaluated.calibration,
        policy=evaluated.policy,
        weights=stored,
    )
    files = ModelFiles(
        onnx=onnx,
        weights=serialise_weights(model.network, fp16=card.is_half),
        golden=Golden(pixels, runner.run(pixels).logits),
        readme=write_readme(card),
    )
    write_model_folder(folder, card, files)
    return Packaged(Classifier.load(folder), evaluated.probabilities, evaluated.evaluations)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Calibration, policy and metrics of the exported model on validation and test."""

    calibration: Calibration
    policy: DecisionPolicy
    probabilities: dict[str, NDArray[np.float64]]
    evaluations: dict[str, Evaluation]


def _evaluate(runner: OnnxModel, dataset: Dataset) -> _Evaluated:
    """Calibrates and sets the policy on the validation split, then evaluates it and test."""
    splits = {name: split for name, split in dataset.splits.items() if name != "train"}
    answers = {name: runner.run(split.images) for name, split in splits.items()}
    labels = splits["validation"].labels
    calibration = _calibrate(answers["validation"].logits, labels)
    probabilities = {
        name: softmax(answer.logits, temperature=calibration.temperature)
        for name, answer in answers.items()
    }
    parents = [parents_of(name, dataset.tree) for name in dataset.classes]
    policy = fit_policy(
        probabilities["validation"],
        answers["validation"].ood_scores,
        labels,
        levels=build_levels(dataset.classes, parents, names=levels_above(dataset.tree)),
    )
    evaluations = {
        name: evaluate(
            answers[name].logits,
            answers[name].ood_scores,
            split.labels,
            temperature=calibration.temperature,
            policy=policy,
            suppliers=split.suppliers,
        )
        for name, split in splits.items()
    }
    return _Evaluated(calibration, policy, probabilities, evaluations)


def _golden_pixels(split: Split) -> NDArray[np.uint8]:
    """Returns images (G, H, W, C) spread evenly over `split`, at least two."""
    most = min(GOLDEN_IMAGES, len(split), GOLDEN_BYTES // split.images[0].size)
    chosen = np.linspace(0, len(split) - 1, max(2, most)).astype(int)
    return with_channels(split.images[chosen])


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


def _headline(evaluation: Evaluation) -> SplitMetrics:
    intervals = evaluation.intervals
    return SplitMetrics(
        n=evaluation.n,
        accuracy=evaluation.accuracy,
        loss=evaluation.loss,
        balanced_accuracy=evaluation.balanced_accuracy,
        macro_f1=evaluation.macro_f1,
        ece=evaluation.ece,
        unknown=evaluation.unknown,
        intervals=MetricIntervals(
            accuracy=intervals.accuracy,
            macro_f1=intervals.macro_f1,
            suppliers=intervals.suppliers,
        ),
        automation={
            name: AutomationMetrics(coverage=accepted.coverage, precision=accepted.precision)
            for name, accepted in evaluation.automation.items()
        },
    )
