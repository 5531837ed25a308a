"""Which pictures stand on either side of a confusion."""

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import Split
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports.confused_pairs import pick_confused_pairs


def test_mistakes_stand_beside_what_they_were_taken_for(
    hostile_evaluation: tuple[Evaluation, Split, NDArray[np.float64]],
) -> None:
    evaluation, split, probabilities = hostile_evaluation
    (pair,) = pick_confused_pairs(evaluation, split, probabilities)
    assert (pair.confusion.true, pair.confusion.count) == (evaluation.classes[1], 2)
    assert [one.id for one in pair.mistakes] == ["<i>2</i>", "<i>1</i>"]
    assert [one.id for one in pair.typical] == ["<i>0</i>"]
    assert pair.typical[0].correct
    assert {one.predicted for one in (*pair.mistakes, *pair.typical)} == {evaluation.classes[0]}
