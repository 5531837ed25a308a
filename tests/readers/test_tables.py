"""Tables: rows name images, cells pass through, bad rows are recorded."""

import csv
import gzip
import io
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from hangtag.errors import DataError
from hangtag.readers import open_source
from tests.readers.reading import assert_pixels, make_pixels, read_all, write_png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images in a folder of their own."""
    for name, pixels in zip(("a.png", "ü b.png"), make_pixels(2), strict=True):
        write_png(tmp_path / "images" / name, pixels)
    return tmp_path


@pytest.mark.parametrize("name", ["feed.csv", "feed.csv.gz"])
def test_csv_cells_pass_through_as_they_are(folder: Path, name: str) -> None:
    rows = [
        ["sku", "image", "label", "note"],
        ["007", "images/a.png", "Coat", 'say "hi",\nthere'],
        ["", str(folder / "images" / "ü b.png"), "", "=1+1"],
        ["3", "images/gone.png", "Bag", "-5"],
        ["4", "", "Bag", ""],
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    content = text.getvalue().encode("utf-8-sig")
    (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    read = read_all(folder / name)
    assert_pixels(read[:2], make_pixels(2))
    assert [item.error_kind for item in read[2:]] == ["missing", "missing"]
    assert [list(item.extras.values()) for item in read] == rows[1:]
    assert read[0].name == f"{folder}/images/a.png"
    assert f"{folder / name}, row 4: the column 'image' is empty" in read[3].error


@pytest.mark.parametrize("name", ["feed.csv", "feed.parquet"])
def test_the_column_of_images_may_be_in_any_case(folder: Path, name: str) -> None:
    table = pd.DataFrame({"SKU": ["1", "2"], " Image": ["images/a.png", "images/ü b.png"]})
    if name.endswith("csv"):
        table.to_csv(folder / name, index=False)
    else:
        table.to_parquet(folder / name)
    read = read_all(folder / name)
    assert_pixels(read, make_pixels(2))
    assert list(read[0].extras) == ["SKU", " Image"]


def test_addresses_and_lists_are_told(folder: Path) -> None:
    (folder / "web.csv").write_text("image\nhttps://example.org/a.jpg\n")
    (item,) = read_all(folder / "web.csv")
    assert "addresses are not fetched" in item.error
    (folder / "list.txt").write_text("images/a.png\n")
    for argument, message in (
        ("https://example.org/a.jpg", "addresses are not fetched"),
        (str(folder / "list.txt"), "hangtag predict - < "),
    ):
        with pytest.raises(DataError, match=message):
            open_source([argument])


def test_rows_that_are_no_rows_are_recorded(folder: Path) -> None:
    (folder / "feed.csv").write_bytes(
        b'image,sku\nimages/a.png,1\nimages/a.png\n\nimages/a.png,1,2\n"a"b,1\nimages/a.png,\xff\n'
        b"images/\xc3\xbc b.png,2\n"
    )
    read = read_all(folder / "feed.csv")
    assert [item.error_kind for item in read] == ["", "damaged", "damaged", "damaged", "", ""]
    assert "feed.csv, line 3: expected 2 cells, received 1" in read[1].error
    assert read[4].extras["sku"] == r"\xff"


def test_parquet_keeps_numbers_and_truths(folder: Path) -> None:
    table = pa.table(
        {
            "image": ["images/a.png", "images/ü b.png", None],
            "n": pa.array([1, None, 3], pa.int16()),
            "price": pa.array([0.5, None, 2], pa.float32()),
            "new": [True, None, False],
            "day": [date(2026, 1, 2), None, date(2026, 1, 3)],
            "tags": [["x", "y"], None, []],
            "code": pa.array(["a", "b", "a"]).dictionary_encode(),
            "raw": [b"a\xff", None, b""],
        }
    )
    parquet.write_table(table, folder / "feed.parquet")
    kinds = dict(open_source([str(folder / "feed.parquet")]).columns)
    assert [kinds[name] for name in ("n", "price", "new", "day")] == [
        *("integer", "number", "truth", "text")
    ]
    read = read_all(folder / "feed.parquet")
    assert_pixels(read[:2], make_pixels(2))
    assert read[2].error_kind == "missing"
    assert list(read[0].extras.values())[1:] == [
        *(1, 0.5, True, "2026-01-02", '["x", "y"]', "a", r"a\xff")
    ]
    assert list(read[1].extras.values())[1:] == [None, None, None, None, None, "b", None]


def test_inputs_may_be_mixed(folder: Path) -> None:
    (folder / "feed.csv").write_text("image,n\nimages/a.png,x\n")
    pd.DataFrame({"image": ["images/a.png"], "n": [1]}).to_parquet(folder / "feed.parquet")
    inputs = open_source([str(folder / name) for name in ("feed.csv", "images", "feed.parquet")])
    assert dict(inputs.columns) == {"image": "text", "n": "text"}
    assert inputs.total == 4


def test_columns_that_are_missing_or_twice_are_refused(folder: Path) -> None:
    pd.DataFrame({"path": ["a.png"]}).to_parquet(folder / "feed.parquet")
    with pytest.raises(DataError, match="the column 'image' is missing"):
        read_all(folder / "feed.parquet")
    pd.DataFrame({"image": []}).to_parquet(folder / "feed.parquet")
    with pytest.raises(DataError, match="no rows"):
        read_all(folder / "feed.parquet")


def test_a_parquet_damaged_in_its_middle_keeps_what_was_before(folder: Path) -> None:
    table = pa.table({"image": ["images/a.png"] * 5000, "n": list(range(5000))})
    path = folder / "feed.parquet"
    parquet.write_table(table, path, row_group_size=1000, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = bytes(5000)
    path.write_bytes(content)
    read = read_all(path)
    assert read[0].error == ""
    assert read[-1].error_kind == "damaged"
    assert "cannot be read to its end" in read[-1].error


@given(
    rows=st.lists(
        st.tuples(
            *[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))] * 2
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_passes_through(rows: list[tuple[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("image", "a", "b"), *(("x.png", *row) for row in rows)])
        read = read_all(path)
    assert [(item.extras["a"], item.extras["b"]) for item in read] == rows
