"""The list of images that were left out because they cannot be read."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hangtag.catalogue.items import Broken
from hangtag.files import write_text

BROKEN = "broken.csv"
"""What the list is called in a run folder or beside a report."""


def write_broken(path: Path, broken: Sequence[Broken]) -> None:
    """Writes the list as CSV with the columns ``id`` and ``reason``.

    Raises:
        OutputError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "reason"])
    writer.writerows([one.id, one.reason] for one in broken)
    write_text(path, text.getvalue())
