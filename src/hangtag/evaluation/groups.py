"""Accuracy by group of items, such as by supplier. The list starts with the worst group."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.evaluation.intervals import wilson
from hangtag.tables.csv_cells import write_csv_rows


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """Accuracy in one group.

    Attributes:
        name: The group.
        n: Its items.
        accuracy: Fraction of correct items, 0-1.
        low: Lower end of the 95 % interval of the accuracy, 0-1.
        high: Upper end of it.
    """

    name: str
    n: int
    accuracy: float
    low: float
    high: float

    def to_json(self) -> Mapping[str, Any]:
        """Returns the figures as plain JSON types."""
        return asdict(self)


def write_groups(path: Path, groups: Sequence[GroupMetrics]) -> None:
    """Writes groups as CSV, one row each.

    Raises:
        OutputError: The file cannot be written.
    """
    columns = [field.name for field in fields(GroupMetrics)]
    write_csv_rows(path, columns, (asdict(group).values() for group in groups))


def break_down(correct: NDArray[np.bool_], groups: NDArray[np.str_]) -> list[GroupMetrics]:
    """Returns the accuracy of each group, the worst first.

    The intervals are Wilson's (1927). Groups are sorted by the upper end of their interval, because
    ten wrong items of twenty say more than one wrong item of one.

    Args:
        correct: Whether the prediction is correct, (N,).
        groups: The group of each item, (N,).
    """
    names, members = np.unique(groups, return_inverse=True)
    counts = np.bincount(members, minlength=len(names))
    right = np.bincount(members, weights=correct, minlength=len(names)).astype(int)
    figures = []
    for name, n, k in zip(names.tolist(), counts.tolist(), right.tolist(), strict=True):
        figures.append(GroupMetrics(name, n, k / n, *wilson(k, n)))
    return sorted(figures, key=lambda group: (group.high, group.name))
