"""What a model saw under each word of each brand, kept in memory that does not grow with items.

A group is a word of a brand. Of each group the items are sorted into cells by what the model said
(its first and second class, how sure it was, whether the item was strange); a cell holds their
number and the sum of their probabilities. A group of a million items fills no more cells than one
of a thousand, and the posterior of `dictionary` needs nothing else.

Letters: N items, K classes, M cells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EDGES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999])
"""Where cells end, by the probability of the first class."""

_KINDS = 2 * (len(_EDGES) + 1)
_FIRST_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model saw of one group.

    Attributes:
        counts: Items by cell, (M,).
        strange: Whether the items of the cell are strange, (M,).
        probabilities: Their mean calibrated probabilities, (M, K).
        taken: How often the model takes each class for granted, (K,), summing to 1.
    """

    counts: NDArray[np.float64]
    strange: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    taken: NDArray[np.float64]

    @property
    def n(self) -> int:
        """How many items there are."""
        return int(self.counts.sum())


class EvidenceTable:
    """Gathers the evidence of all groups.

    Args:
        taken: How often the model takes each class for granted, (K,), summing to 1.
    """

    def __init__(self, taken: NDArray[np.float64]) -> None:
        self._taken = taken
        self._classes = classes = len(taken)
        self._rows: dict[int, int] = {}
        self._counts = np.zeros(_FIRST_ROWS)
        self._sums = np.zeros((_FIRST_ROWS, classes))

    def add(
        self,
        groups: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        strange: NDArray[np.bool_],
    ) -> None:
        """Adds items of `groups` (N,) with calibrated probabilities (N, K)."""
        keys, cell_of = np.unique(
            self._find_cells(groups, probabilities, strange), return_inverse=True
        )
        rows = np.array([self._find_row(int(key)) for key in keys], dtype=np.intp)[cell_of]
        np.add.at(self._counts, rows, 1)
        np.add.at(self._sums, rows, probabilities)

    def by_group(self) -> dict[int, Evidence]:
        """Returns the evidence of each group that has items."""
        keys = np.array(sorted(self._rows), dtype=np.int64)
        rows = np.array([self._rows[int(key)] for key in keys], dtype=np.intp)
        groups, strange = self._read_keys(keys)
        found = {}
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        for part in np.split(np.arange(len(keys)), starts[1:]):
            if len(part):
                counts = self._counts[rows[part]]
                means = self._sums[rows[part]] / counts[:, None]
                found[int(groups[part[0]])] = Evidence(counts, strange[part], means, self._taken)
        return found

    def _find_cells(
        self,
        groups: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        strange: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        first = order[:, 0]
        second = order[:, min(1, self._classes - 1)]
        best = probabilities[np.arange(len(first)), first]
        kinds = 2 * np.searchsorted(_EDGES, best, side="right") + strange
        cells: NDArray[np.int64] = (
            (groups * self._classes + first) * self._classes + second
        ) * _KINDS + kinds
        return cells

    def _read_keys(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        return keys // (self._classes**2 * _KINDS), keys % 2 == 1

    def _find_row(self, key: int) -> int:
        row = self._rows.setdefault(key, len(self._rows))
        if row == len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        return row
