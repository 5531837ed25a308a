"""Figures by group of items, such as by supplier: who is served worst, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.evaluation.intervals import wilson
from hangtag.tables.csv_cells import write_csv_rows


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """How often a model is right in one group.

    Attributes:
        name: The group.
        n: Its items.
        accuracy: Share of right ones, 0-1.
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


def write_groups(path: Path, groups: Sequence[GroupFigures]) -> None:
    """Writes groups as CSV, a row each under the names of the figures.

    Raises:
        OutputError: The file cannot be written.
    """
    columns = [one.name for one in fields(GroupFigures)]
    write_csv_rows(path, columns, (asdict(group).values() for group in groups))


def break_down(correct: NDArray[np.bool_], groups: NDArray[np.str_]) -> list[GroupFigures]:
    """Counts by group how many of N items are right, the worst group first.

    The intervals are Wilson's (1927). The worst is the group whose interval ends lowest: one wrong
    item of one is less of a fault than ten wrong of twenty.

    Args:
        correct: Whether the model is right, (N,).
        groups: The group of each item, (N,).
    """
    names, members = np.unique(groups, return_inverse=True)
    counts = np.bincount(members, minlength=len(names))
    right = np.bincount(members, weights=correct, minlength=len(names)).astype(int)
    figures = []
    for name, n, k in zip(names.tolist(), counts.tolist(), right.tolist(), strict=True):
        figures.append(GroupFigures(name, n, k / n, *wilson(k, n)))
    return sorted(figures, key=lambda one: (one.high, one.name))
