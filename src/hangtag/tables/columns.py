"""Columns of tables: what their cells hold, and how a column is found by its name."""

from collections.abc import Sequence
from typing import Literal

from hangtag.errors import DataError

Cell = str | int | float | bool | None
"""What a cell of a table holds."""

ColumnKind = Literal["text", "integer", "number", "truth"]
"""What all cells of a column hold, where they are not None."""


def find_column(path: str, columns: Sequence[str], name: str) -> str | None:
    """Returns the column called `name`, an exact match before one in another case, or None.

    Raises:
        DataError: Several columns match in another case and none exactly.
    """
    if name in columns:
        return name
    found = [column for column in columns if column.strip().casefold() == name]
    if len(found) > 1:
        raise DataError(
            f"{path}: the columns '{found[0]}' and '{found[1]}' may both be '{name}'; rename one"
        )
    return found[0] if found else None
