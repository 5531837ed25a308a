"""Feeds as brands send them: whatever the file, the same rows."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from hangtag.audit.feed import open_feed
from hangtag.inputs import ImageFile

TABLE = pd.DataFrame(
    {
        "Image": ["a.jpg", "b.jpg"],
        "ID": ["007", "8"],
        " Supplier": ["Größe & Co", "Café"],
        "LABEL": ["Hüte", "Schals; Tücher"],
        "price": ["9,90", "5"],
    }
)

WRITERS: dict[str, Callable[[Path], object]] = {
    "feed.csv": lambda path: TABLE.to_csv(path, index=False),
    "semicolons.csv": lambda path: TABLE.to_csv(path, index=False, sep=";"),
    "tabs.tsv": lambda path: TABLE.to_csv(path, index=False, sep="\t"),
    "utf-16.txt": lambda path: TABLE.to_csv(path, index=False, sep="\t", encoding="utf-16"),
    "windows.csv": lambda path: TABLE.to_csv(path, index=False, sep="|", encoding="cp1252"),
    "feed.csv.gz": lambda path: TABLE.to_csv(path, index=False),
    "feed.parquet": lambda path: TABLE.to_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_the_same_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    feed = open_feed(str(tmp_path / name))
    rows = list(feed.read_rows())
    assert [(row.id, row.supplier, row.label) for row in rows] == [
        ("007", "Größe & Co", "Hüte"),
        ("8", "Café", "Schals; Tücher"),
    ]
    assert [row.cells["price"] for row in rows] == ["9,90", "5"]
    assert list(feed.source.read((1, 1))) == [
        ImageFile(str(tmp_path / image), row.cells)
        for image, row in zip(TABLE["Image"], rows, strict=True)
    ]
