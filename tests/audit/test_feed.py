"""Feeds as brands send them: whatever the file, the same rows."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from hangtag.audit.feed import choose_model, open_feed
from hangtag.errors import DataError

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
    assert [row.image for row in rows] == list(TABLE["Image"])
    records = list(feed.table)
    assert [record.image for record in records] == [str(tmp_path / row.image) for row in rows]
    assert [record.extras for record in records] == [row.cells for row in rows]


@pytest.mark.parametrize("name", ["feed.csv", "feed.parquet"])
def test_a_table_without_images_is_told_its_columns(tmp_path: Path, name: str) -> None:
    table = TABLE.drop(columns=["Image"])
    if name.endswith("csv"):
        table.to_csv(tmp_path / name, index=False)
        message = "expected the column 'image' .* received 'ID,  Supplier, LABEL, price'"
    else:
        table.to_parquet(tmp_path / name)
        message = "the column 'image' is missing"
    with pytest.raises(DataError, match=message):
        open_feed(str(tmp_path / name))


@pytest.mark.parametrize(
    ("size", "model"), [((28, 28), "fashion-mnist"), ((80, 100), "clothing-photos"), (None, None)]
)
def test_photos_are_judged_by_the_model_of_photos(
    tmp_path: Path, size: tuple[int, int] | None, model: str | None
) -> None:
    WRITERS["feed.csv"](tmp_path / "feed.csv")
    if size:
        Image.new("RGB", size).save(tmp_path / "b.jpg")  # a.jpg is missing
    assert choose_model(open_feed(str(tmp_path / "feed.csv"))) == (model or "fashion-mnist")
