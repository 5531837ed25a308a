"""The list of images that were left out because they cannot be read."""

from collections.abc import Sequence
from pathlib import Path

from hangtag.datasets.dataset import Broken
from hangtag.tables.csv_cells import write_csv_rows

BROKEN = "broken.csv"
"""What the list is called in a run folder or beside a report."""


def write_broken(path: Path, broken: Sequence[Broken]) -> None:
    """Writes the list as CSV with the columns ``id`` and ``reason``.

    Raises:
        OutputError: The file cannot be written.
    """
    write_csv_rows(path, ["id", "reason"], ([one.id, one.reason] for one in broken))
