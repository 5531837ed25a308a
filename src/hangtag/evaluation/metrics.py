"""Figures of a model on labelled data, from what it said and what is true."""

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
from hangtag.decisions.policy import CLASS_LEVEL, Decision, Decisions, Rules, decide
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.evaluation.intervals import Intervals, find_intervals

_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Precision, recall and F1 of one class, each in 0-1, and how many items truly have it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Items that a promise accepts.

    Attributes:
        coverage: Share of the items, 0-1.
        precision: Share of right ones among the accepted, 0-1; None when none is accepted.
        threshold: The lowest accepted confidence; None when there is none.
    """

    coverage: float
    precision: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Automation:
    """What a promised precision does.

    Attributes:
        coverage: Share of the items accepted as a class, 0-1.
        precision: Share of right ones among them, 0-1; None when none is accepted.
        threshold: The lowest accepted confidence of any class; None when no class has one.
        needed: Held-out items that would support the promise where these did not; None otherwise.
        per_class: By class, the items that were predicted as it.
        parents: By level above the classes, the items accepted as a parent.
    """

    coverage: float
    precision: float | None
    threshold: float | None
    needed: int | None
    per_class: Mapping[str, Accepted]
    parents: Mapping[str, Accepted]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How true confidence is.

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
    """Errors among the most confident items, by how many are accepted.

    Attributes:
        coverage: Shares of the items accepted, the most confident first, 0-1, rising.
        risk: Share of wrong ones among them, 0-1.
        area: Mean of the risk over all shares (AURC, Geifman and El-Yaniv 2017), 0-1.
    """

    coverage: list[float]
    risk: list[float]
    area: float


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
        balanced_accuracy: Mean recall of the classes that occur as a label, 0-1.
        macro_f1: Mean F1 over the classes that occur as a label or a prediction, 0-1.
        intervals: How sure accuracy and macro F1 are.
        ece: Expected calibration error, 15 bins of equal mass, 0-1.
        classes: Class names by index.
        confusion_matrix: Items by true class (row) and predicted class (column), (K, K).
        per_class: Figures by class name.
        automation: By promised precision ("0.98"), what its thresholds do on these items.
        unknown: Share of the items that the model calls unknown, 0-1.
        calibration: How true confidence is, before and after calibration.
        risk_coverage: Errors by share accepted.
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
    per_class: Mapping[str, ClassFigures]
    automation: Mapping[str, Automation]
    unknown: float
    calibration: Calibration
    risk_coverage: RiskCoverage

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON types."""
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
            "per_class": {name: asdict(figures) for name, figures in self.per_class.items()},
            "automation": {name: asdict(figures) for name, figures in self.automation.items()},
            "unknown": self.unknown,
            "calibration": asdict(self.calibration),
            "risk_coverage": asdict(self.risk_coverage),
        }

    def headline(self) -> str:
        """Returns the main figures in a line, with what the intervals are over."""
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
    strange: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    temperature: float,
    rules: Rules,
    suppliers: NDArray[np.str_] | None = None,
) -> Evaluation:
    """Compares what a model says of N items with their labels (N,) in 0..K-1.

    Args:
        logits: (N, K).
        strange: OodScore, (N,).
        labels: True class indices, (N,).
        temperature: Divides the logits before the softmax, above 0.
        rules: As the model stores them; their first level names the K classes.
        suppliers: Of the items, (N,), where they are known: the intervals are then over them.

    Raises:
        DataError: There is nothing to evaluate, or the shapes do not fit.
    """
    require_extra("report", "evaluating a model")
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    classes = rules.levels[0].categories
    if logits.shape != (len(labels), len(classes)) or not len(labels):
        raise DataError(
            f"cannot evaluate: expected logits (N, {len(classes)}) and labels (N,) with N above 0, "
            f"received {logits.shape} and {labels.shape}"
        )
    probabilities = softmax(logits, temperature=temperature)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = predicted == labels
    indices = np.arange(len(classes))
    rows = precision_recall_fscore_support(labels, predicted, labels=indices, zero_division=0)
    occurring = np.union1d(labels, predicted)
    return Evaluation(
        n=len(labels),
        accuracy=float(correct.mean()),
        loss=negative_log_likelihood(probabilities, labels),
        balanced_accuracy=float(rows[1][np.unique(labels)].mean()),
        macro_f1=float(rows[2][occurring].mean()),
        intervals=find_intervals(labels, predicted, suppliers),
        ece=calibration_error(confidence, correct),
        classes=classes,
        confusion_matrix=confusion_matrix(labels, predicted, labels=indices).astype(np.int64),
        per_class={
            name: ClassFigures(float(p), float(r), float(f1), int(support))
            for name, p, r, f1, support in zip(classes, *rows, strict=True)
        },
        automation={
            name: _automation(probabilities, strange, labels, rules, name)
            for name in rules.thresholds
        },
        unknown=float((strange > rules.limit).mean()),
        calibration=_calibration(softmax(logits), labels, after=reliability(confidence, correct)),
        risk_coverage=measure_risk(confidence, correct),
    )


def measure_risk(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> RiskCoverage:
    """Measures errors by share accepted for items with `confidence` (N,), `correct` (N,) or not.

    The area is that of all N shares; the curve has at most 200 of them.
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


def _calibration(
    raw: NDArray[np.float64], labels: NDArray[np.int64], *, after: list[ReliabilityBin]
) -> Calibration:
    confidence, correct = raw.max(axis=1), raw.argmax(axis=1) == labels
    return Calibration(
        ece_before=calibration_error(confidence, correct),
        nll_before=negative_log_likelihood(raw, labels),
        bins_before=reliability(confidence, correct),
        bins=after,
    )


def _automation(
    probabilities: NDArray[np.float64],
    strange: NDArray[np.floating],
    labels: NDArray[np.int64],
    rules: Rules,
    name: str,
) -> Automation:
    decisions = decide(probabilities, strange, rules, precision=float(name))
    right = _find_right(decisions, labels, rules)
    taken = np.isin(decisions.decision, [Decision.ACCEPT, Decision.PARENT])
    of_levels = {
        level.name: _accepted(taken & (decisions.level == height), right, thresholds)
        for height, (level, thresholds) in enumerate(
            zip(rules.levels, rules.thresholds[name], strict=True)
        )
    }
    own = of_levels.pop(CLASS_LEVEL)
    predicted = probabilities.argmax(axis=1)
    return Automation(
        coverage=own.coverage,
        precision=own.precision,
        threshold=own.threshold,
        needed=rules.needed.get(name),
        per_class={
            category: _accepted(
                (taken & (decisions.level == 0))[predicted == index],
                right[predicted == index],
                (rules.thresholds[name][0][index],),
            )
            for index, category in enumerate(rules.levels[0].categories)
        },
        parents=of_levels,
    )


def _find_right(decisions: Decisions, labels: NDArray[np.int64], rules: Rules) -> NDArray[np.bool_]:
    """Returns whether the answer of each decision is right at its level, (N,)."""
    true = np.array([level.category_of(labels) for level in rules.levels])
    right: NDArray[np.bool_] = true[decisions.level, np.arange(len(labels))] == decisions.answer
    return right


def _accepted(
    taken: NDArray[np.bool_], right: NDArray[np.bool_], thresholds: Sequence[float | None]
) -> Accepted:
    stored = [one for one in thresholds if one is not None]
    return Accepted(
        coverage=float(taken.mean()) if len(taken) else 0.0,
        precision=float(right[taken].mean()) if taken.any() else None,
        threshold=min(stored, default=None),
    )
