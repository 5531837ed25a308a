"""Metrics of a model on labelled data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.decisions.calibration import (
    ReliabilityBin,
    calibration_error,
    negative_log_likelihood,
    reliability,
    softmax,
)
from hangtag.decisions.policy import (
    CLASS_LEVEL,
    Decision,
    DecisionPolicy,
    Decisions,
    decide,
    is_ood,
)
from hangtag.errors import DataError
from hangtag.evaluation.intervals import Intervals, find_intervals
from hangtag.files.paths import list_some
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES
from hangtag.taxonomy.spelling import fold_class

_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Precision, recall and F1 of one class, each in 0-1, and how many items truly have it.

    Recall is None where no item has the class. Precision and F1 are None where no item is
    predicted as the class either.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The items that are accepted at a target precision.

    Attributes:
        coverage: Fraction of the items, 0-1.
        precision: Fraction of correct items among them, 0-1; None where none is accepted.
        threshold: The lowest accepted confidence; None where there is none.
    """

    coverage: float
    precision: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Automation:
    """What is accepted at a target precision.

    Attributes:
        coverage: Fraction of the items whose class is accepted, 0-1.
        precision: Fraction of correct items among them, 0-1; None where none is accepted.
        threshold: The lowest accepted confidence of any class; None where no class has one.
        items_needed: Held-out items that would support a threshold where none is supported; None
            where one is, or where a better model is needed.
        per_class: By class, of the items predicted as it.
        parents: By level above the classes, the items of which only a parent is accepted.
    """

    coverage: float
    precision: float | None
    threshold: float | None
    items_needed: int | None
    per_class: Mapping[str, Accepted]
    parents: Mapping[str, Accepted]


@dataclass(frozen=True, slots=True)
class CalibrationMetrics:
    """Calibration before and after temperature scaling.

    Attributes:
        ece_before: Expected calibration error of the raw softmax, 15 bins of equal mass, 0-1.
        nll_before: Negative log likelihood of the raw softmax, nats.
        bins_before: Reliability of the raw softmax.
        bins: Reliability of the calibrated confidence.
    """

    ece_before: float
    nll_before: float
    bins_before: list[ReliabilityBin]
    bins: list[ReliabilityBin]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Risk-coverage curve: errors among the most confident items.

    Attributes:
        coverage: Accepted fractions, the most confident items first, 0-1, rising.
        risk: Fraction of errors among the accepted items, 0-1.
        area: Mean of the risk over all fractions (AURC, Geifman and El-Yaniv 2017), 0-1.
    """

    coverage: list[float]
    risk: list[float]
    area: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many items of the class `true` were predicted as `predicted`."""

    true: str
    predicted: str
    count: int

    def __str__(self) -> str:
        return f"{self.true} -> {self.predicted}: {self.count}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of one model on one split.

    Attributes:
        n: Number of items.
        accuracy: Fraction of items whose most probable class is the label, 0-1.
        loss: Mean negative log likelihood of the label, nats.
        balanced_accuracy: Mean recall of the classes that occur as a label, 0-1.
        macro_f1: Mean F1 over the classes that occur as a label or a prediction, 0-1.
        intervals: 95 % intervals of accuracy and macro F1.
        ece: Expected calibration error, 15 bins of equal mass, 0-1.
        classes: Class names by index.
        confusion_matrix: Items by true class (row) and predicted class (column), (K, K).
        per_class: Metrics by class name.
        automation: What is accepted, by target precision ("0.98").
        unknown: Fraction of the items with the decision ``unknown``, 0-1.
        calibration: Calibration before and after temperature scaling.
        risk_coverage: Errors by accepted fraction.
    """

    n: int
    accuracy: float
    loss: float
    balanced_accuracy: float
    macro_f1: float
    intervals: Intervals
    ece: float
    classes: tuple[str, ...]
    confusion_matrix: NDArray[np.int64]
    per_class: Mapping[str, ClassMetrics]
    automation: Mapping[str, Automation]
    unknown: float
    calibration: CalibrationMetrics
    risk_coverage: RiskCoverage

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics as plain JSON types."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "intervals": asdict(self.intervals),
            "ece": self.ece,
            "classes": list(self.classes),
            "confusion_matrix": self.confusion_matrix.tolist(),
            "per_class": {name: asdict(metrics) for name, metrics in self.per_class.items()},
            "automation": {name: asdict(metrics) for name, metrics in self.automation.items()},
            "unknown": self.unknown,
            "calibration": asdict(self.calibration),
            "risk_coverage": asdict(self.risk_coverage),
        }

    def headline(self) -> str:
        """Returns the main metrics in one line."""
        (low, high), (f1_low, f1_high) = self.intervals.accuracy, self.intervals.macro_f1
        suppliers = self.intervals.suppliers
        over = "" if suppliers is None else f", {suppliers:,} suppliers"
        return (
            f"accuracy {self.accuracy:.4f} ({low:.4f} to {high:.4f}), macro F1 {self.macro_f1:.4f} "
            f"({f1_low:.4f} to {f1_high:.4f}), loss {self.loss:.4f}, n {self.n:,}{over}"
        )

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
    logits: NDArray[np.float32],
    ood_scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    temperature: float,
    policy: DecisionPolicy,
    suppliers: NDArray[np.str_] | None = None,
) -> Evaluation:
    """Evaluates the answers of a model to N items with labels (N,) in 0..K-1.

    Args:
        logits: (N, K).
        ood_scores: (N,).
        labels: True class indices, (N,).
        temperature: Divides the logits before the softmax, above 0.
        policy: As the model stores it; its first level names the K classes.
        suppliers: Of the items, (N,), where they are known: intervals are then over suppliers.

    Raises:
        DataError: There is nothing to evaluate, or the shapes do not fit.
    """
    classes = policy.levels[0].categories
    if logits.shape != (len(labels), len(classes)) or not len(labels):
        raise DataError(
            f"cannot evaluate: expected logits (N, {len(classes)}) and labels (N,) with N above 0, "
            f"received {logits.shape} and {labels.shape}"
        )
    probabilities = softmax(logits, temperature=temperature)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = predicted == labels
    confusion_matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion_matrix, (labels, predicted), 1)
    per_class = _measure_classes(confusion_matrix)
    recalls = [row.recall for row in per_class if row.recall is not None]
    f1_scores = [row.f1 for row in per_class if row.f1 is not None]
    return Evaluation(
        n=len(labels),
        accuracy=float(correct.mean()),
        loss=negative_log_likelihood(probabilities, labels),
        balanced_accuracy=float(np.mean(recalls)),
        macro_f1=float(np.mean(f1_scores)),
        intervals=find_intervals(labels, predicted, suppliers),
        ece=calibration_error(confidence, correct),
        classes=classes,
        confusion_matrix=confusion_matrix,
        per_class=dict(zip(classes, per_class, strict=True)),
        automation={
            name: _automation(probabilities, ood_scores, labels, policy, name)
            for name in policy.thresholds
        },
        unknown=float(is_ood(ood_scores, policy).mean()),
        calibration=_calibration(softmax(logits), labels, after=reliability(confidence, correct)),
        risk_coverage=measure_risk(confidence, correct),
    )


def measure_risk(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> RiskCoverage:
    """Returns the risk-coverage curve of items with `confidence` (N,), `correct` (N,) or not.

    The area is over all N fractions; the curve has at most 200 points.
    """
    order = np.argsort(-confidence, kind="stable")
    counts = np.arange(1, len(order) + 1)
    risk = np.cumsum(~correct[order]) / counts
    shown = np.unique(np.linspace(0, len(order) - 1, _CURVE_POINTS).astype(int))
    return RiskCoverage(
        coverage=(counts[shown] / len(order)).tolist(),
        risk=risk[shown].tolist(),
        area=float(risk.mean()),
    )


def align_split(split: Split, *, classes: tuple[str, ...], model_classes: tuple[str, ...]) -> Split:
    """Maps labels that index `classes` to labels that index `model_classes`, by name.

    Names are the same where only case and blanks differ. The numbers 0 to 9 are the classes of a
    model of Fashion-MNIST.

    Raises:
        DataError: A label that occurs is none of the model's classes.
    """
    positions = _find_classes(classes, model_classes)
    present = [classes[index] for index in np.unique(split.labels)]
    unknown = [name for name in present if name not in positions]
    if unknown:
        raise DataError(
            f"the data has labels that the model does not know: {list_some(unknown)}; "
            f"the model's classes: {', '.join(model_classes)}"
        )
    table = np.array([positions.get(name, -1) for name in classes], dtype=np.int64)
    return replace(split, labels=table[split.labels])


def _find_classes(names: Sequence[str], model_classes: Sequence[str]) -> dict[str, int]:
    """Returns each name that means a class of a model -> the class."""
    exact = {name: index for index, name in enumerate(model_classes)}
    folded = {fold_class(name): index for name, index in exact.items()}
    if len(folded) < len(exact):
        folded = {}  # classes that differ in case only are told apart
    if tuple(model_classes) == FASHION_MNIST_CLASSES:
        folded |= {str(index): index for index in range(len(model_classes))}
    found = {name: exact.get(name, folded.get(fold_class(name))) for name in names}
    return {name: index for name, index in found.items() if index is not None}


def _calibration(
    raw: NDArray[np.float64], labels: NDArray[np.int64], *, after: list[ReliabilityBin]
) -> CalibrationMetrics:
    confidence, correct = raw.max(axis=1), raw.argmax(axis=1) == labels
    return CalibrationMetrics(
        ece_before=calibration_error(confidence, correct),
        nll_before=negative_log_likelihood(raw, labels),
        bins_before=reliability(confidence, correct),
        bins=after,
    )


def _measure_classes(confusion_matrix: NDArray[np.int64]) -> list[ClassMetrics]:
    """Returns precision, recall and F1 by class; precision is 0 where no item is predicted."""
    counts = zip(
        confusion_matrix.diagonal().tolist(),
        confusion_matrix.sum(axis=1).tolist(),
        confusion_matrix.sum(axis=0).tolist(),
        strict=True,
    )
    return [
        ClassMetrics(
            precision=correct / max(predicted, 1) if support or predicted else None,
            recall=correct / support if support else None,
            f1=2 * correct / (support + predicted) if support or predicted else None,
            support=support,
        )
        for correct, support, predicted in counts
    ]


def _automation(
    probabilities: NDArray[np.float64],
    ood_scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    policy: DecisionPolicy,
    name: str,
) -> Automation:
    decisions = decide(probabilities, ood_scores, policy, target_precision=float(name))
    correct = _find_correct(decisions, labels, policy)
    of_class = decisions.decision == Decision.ACCEPT
    of_parent = decisions.decision == Decision.PARENT
    thresholds = policy.thresholds[name]
    whole = _accepted(of_class, correct, thresholds[0])
    predicted = probabilities.argmax(axis=1)
    return Automation(
        coverage=whole.coverage,
        precision=whole.precision,
        threshold=whole.threshold,
        items_needed=policy.items_needed.get(name),
        per_class={
            category: _accepted(
                of_class[predicted == index], correct[predicted == index], (thresholds[0][index],)
            )
            for index, category in enumerate(policy.levels[0].categories)
        },
        parents={
            level.name: _accepted(
                of_parent & (decisions.level == height), correct, thresholds[height]
            )
            for height, level in enumerate(policy.levels)
            if level.name != CLASS_LEVEL
        },
    )


def _find_correct(
    decisions: Decisions, labels: NDArray[np.int64], policy: DecisionPolicy
) -> NDArray[np.bool_]:
    """Returns whether the answer of each decision is correct at its level, (N,)."""
    true = np.array([level.category_of(labels) for level in policy.levels])
    answers: NDArray[np.bool_] = true[decisions.level, np.arange(len(labels))] == decisions.answer
    return answers


def _accepted(
    accepted: NDArray[np.bool_], correct: NDArray[np.bool_], thresholds: Sequence[float | None]
) -> Accepted:
    stored = [threshold for threshold in thresholds if threshold is not None]
    return Accepted(
        coverage=float(accepted.mean()) if len(accepted) else 0.0,
        precision=float(correct[accepted].mean()) if accepted.any() else None,
        threshold=min(stored, default=None),
    )
