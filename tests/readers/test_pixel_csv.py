"""Pixel CSVs: any number of rows, bad ones recorded, other columns passed through."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from hangtag.datasets import Split
from hangtag.datasets.export import PIXEL_COLUMNS, write_pixel_csv
from hangtag.readers import open_source
from tests.readers.reading import assert_pixels, decode_all, make_pixels, read_all


def write_rows(path: Path, count: int) -> list[str]:
    """Writes a pixel CSV and returns its lines."""
    labels = np.arange(count) % 10
    split = Split(make_pixels(count), labels, np.array([str(n) for n in range(count)]))
    write_pixel_csv(split, path)
    return path.read_text().splitlines() if path.suffix == ".csv" else []


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_rows_read_back_with_their_labels(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / name, 1203)
    inputs = open_source([str(tmp_path / name)])
    assert dict(inputs.columns) == {"label": "text"}
    assert inputs.total == (1203 if name == "a.csv" else None)
    read = decode_all(inputs)
    assert_pixels(read, make_pixels(1203))
    assert [item.extras["label"] for item in read] == [str(n % 10) for n in range(1203)]
    assert read[-1].name == f"{tmp_path / name}[1202]"


def test_the_order_of_the_columns_does_not_matter_and_label_may_be_missing(tmp_path: Path) -> None:
    pixels = make_pixels(3)
    header = ["id", *reversed(PIXEL_COLUMNS)]
    lines = [",".join(header)]
    lines += [",".join(["=x", *map(str, row.reshape(-1)[::-1])]) for row in pixels]
    (tmp_path / "a.csv").write_text("\r\n".join(lines))
    read = read_all(tmp_path / "a.csv")
    assert_pixels(read, pixels)
    assert read[0].extras == {"id": "=x"}
    assert open_source([str(tmp_path / "a.csv")]).total == 3


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("256", "column 'pixel784': expected a pixel 0-255, received 256, which is outside; mend"),
        ("-1", "column 'pixel784': expected a pixel 0-255, received -1, which is outside"),
        (
            "1.5",
            "column 'pixel784': expected a pixel 0-255, received '1.5', which is not a",
        ),
        ("", "column 'pixel784': expected a pixel 0-255, received ''"),
        ("x" * 500, f"column 'pixel784': expected a pixel 0-255, received '{'x' * 40}',"),
        ("1" * 200_000, "mend the row"),
        ("1,2", "expected 785 cells, received 786"),
        ('"', "column 'pixel784': expected a pixel 0-255, received ''"),
    ],
)
def test_a_bad_row_is_recorded_and_the_others_are_read(
    tmp_path: Path, cell: str, message: str
) -> None:
    lines = write_rows(tmp_path / "a.csv", 1203)
    lines[701] = f"{lines[701].rpartition(',')[0]},{cell}"
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    read = read_all(tmp_path / "a.csv")
    assert [item.name for item in read] == [f"{tmp_path}/a.csv[{n}]" for n in range(1203)]
    assert [index for index, item in enumerate(read) if item.error] == [700]
    assert "a.csv, row 701 (line 702 of the file)" in read[700].error
    assert message in read[700].error
    del read[700]
    assert_pixels(read, np.delete(make_pixels(1203), 700, axis=0))


def test_another_size_than_the_models_is_a_recorded_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,pixel1,pixel2\n1,2,3\n")
    (read,) = read_all(tmp_path / "a.csv")
    assert read.error_kind == "of another shape or type"
    assert "expected the columns pixel1 to pixelN of square images" in read.error


def test_binary_rows_and_a_cut_off_gzip_are_recorded(tmp_path: Path) -> None:
    lines = write_rows(tmp_path / "a.csv", 20)
    content = "\n".join(lines).encode()
    (tmp_path / "a.csv").write_bytes(content + b"\n\xff\x00\xfe\n")
    assert [item.error_kind for item in read_all(tmp_path / "a.csv")] == [*[""] * 20, "damaged"]
    write_rows(tmp_path / "b.csv.gz", 2000)
    whole = (tmp_path / "b.csv.gz").read_bytes()
    (tmp_path / "b.csv.gz").write_bytes(whole[: len(whole) // 2])
    read = read_all(tmp_path / "b.csv.gz")
    assert len(read) > 400
    assert read[-1].error_kind == "damaged"
    assert "cut off" in read[-1].error


def test_a_line_without_an_end_fills_no_memory(tmp_path: Path) -> None:
    lines = write_rows(tmp_path / "a.csv", 2)
    with (tmp_path / "a.csv.gz").open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb") as out:
        out.write("\n".join([*lines, ""]).encode())
        for _ in range(30):
            out.write(b"1" * (1 << 20))
    read = read_all(tmp_path / "a.csv.gz")
    assert [item.error_kind for item in read[:3]] == ["", "", "damaged"]
    assert len(read) == 2 + 30
