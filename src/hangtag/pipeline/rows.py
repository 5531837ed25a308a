"""Prediction rows, one for each image, and the columns in which they are written."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.policy import Decision
from hangtag.errors import ImageError
from hangtag.images.mending import Damage
from hangtag.models.predictions import COLUMNS, Prediction
from hangtag.readers import Record
from hangtag.tables.columns import Cell, ColumnKind

DIGITS = 6
"""Decimals of a confidence in a row: more would tell of the processor, not of the image."""

OOD_DIGITS = 3
"""Decimals of an OOD score in a row: its value is up to some tens, and single precision."""


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """The result for one image.

    Attributes:
        record: The image and what its source says about it.
        prediction: The prediction; None where the image could not be read.
        error: Why it could not be read.
        pixels: What the model looked at, (H, W) or (H, W, 3) uint8; None with an error.
        resized: Whether the image had another size.
        damage: What was wrong with its file, though no pixel is missing.
        saliency_map: The picture that explains the prediction, as the output names it; empty where
            none was drawn.
    """

    record: Record
    prediction: Prediction | None
    error: ImageError | None = None
    pixels: NDArray[np.uint8] | None = None
    resized: bool = False
    damage: Damage | None = None
    saliency_map: str = ""


class Layout:
    """The columns of a table of rows: those of every row, then those passed through.

    A column that is passed through under a name that is taken gets ``table_`` before it.

    Args:
        extras: The columns passed through, in order.
        explained: Whether there is a column for the saliency maps.

    Attributes:
        columns: All columns with what they hold, in order.
    """

    def __init__(
        self, extras: Mapping[str, ColumnKind] | None = None, *, explained: bool = False
    ) -> None:
        self._extras, self._explained = dict(extras or {}), explained
        self.columns: dict[str, ColumnKind] = dict(COLUMNS)
        if explained:
            self.columns["saliency_map"] = "text"
        for name, kind in self._extras.items():
            self.columns[self._find_free_name(name)] = kind

    @property
    def names(self) -> list[str]:
        """The names of all columns, in order."""
        return list(self.columns)

    def cells(self, row: PredictionRow) -> list[Cell]:
        """Returns the cells of a row, in the order of the columns."""
        cells = [_read_cell(row, name) for name in COLUMNS]
        if self._explained:
            cells.append(row.saliency_map or None)
        for name, kind in self._extras.items():
            value = row.record.extras.get(name)
            cells.append(str(value) if kind == "text" and value is not None else value)
        return cells

    def _find_free_name(self, name: str) -> str:
        if name not in self.columns:
            return name
        while name in self.columns or name in self._extras:
            name = f"table_{name}"
        return name


def _read_cell(row: PredictionRow, column: str) -> Cell:
    """Returns the cell of a row in a column: numbers are rounded, an empty text is no cell."""
    if column == "input":
        return row.record.name
    if column == "error":
        return None if row.error is None else str(row.error)
    if row.prediction is None:
        return Decision.ERROR if column == "decision" else None
    value: Cell = getattr(row.prediction, column)
    if isinstance(value, float):
        return round(value, OOD_DIGITS if column == "ood_score" else DIGITS)
    return value or None
