"""Where a model looked at its surest mistakes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.datasets import Split
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports.heat_maps import tint
from hangtag.reports.looks import look_at_mistakes

Evaluated = tuple[Evaluation, Split, NDArray[np.float64]]


def explain(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], str]:
    """A model that looks at the upper half."""
    heat = np.zeros(image.shape[:2])
    heat[: len(heat) // 2] = 2.0
    return heat, "a"


def test_the_surest_mistakes_are_explained(hostile_evaluation: Evaluated) -> None:
    evaluation, split, probabilities = hostile_evaluation
    looks = look_at_mistakes(split, probabilities, evaluation.classes, explain)
    assert [look.exhibit.id for look in looks] == ["<i>2</i>", "<i>1</i>"]
    assert all(min(look.tinted.shape[:2]) >= 168 for look in looks)


def test_when_time_is_up_no_further_one_is_begun(hostile_evaluation: Evaluated) -> None:
    evaluation, split, probabilities = hostile_evaluation
    assert len(look_at_mistakes(split, probabilities, evaluation.classes, explain, seconds=0)) == 1


@pytest.mark.parametrize("shape", [(28, 28), (224, 200, 3)])
def test_heat_is_red_where_it_speaks_for_the_class(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 128, np.uint8)
    heat, _ = explain(image)
    heat[-len(heat) // 4 :] = -2.0
    tinted = tint(image, heat, least=168).astype(int)
    assert min(tinted.shape[:2]) >= 168
    middle = tinted[:, tinted.shape[1] // 2]
    for row, red in ((0, 1), (-1, -1)):
        assert np.sign(middle[row, 0] - middle[row, 2]) == red
    between = middle[int(0.62 * len(middle))]
    assert np.ptp(between) < 12
