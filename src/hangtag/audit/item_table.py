"""What an audit found of each item, on disk: ``items.parquet``, in the order of the feed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hangtag.errors import DataError
from hangtag.tables.columns import ColumnKind

COLUMNS: dict[str, ColumnKind] = {
    "id": "text",
    "supplier": "text",
    "label": "text",
    "category": "text",
    "category_id": "text",
    "score": "number",
    "state": "text",
    "judged_as": "text",
}
"""Of each item with a label and a readable image: its likeliest category given its word, the
probability that its label is wrong, its state, and the ids of what its word was taken to mean."""


class State(StrEnum):
    """What is known of an item."""

    FINE = "fine"
    """The image does not contradict the label."""
    SURE = "sure"
    """Nor is there doubt which of the categories of the word it is."""
    ISSUE = "issue"
    """The image contradicts the label."""
    CORRECTION = "correction"
    """It does so surely enough to correct the label without a person."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A row of the table; the fields are its columns of the same names."""

    id: str
    supplier: str
    category: str
    category_id: str
    state: State
    judged_as: str


def read_item_table(path: Path) -> Iterator[StoredItem]:
    """Gives the rows in order.

    Raises:
        DataError: It is not such a table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not path.is_file():
        raise DataError(
            f"{path.parent} holds no audit: there is no {path.name} in it; give the --out folder "
            "of hangtag audit"
        )
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(COLUMNS), use_threads=False):
                for row in batch.to_pylist():
                    yield StoredItem(
                        row["id"],
                        row["supplier"],
                        row["category"],
                        row["category_id"],
                        State(row["state"]),
                        row["judged_as"],
                    )
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is not what hangtag audit writes: {reason[:120]}; audit the feed again"
        ) from error
