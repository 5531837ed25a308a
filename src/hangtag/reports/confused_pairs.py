"""Confusions in pictures: mistakes beside what the model took them for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.evaluation.metrics import Confusion, Evaluation
from hangtag.reports.galleries import Exhibit, exhibit

_MISTAKES, _TYPICAL = 3, 3
"""Pictures on either side of a confusion."""


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that the model confuses.

    Attributes:
        confusion: Which, and how often.
        mistakes: Images of the true class that it took for the other, the surest first.
        typical: Images of that other class that it is right about, the surest first.
    """

    confusion: Confusion
    mistakes: list[Exhibit]
    typical: list[Exhibit]


def pick_confused_pairs(
    evaluation: Evaluation, split: Split, probabilities: NDArray[np.float64], *, count: int = 6
) -> list[ConfusedPair]:
    """Picks the images of the `count` most frequent confusions in probabilities (N, K)."""
    predicted = probabilities.argmax(axis=1)
    index = {name: label for label, name in enumerate(evaluation.classes)}

    def pick(true: int, taken: int, most: int) -> list[Exhibit]:
        members = np.flatnonzero((split.labels == true) & (predicted == taken))
        surest = np.argsort(-probabilities[members, taken], kind="stable")[:most]
        return exhibit(split, probabilities, evaluation.classes, members[surest])

    return [
        ConfusedPair(
            confusion,
            pick(index[confusion.true], index[confusion.predicted], _MISTAKES),
            pick(index[confusion.predicted], index[confusion.predicted], _TYPICAL),
        )
        for confusion in evaluation.worst_confusions(count)
    ]
