import csv
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hangtag.datasets import Dataset
from hangtag.datasets.export import PIXEL_COLUMNS, write_pixel_csv
from hangtag.errors import DataError, OutputError
from hangtag.readers import open_labelled
from hangtag.readers.record import ArraySource, SplitArrays
from tests.datasets.tiny_datasets import make_split

Rows = list[list[str]]


def make_rows(count: int = 4) -> Rows:
    """Returns the header and `count` valid rows, as texts."""
    split = make_split(count)
    table = np.column_stack([split.labels, split.images.reshape(count, -1)])
    return [["label", *PIXEL_COLUMNS], *([str(value) for value in row] for row in table)]


def save(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def read_split(path: Path) -> SplitArrays:
    source = open_labelled(path)
    assert isinstance(source, ArraySource)
    (split,) = source.read_splits()
    return split


def read_error(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_split(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    split = make_split(6)
    write_pixel_csv(split, tmp_path / f"tiny{suffix}")

    again = read_split(tmp_path / f"tiny{suffix}")

    np.testing.assert_array_equal(again.images, split.images)
    np.testing.assert_array_equal(again.labels, split.labels)
    assert again.labels.dtype == np.int64


def test_zero_bytes_that_pad_a_gzip_are_harmless(tmp_path: Path) -> None:
    write_pixel_csv(make_split(2), tmp_path / "a.csv.gz")
    with (tmp_path / "a.csv.gz").open("ab") as stream:
        stream.write(bytes(100))

    assert len(read_split(tmp_path / "a.csv.gz").labels) == 2


def test_written_text_is_the_published_layout(tmp_path: Path) -> None:
    split = make_split(2)
    write_pixel_csv(split, tmp_path / "tiny.csv")

    with (tmp_path / "tiny.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))

    assert rows[0][:3] == ["label", "pixel1", "pixel2"]
    assert {len(row) for row in rows} == {785}
    assert [int(text) for text in rows[2]] == [split.labels[1], *split.images[1].ravel()]
    assert '"' not in (tmp_path / "tiny.csv").read_text()


def test_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    rows = make_rows()
    order = np.random.default_rng(1).permutation(785)
    path = save(tmp_path / "shuffled.csv", [[row[i] for i in order] for row in rows])

    split = read_split(path)

    np.testing.assert_array_equal(split.images, make_split(4).images)
    np.testing.assert_array_equal(split.labels, make_split(4).labels)


def test_byte_order_mark_quotes_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    lines = [",".join(f'"{text}"' for text in row) for row in make_rows()]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())

    split = read_split(path)

    np.testing.assert_array_equal(split.images, make_split(4).images)


def test_missing_column_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [row[:100] + row[102:] for row in make_rows()])

    assert "the column 'pixel100' is missing (2 missing in all)" in read_error(path)


def test_missing_label_column_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", [row[1:] for row in make_rows()])

    assert "the column 'label' is missing (1 missing" in read_error(path)


@pytest.mark.parametrize("name", ["pixel785", "pixel3", "brand"])
def test_extra_column_is_named(tmp_path: Path, name: str) -> None:
    rows = make_rows()
    path = save(tmp_path / "a.csv", [[*rows[0], name], *([*row, "0"] for row in rows[1:])])

    assert f"the column '{name}' is one too many (786 columns)" in read_error(path)


@pytest.mark.parametrize(
    "text", ["abc", "", "12.5", "NaN", "null", "-", "1e2", "1_0", "+5", "\u0661", "1" * 5000]
)
def test_cell_that_is_no_number_is_named_by_row_and_column(tmp_path: Path, text: str) -> None:
    rows = make_rows()
    rows[3][17] = text
    message = read_error(save(tmp_path / "a.csv", rows))

    assert "row 3 (line 4 of the file), column 'pixel17'" in message
    assert f"received {text[:40]!r}, which is not a whole number" in message


@pytest.mark.parametrize("value", ["256", "-1", "99999999999999999999"])
def test_pixel_out_of_range_is_named_by_row_column_and_value(tmp_path: Path, value: str) -> None:
    rows = make_rows()
    rows[1][784] = value
    message = read_error(save(tmp_path / "a.csv", rows))

    assert "row 1 (line 2 of the file), column 'pixel784': expected a pixel 0-255" in message
    assert f"received {value}," in message


@pytest.mark.parametrize("value", ["10", "-1", "255", "300"])
def test_label_outside_the_classes(tmp_path: Path, value: str) -> None:
    rows = make_rows()
    rows[2][0] = value
    message = read_error(save(tmp_path / "a.csv", rows))

    assert "row 2 (line 3 of the file), column 'label': expected a label 0-9" in message
    assert f"received {value}," in message


def test_row_with_too_few_cells(tmp_path: Path) -> None:
    rows = make_rows()
    rows[4] = rows[4][:-3]

    assert "row 4 (line 5 of the file): expected 785 cells, received 782" in read_error(
        save(tmp_path / "a.csv", rows)
    )


def test_line_of_white_space_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", make_rows())
    with path.open("a") as stream:
        stream.write("   ")

    assert "row 5 (line 6 of the file): the line holds only white space" in read_error(path)


def test_header_only(tmp_path: Path) -> None:
    assert "has a header but no rows" in read_error(save(tmp_path / "a.csv", make_rows()[:1]))


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)], ids=["plain", "gz"])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)

    assert "(0 bytes)" in read_error(tmp_path / "a.csv")


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.999])
def test_truncated_gzip(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.csv.gz"
    write_pixel_csv(make_split(200), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])

    assert "cut off before its end" in read_error(path)


@pytest.mark.parametrize("position", [-6, -2])
def test_gzip_with_a_wrong_checksum(tmp_path: Path, position: int) -> None:
    path = tmp_path / "a.csv.gz"
    write_pixel_csv(make_split(200), path)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)

    assert "is a damaged gzip" in read_error(path)


def test_the_content_tells_gzip_not_the_name(tmp_path: Path) -> None:
    split = make_split(3)
    write_pixel_csv(split, tmp_path / "plain.csv")
    (tmp_path / "packed.csv").write_bytes(gzip.compress((tmp_path / "plain.csv").read_bytes()))
    (tmp_path / "plain.csv").rename(tmp_path / "plain.csv.gz")

    for name in ("packed.csv", "plain.csv.gz"):
        again = read_split(tmp_path / name)
        np.testing.assert_array_equal(again.images, split.images)


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.csv")
    write_pixel_csv(make_split(1), path)

    np.testing.assert_array_equal(read_split(path).images, make_split(1).images)


READ_OR_EXIT_2 = """
import sys
from pathlib import Path
from hangtag.errors import DataError
from hangtag.readers import open_labelled
try:
    list(open_labelled(Path(sys.argv[1])).read_splits())
except DataError:
    sys.exit(2)
"""


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_bad_file_never_aborts_the_process(tmp_path: Path, suffix: str) -> None:
    rows = make_rows(3000) * 5
    path = save(tmp_path / "a.csv", [rows[0], ["bad", *rows[1][1:]], *rows[1:]])
    if suffix == ".csv.gz":
        packed = tmp_path / "a.csv.gz"
        packed.write_bytes(gzip.compress(path.read_bytes(), 1))
        path = packed
    command = [sys.executable, "-c", READ_OR_EXIT_2, str(path)]
    codes: list[int] = []
    for _ in range(5):
        pair = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
        codes += [process.wait() for process in pair]

    assert codes == [2] * 10


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")

    assert "expected a CSV with column names" in read_error(tmp_path / "a.csv")


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file, not a folder")

    with pytest.raises(OutputError):
        write_pixel_csv(make_split(1), tmp_path / "a" / "b.csv")


MEASURE = """
import sys
from pathlib import Path
from hangtag.readers import open_labelled
(split,) = open_labelled(Path(sys.argv[1])).read_splits()
print(len(split.images))
# Not ru_maxrss: a child process begins with its parent's peak there.
status = Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak there")
def test_full_training_set_is_read_in_little_memory(tmp_path: Path, fashion_mnist: Dataset) -> None:
    write_pixel_csv(fashion_mnist.splits["train"], tmp_path / "train.csv")

    result = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "train.csv")],
        capture_output=True,
        text=True,
        check=True,
    )

    count, peak_kilobytes = result.stdout.split()
    assert count == "60000"
    assert int(peak_kilobytes) < 1_000_000
