"""Records: rows of one dataclass, convertible to dictionaries and to a pandas table."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pandas import DataFrame

    RowT = TypeVar("RowT", bound=DataclassInstance)
else:
    RowT = TypeVar("RowT")


class Records(Sequence[RowT], Generic[RowT]):
    """A sequence of rows of one dataclass, whose fields are the columns.

    Args:
        kind: The dataclass.
        rows: Its instances.
    """

    def __init__(self, kind: type[RowT], rows: Sequence[RowT]) -> None:
        self._kind, self._rows = kind, tuple(rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(field.name for field in fields(self._kind))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> RowT: ...

    @overload
    def __getitem__(self, index: slice) -> "Records[RowT]": ...

    def __getitem__(self, index: int | slice) -> "RowT | Records[RowT]":
        if isinstance(index, slice):
            return Records(self._kind, self._rows[index])
        return self._rows[index]

    def __repr__(self) -> str:
        return f"Records({len(self)} x {self._kind.__name__})"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns the rows as dictionaries, column -> value."""
        return [asdict(row) for row in self._rows]

    def to_pandas(self) -> "DataFrame":
        """Returns the rows as a pandas table.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(self.to_dicts(), columns=list(self.columns))
