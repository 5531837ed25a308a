"""Evaluates a model on a split, and reports what makes the metrics optimistic."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import SPLIT_NAMES, Dataset, Split
from hangtag.datasets.dataset import hash_split
from hangtag.datasets.held_out import restore_validation, unpack_fingerprints
from hangtag.errors import DataError
from hangtag.evaluation.groups import GroupMetrics, break_down
from hangtag.evaluation.metrics import Evaluation, align_split, evaluate
from hangtag.models.card import Card
from hangtag.models.classifier import Classifier
from hangtag.progress import OnProgress


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """The metrics of a model on one split, and what they were measured on.

    Attributes:
        model: Name of the model.
        dataset: The data, with the validation split that the model was tuned on restored.
        split: Name of the split.
        images: The images of the split, with labels that index the classes of the model.
        probabilities: Calibrated, (N, K).
        metrics: The metrics.
        suppliers: The metrics of each supplier, the worst first; empty where none are known.
        notes: What makes the metrics optimistic or hard to compare, one sentence each.
        sets_thresholds: Whether the thresholds of the model were set on these images.
    """

    model: str
    dataset: Dataset
    split: str
    images: Split
    probabilities: NDArray[np.float64]
    metrics: Evaluation
    suppliers: Sequence[GroupMetrics]
    notes: Sequence[str]
    sets_thresholds: bool

    @property
    def n(self) -> int:
        """Number of images."""
        return self.metrics.n

    @property
    def accuracy(self) -> float:
        """Fraction of images whose most probable class is the label, 0-1."""
        return self.metrics.accuracy

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes that occur as a label or a prediction, 0-1."""
        return self.metrics.macro_f1

    @property
    def classes(self) -> Sequence[str]:
        """Class names by index."""
        return self.metrics.classes

    @property
    def confusion_matrix(self) -> NDArray[np.int64]:
        """Images by true class (row) and predicted class (column), (K, K)."""
        return self.metrics.confusion_matrix

    def __repr__(self) -> str:
        return (
            f"ModelEvaluation({self.model!r} on the {self.split} split of {self.dataset.name}: "
            f"{self.metrics.headline()})"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns model, split and metrics as plain JSON types."""
        return {
            "model": self.model,
            "split": self.split,
            **self.metrics.to_json(),
            "notices": list(self.dataset.notices),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns one dictionary per class: class, precision, recall, f1, support."""
        return [
            {"class": name, **asdict(metrics)} for name, metrics in self.metrics.per_class.items()
        ]


def evaluate_model(
    classifier: Classifier,
    dataset: Dataset,
    *,
    split: str | None = None,
    on_progress: OnProgress | None = None,
) -> ModelEvaluation:
    """Evaluates a model on a split of labelled data.

    Where `dataset` has no validation split, the images that were held out when the model was
    trained become one.

    Args:
        classifier: The model.
        dataset: With images of the size of the model.
        split: ``train``, ``validation`` or ``test``; by default the last of them that there is.
        on_progress: Called as images are done.

    Raises:
        DataError: There is no such split, or it has labels that the model does not know.
    """
    card = classifier.card
    restored = restore_validation(dataset, unpack_fingerprints(card.data.held_out))
    name, chosen = _choose_split(restored, split)
    role = _find_role(chosen, card) or (name if restored is not dataset else None)
    images = _align(chosen, restored, card)
    outputs = classifier.run(images.images, on_progress=on_progress)
    probabilities = classifier.calibrate(outputs.logits)
    suppliers: list[GroupMetrics] = []
    if images.suppliers is not None:
        suppliers = break_down(probabilities.argmax(axis=1) == images.labels, images.suppliers)
    return ModelEvaluation(
        model=card.name,
        dataset=restored,
        split=name,
        images=images,
        probabilities=probabilities,
        metrics=evaluate(
            outputs.logits,
            outputs.ood_scores,
            images.labels,
            temperature=card.calibration.temperature,
            policy=card.policy,
            suppliers=images.suppliers,
        ),
        suppliers=suppliers,
        notes=[
            *_describe_restored(restored, name, card, restored is not dataset),
            *_describe_role(role, name, card),
            *_describe_resizing(restored, card),
        ],
        sets_thresholds=role == "validation",
    )


def _choose_split(dataset: Dataset, name: str | None) -> tuple[str, Split]:
    """Returns the split asked for; by default test, else validation, else train."""
    splits = dataset.splits
    name = name or next(split for split in reversed(SPLIT_NAMES) if split in splits)
    if name not in splits:
        raise DataError(
            f"--split: {dataset.name} has no split '{name}'; it has {', '.join(splits)}"
        )
    return name, splits[name]


def _find_role(split: Split, card: Card) -> str | None:
    """Returns what a split was when the model was made: train, validation, test or nothing."""
    own = hash_split(split)
    return next((name for name, known in card.data.splits.items() if known.sha256 == own), None)


def _align(split: Split, dataset: Dataset, card: Card) -> Split:
    try:
        return align_split(split, classes=dataset.classes, model_classes=card.class_names)
    except DataError as error:
        own = card.data.taxonomy
        if own is None or dataset.tree is not None:
            raise
        hint = f"the labels may be of the tree {own.source}: give it by --taxonomy"
        raise DataError(f"{error}; {hint}") from error


def _describe_restored(dataset: Dataset, split: str, card: Card, restored: bool) -> list[str]:
    if not restored or split != "validation":
        return []
    items = {name: len(part) for name, part in dataset.splits.items()}
    whole = items["validation"] + items.get("train", 0)
    return [
        f"of {whole:,} images these {items['validation']:,} were held out when {card.name} was "
        "trained; it may have learned the others"
    ]


def _describe_role(role: str | None, split: str, card: Card) -> list[str]:
    if role == "validation":
        return ["the thresholds were set on these images, so the metrics are optimistic"]
    if role == "train":
        return ["these are training images, so the metrics are optimistic"]
    if split == "train":
        return [f"where {card.name} has learned from these images, the metrics are optimistic"]
    return []


def _describe_resizing(dataset: Dataset, card: Card) -> list[str]:
    if not dataset.resized or card.trained_on_resized:
        return []
    return [
        f"these images had to be resized, and {card.name} learned from no resized images; what is "
        "accepted below, predict leaves for review"
    ]
