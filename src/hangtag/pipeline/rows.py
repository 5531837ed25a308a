"""Rows: one an input, with what the model says of it or why it could not be read."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.policy import Decision
from hangtag.images.items import Input
from hangtag.models.classifier import BATCH, Prediction
from hangtag.tables.columns import Cell, ColumnKind

DIGITS = 6
"""Decimals of a confidence in a row: more would tell of the processor, not of the image."""

OOD_DIGITS = 3
"""Decimals of an OOD score in a row: its value is up to some tens, and single precision."""

ROWS_A_BATCH = 4 * BATCH
"""Inputs that go to the model, and rows that go to the output, at a time."""

Predict = Callable[[NDArray[np.uint8], NDArray[np.bool_]], Sequence[Prediction]]
"""Gives a prediction for each of images (N, H, W) or (N, H, W, C) uint8 of one shape, told which of
them were resized to it (N,), as `Router.predict` does."""

_PREDICTED: Mapping[str, ColumnKind] = {
    "category": "text",
    "confidence": "number",
    "decision": "text",
    "parent": "text",
    "parent_confidence": "number",
    "runner_up": "text",
    "runner_up_confidence": "number",
    "ood_score": "number",
    "model": "text",
}
_FIRST = 8
"""Fields of a prediction that stand before the error; the others stand after it."""


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one input.

    Attributes:
        input: What was read.
        prediction: What the model says; None for an input that could not be read.
        heat_map: The picture that explains it, as the output names it; empty where none was drawn.
    """

    input: Input
    prediction: Prediction | None
    heat_map: str = ""


class Layout:
    """Which columns a table of rows has: those of every row, then those passed through.

    A column that is passed through under a name that is taken gets ``manifest_`` before it.

    Args:
        extras: The columns passed through, in order.
        explained: Whether there is a column for the heat maps.

    Attributes:
        columns: All columns with what they hold, in order.
    """

    def __init__(self, extras: Mapping[str, ColumnKind], *, explained: bool = False) -> None:
        self._extras, self._explained = dict(extras), explained
        predicted = list(_PREDICTED.items())
        self.columns: dict[str, ColumnKind] = {
            "input": "text",
            **dict(predicted[:_FIRST]),
            "error": "text",
            **dict(predicted[_FIRST:]),
        }
        if explained:
            self.columns["heat_map"] = "text"
        for name, kind in extras.items():
            self.columns[self._free(name)] = kind

    def _free(self, name: str) -> str:
        if name not in self.columns:
            return name
        while name in self.columns or name in self._extras:
            name = f"manifest_{name}"
        return name

    @property
    def names(self) -> list[str]:
        """The names of all columns, in order."""
        return list(self.columns)

    def cells(self, row: Row) -> list[Cell]:
        """Returns the cells of a row, in the order of the columns."""
        one, said = row.input, row.prediction
        predicted: list[Cell]
        if said is None:
            predicted = [Decision.ERROR if name == "decision" else None for name in _PREDICTED]
        else:
            predicted = [_to_cell(name, getattr(said, name)) for name in _PREDICTED]
        cells = [one.name, *predicted[:_FIRST], one.error or None, *predicted[_FIRST:]]
        if self._explained:
            cells.append(row.heat_map or None)
        for name, kind in self._extras.items():
            value = one.extras.get(name)
            cells.append(str(value) if kind == "text" and value is not None else value)
        return cells


def predict_rows(predict: Predict, inputs: Iterable[Input]) -> Iterator[list[Row]]:
    """Gives one row for each input, in order, a batch at a time."""
    iterator = iter(inputs)
    while batch := list(itertools.islice(iterator, ROWS_A_BATCH)):
        by_shape: dict[tuple[int, ...], list[tuple[NDArray[np.uint8], bool]]] = {}
        for one in batch:
            if one.pixels is not None:
                by_shape.setdefault(one.pixels.shape, []).append((one.pixels, one.resized))
        said = {
            shape: iter(predict(np.stack([p for p, _ in alike]), np.array([r for _, r in alike])))
            for shape, alike in by_shape.items()
        }
        yield [
            Row(one, None if one.pixels is None else next(said[one.pixels.shape])) for one in batch
        ]


def _to_cell(column: str, value: Cell) -> Cell:
    """Rounds a number; leaves the cell of an empty text empty."""
    if isinstance(value, float):
        return round(value, OOD_DIGITS if column == "ood_score" else DIGITS)
    return value or None
