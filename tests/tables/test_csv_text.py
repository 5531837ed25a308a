"""Tables as people send them: separators, encodings, damage."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import load_dataset
from hangtag.errors import DataError
from hangtag.readers import open_source
from hangtag.tables.csv_text import find_encoding, inspect_csv, open_csv_rows, read_header
from tests.datasets.tiny_datasets import read_here
from tests.readers.reading import decode_all

HEADER = ("Größe", "Image", "label")
ROWS = [["XL", "ä.png", "Röcke; Kleider"], ["M", "b, c.png", "T-Shirt | Top"]]
FORMS = [
    (separator, encoding)
    for separator in ",;\t|"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252")
]


def write_table(path: Path, separator: str, encoding: str) -> Path:
    lines = [separator.join(f'"{cell}"' for cell in row) for row in (HEADER, *ROWS)]
    content = "\r\n".join(lines).encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["feed.csv", "feed.csv.gz"])
@pytest.mark.parametrize(("separator", "encoding"), FORMS)
def test_any_form_reads_alike(tmp_path: Path, name: str, separator: str, encoding: str) -> None:
    path = write_table(tmp_path / name, separator, encoding)
    form = inspect_csv(path, "image")
    assert form.header == HEADER
    assert read_header(path, "image") == list(HEADER)
    with open_csv_rows(path, form) as rows:
        assert [row.cells for row in rows] == ROWS
    assert ("Windows-1252" in form.note(path)) == (encoding == "cp1252")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_training_and_prediction_read_the_same_table(tmp_path: Path, encoding: str) -> None:
    path = write_table(tmp_path / "feed.csv", ";", encoding)
    for value, row in enumerate(ROWS):
        Image.fromarray(np.full((28, 28), value, np.uint8)).save(tmp_path / row[1])
    dataset, inputs = read_here(path), open_source(path)
    assert dataset.classes == ("Röcke; Kleider", "T-Shirt | Top")
    read = decode_all(inputs)
    assert [record.extras["label"] for record in read] == [row[2] for row in ROWS]
    assert not any(record.error for record in read)
    noted = any("Windows-1252" in record for record in dataset.notices)
    assert noted == bool(inputs.notes) == (encoding == "cp1252")


def test_utf8_with_damage_is_not_taken_for_windows_1252(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("image,label\nä.png,Röcke\n".encode() + b"b.png,\xff\n")
    assert find_encoding(path) == "utf-8-sig"
    with pytest.raises(DataError, match="line 3: expected text in UTF-8"):
        read_here(path)
    path.write_bytes(b"image,label\nb.png,R\xf6cke")
    assert find_encoding(path) == "cp1252"
    path.write_bytes(b"image,label\nb.png,Caf\xc3")
    assert find_encoding(path) == "cp1252", "a sequence that is cut off is no UTF-8 either"


def test_only_the_beginning_is_looked_at_for_names(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"image,label\n" + b"a.png,Shirt\n" * 200_000 + b"a.png,R\xf6cke\n")
    assert find_encoding(path, most=1 << 20) == "utf-8-sig"
    assert find_encoding(path) == "cp1252"


def test_spreadsheets_are_told_from_tables(tmp_path: Path) -> None:
    path = tmp_path / "feed.XLSX"
    path.write_bytes(b"PK")
    for read in (lambda: load_dataset(path), lambda: open_source(path)):
        with pytest.raises(DataError, match="save its sheet as CSV"):
            read()


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    with pytest.raises(DataError, match="check that it is the right file"):
        read_header(path)
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="is an empty gzip file"):
        inspect_csv(path, "image")
