"""Figures of a model on labelled data: arrays in, figures out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.items import Split
from hangtag.decisions import calibration_error, negative_log_likelihood
from hangtag.errors import DataError


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Precision, recall and F1 of one class, each in 0-1, and how many items truly have it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Automation:
    """What a threshold for a promised precision does.

    Attributes:
        coverage: Share of the items accepted, 0-1.
        precision: Share of correct items among the accepted, 0-1; None when none is accepted.
        threshold: The lowest accepted confidence; None when the model has no such threshold.
    """

    coverage: float
    precision: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often one class was taken for another: `count` items of `true` called `predicted`."""

    true: str
    predicted: str
    count: int

    def __str__(self) -> str:
        return f"{self.true} -> {self.predicted}: {self.count}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of one model on one split.

    Attributes:
        n: Number of items.
        accuracy: Share of items whose most probable class is the label, 0-1.
        loss: Mean negative log likelihood of the label, nats.
        macro_f1: Mean F1 over the classes that occur as a label or a prediction, 0-1.
        ece: Expected calibration error, 15 bins of equal mass, 0-1.
        classes: Class names by index.
        confusion_matrix: Items by true class (row) and predicted class (column), (K, K).
        per_class: Figures by class name.
        automation: By promised precision ("0.98"), what its threshold does on these items.
    """

    n: int
    accuracy: float
    loss: float
    macro_f1: float
    ece: float
    classes: tuple[str, ...]
    confusion_matrix: NDArray[np.int64]
    per_class: Mapping[str, ClassFigures]
    automation: Mapping[str, Automation]

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON types."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "macro_f1": self.macro_f1,
            "ece": self.ece,
            "classes": list(self.classes),
            "confusion_matrix": self.confusion_matrix.tolist(),
            "per_class": {name: asdict(figures) for name, figures in self.per_class.items()},
            "automation": {name: asdict(figures) for name, figures in self.automation.items()},
        }

    def worst_confusions(self, count: int = 5) -> list[Confusion]:
        """Returns the `count` most frequent confusions, the most frequent first."""
        errors = self.confusion_matrix.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[:count]
        pairs = [np.unravel_index(position, errors.shape) for position in order]
        return [
            Confusion(self.classes[true], self.classes[predicted], int(errors[true, predicted]))
            for true, predicted in pairs
            if errors[true, predicted]
        ]


def evaluate(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    classes: tuple[str, ...],
    thresholds: Mapping[str, float | None],
) -> Evaluation:
    """Compares probabilities (N, K), rows summing to 1, with labels (N,) in 0..K-1.

    Args:
        probabilities: Calibrated probabilities, (N, K).
        labels: True class indices, (N,).
        classes: The K class names.
        thresholds: Lowest accepted confidence by promised precision, as the model stores it.

    Raises:
        DataError: There is nothing to evaluate, or the shapes do not fit.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if probabilities.shape != (len(labels), len(classes)) or not len(labels):
        raise DataError(
            f"cannot evaluate: expected probabilities (N, {len(classes)}) and labels (N,) with N "
            f"above 0, received {probabilities.shape} and {labels.shape}"
        )
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    correct = predicted == labels
    indices = np.arange(len(classes))
    rows = precision_recall_fscore_support(labels, predicted, labels=indices, zero_division=0)
    occurring = np.union1d(labels, predicted)
    per_class = {
        name: ClassFigures(float(precision), float(recall), float(f1), int(support))
        for name, precision, recall, f1, support in zip(classes, *rows, strict=True)
    }
    return Evaluation(
        n=len(labels),
        accuracy=float(correct.mean()),
        loss=negative_log_likelihood(probabilities, labels),
        macro_f1=float(rows[2][occurring].mean()),
        ece=calibration_error(confidence, correct),
        classes=classes,
        confusion_matrix=confusion_matrix(labels, predicted, labels=indices).astype(np.int64),
        per_class=per_class,
        automation={
            name: _automation(confidence, correct, threshold)
            for name, threshold in thresholds.items()
        },
    )


def align_split(split: Split, *, classes: tuple[str, ...], model_classes: tuple[str, ...]) -> Split:
    """Turns labels that index `classes` into labels that index `model_classes`, by name.

    Raises:
        DataError: A label that occurs is none of the model's classes.
    """
    positions = {name: index for index, name in enumerate(model_classes)}
    present = [classes[index] for index in np.unique(split.labels)]
    unknown = [name for name in present if name not in positions]
    if unknown:
        raise DataError(
            f"the data has labels that the model does not know: {', '.join(unknown[:5])}; "
            f"the model's classes: {', '.join(model_classes)}"
        )
    table = np.array([positions.get(name, -1) for name in classes], dtype=np.int64)
    return replace(split, labels=table[split.labels])


def _automation(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], threshold: float | None
) -> Automation:
    if threshold is None:
        return Automation(coverage=0.0, precision=None, threshold=None)
    accepted = confidence >= threshold
    precision = float(correct[accepted].mean()) if accepted.any() else None
    return Automation(float(accepted.mean()), precision, threshold)
