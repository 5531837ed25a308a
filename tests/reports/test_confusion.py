"""The confusion matrix and the pictures of confused classes."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.datasets import Split
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports.confusion import (
    draw_confusion_matrix,
    draw_confusion_panel,
    pick_confused_pairs,
    row_percent,
)
from tests.tiny import evaluate_probabilities

Decode = Callable[[bytes], NDArray[np.uint8]]


def test_row_percent_by_hand() -> None:
    matrix = np.array([[3, 1, 0], [0, 0, 0], [5, 5, 10]])
    expected = [[75, 25, 0], [0, 0, 0], [25, 25, 50]]
    np.testing.assert_allclose(row_percent(matrix), expected)


@pytest.mark.parametrize("classes", [2, 30, 70])
def test_any_number_of_classes_can_be_drawn(classes: int, pixels_of: Decode) -> None:
    labels = np.arange(classes)
    evaluation = evaluate_probabilities(
        np.eye(classes), labels, classes=tuple(f"class {k}" for k in labels), thresholds={}
    )
    png = draw_confusion_matrix(evaluation)
    height, width, _ = pixels_of(png).shape
    assert height < width < 6_000
    assert pixels_of(png).std() > 5


def test_counts_and_percent_differ_and_repeat() -> None:
    evaluation = evaluate_probabilities(
        np.eye(2)[[0, 1, 1]], np.array([0, 0, 1]), classes=("a", "b"), thresholds={}
    )
    counts = draw_confusion_panel(evaluation, "counts")
    assert counts != draw_confusion_panel(evaluation, "percent")
    assert counts == draw_confusion_panel(evaluation, "counts")


def test_mistakes_stand_beside_what_they_were_taken_for(
    hostile_evaluation: tuple[Evaluation, Split, NDArray[np.float64]],
) -> None:
    evaluation, split, probabilities = hostile_evaluation
    (pair,) = pick_confused_pairs(evaluation, split, probabilities)
    assert (pair.confusion.true, pair.confusion.count) == (evaluation.classes[1], 2)
    assert [shown.id for shown in pair.mistakes] == ["<i>2</i>", "<i>1</i>"]
    assert [shown.id for shown in pair.typical] == ["<i>0</i>"]
    assert pair.typical[0].correct
    assert {shown.predicted for shown in (*pair.mistakes, *pair.typical)} == {evaluation.classes[0]}
