"""The figures of a model are right, by hand and against scikit-learn."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, classification_report, log_loss

from hangtag.datasets import Split
from hangtag.decisions.policy import DecisionPolicy, build_levels
from hangtag.errors import DataError
from hangtag.evaluation.metrics import ClassMetrics, align_split, evaluate, measure_risk
from tests.tiny import evaluate_probabilities

CLASSES = ("a", "b", "c")


def test_figures_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], 300)
    labels = random.integers(0, 3, 300)
    figures = evaluate_probabilities(
        probabilities, labels, classes=CLASSES, thresholds={"0.95": 0.7}
    )
    predicted = probabilities.argmax(axis=1)
    assert figures.accuracy == accuracy_score(labels, predicted)
    assert figures.loss == pytest.approx(log_loss(labels, probabilities))
    report = classification_report(labels, predicted, target_names=CLASSES, output_dict=True)
    assert figures.macro_f1 == pytest.approx(report["macro avg"]["f1-score"])
    for name in CLASSES:
        assert figures.per_class[name].recall == pytest.approx(report[name]["recall"])
        assert figures.per_class[name].support == report[name]["support"]
    accepted = probabilities.max(axis=1) >= 0.7
    assert figures.automation["0.95"].coverage == pytest.approx(accepted.mean())
    assert figures.confusion_matrix.sum() == figures.n == 300


def test_confusions_in_words_worst_first() -> None:
    # Three a taken for b, one c taken for a, the rest right.
    predicted = np.array([1, 1, 1, 0, 1, 0])
    labels = np.array([0, 0, 0, 0, 1, 2])
    probabilities = np.eye(3)[predicted]
    figures = evaluate_probabilities(
        probabilities, labels, classes=CLASSES, thresholds={"0.98": None}
    )
    assert [str(confusion) for confusion in figures.worst_confusions()] == [
        "a -> b: 3",
        "c -> a: 1",
    ]
    assert figures.automation["0.98"].coverage == 0
    assert figures.automation["0.98"].precision is None
    json.dumps(figures.to_json(), allow_nan=False)


def test_a_class_without_items_has_no_figures_and_counts_in_no_mean() -> None:
    labels = np.array([0, 1])
    figures = evaluate_probabilities(np.eye(3)[[0, 1]], labels, classes=CLASSES, thresholds={})
    assert figures.per_class["c"] == ClassMetrics(None, None, None, support=0)
    assert figures.macro_f1 == 1
    assert figures.accuracy == 1
    assert figures.to_json()["per_class"]["c"]["recall"] is None


def test_a_class_without_items_that_is_predicted_has_no_recall() -> None:
    labels = np.array([0, 1, 1])
    figures = evaluate_probabilities(np.eye(3)[[0, 1, 2]], labels, classes=CLASSES, thresholds={})
    assert figures.per_class["c"] == ClassMetrics(precision=0, recall=None, f1=0, support=0)
    assert figures.balanced_accuracy == 0.75
    assert figures.macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)


@pytest.mark.parametrize("shape", [(0, 3), (2, 2), (3, 3)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, int]) -> None:
    labels = np.zeros(0 if shape[0] == 0 else 2, dtype=np.int64)
    with pytest.raises(DataError, match="cannot evaluate"):
        evaluate_probabilities(np.ones(shape), labels, classes=CLASSES, thresholds={})


def align(labels: list[int], classes: tuple[str, ...]) -> list[int]:
    count = len(labels)
    split = Split(np.zeros((count, 2, 2), np.uint8), np.array(labels), np.array(["id"] * count))
    aligned: list[int] = align_split(split, classes=classes, model_classes=CLASSES).labels.tolist()
    return aligned


def test_labels_are_aligned_by_name() -> None:
    assert align([0, 1, 1], ("c", "a")) == [2, 0, 0]


def test_only_labels_that_occur_must_be_known() -> None:
    assert align([1, 1], ("x", "a")) == [0, 0]
    with pytest.raises(DataError, match="does not know: x"):
        align([0], ("x", "a"))


def test_risk_and_coverage_by_hand() -> None:
    # The most confident first: right, right, wrong, right.
    curve = measure_risk(np.array([0.5, 0.9, 0.8, 0.7]), np.array([True, True, True, False]))
    assert curve.coverage == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)


def test_a_random_order_has_the_error_rate_as_area_and_a_perfect_one_less() -> None:
    random = np.random.default_rng(0)
    correct = random.random(20_000) < 0.8
    assert measure_risk(random.random(20_000), correct).area == pytest.approx(0.2, abs=0.02)
    # Errors last: the area is e + (1 - e) log(1 - e) for an error rate of e (Geifman et al. 2019).
    e = 1 - correct.mean()
    assert measure_risk(correct.astype(float), correct).area == pytest.approx(
        e + (1 - e) * np.log(1 - e), abs=1e-3
    )


def test_automation_with_parents_and_unknown_by_hand() -> None:
    levels = build_levels(CLASSES, (("ab",), ("ab",), ("c only",)), names=("group",))
    policy = DecisionPolicy(
        levels=levels, thresholds={"0.98": ((0.8,) * 3, (0.9,))}, items_needed={}, ood_threshold=1.0
    )
    probabilities = np.array(
        [[0.85, 0.1, 0.05], [0.5, 0.45, 0.05], [0.5, 0.45, 0.05], [0.5, 0.1, 0.4], [0.0, 0.0, 1.0]]
    )
    labels = np.array([0, 1, 2, 0, 2])
    ood_scores = np.array([0, 0, 0, 0, 2.0])

    figures = evaluate(
        np.log(probabilities + 1e-12).astype(np.float32),
        ood_scores,
        labels,
        temperature=1.0,
        policy=policy,
    )

    automation = figures.automation["0.98"]
    assert (automation.coverage, automation.precision) == (0.2, 1.0)
    group = automation.parents["group"]
    assert (group.coverage, group.precision) == (0.4, 0.5), "b is in ab, c is not"
    assert automation.per_class["a"].coverage == 0.25, "one of four that look like a"
    assert figures.unknown == 0.2
