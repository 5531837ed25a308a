"""The same input means the same to every command: folders, tables, arrays as people have them."""

import csv
import gzip
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyarrow import parquet

from hangtag.audit.feed import open_feed
from hangtag.errors import DataError
from hangtag.readers import open_source
from hangtag.readers.idx import find_idx_files
from tests.datasets.tiny_datasets import read_here
from tests.readers.reading import assert_pixels, make_pixels, read_all, write_png

LABELS = ("Coat", "Bag")


def write_images(folder: Path, *, by: Sequence[str] = ("zara", "hm")) -> list[tuple[str, str]]:
    """Writes eight images into folders that are no classes; returns path and label of each."""
    rows = []
    for number, pixels in enumerate(make_pixels(8)):
        name = f"{by[number % 2]}/{number}.png"
        write_png(folder / name, pixels)
        rows.append((name, LABELS[number // 4]))
    return rows


def write_csv(
    path: Path, rows: Sequence[Sequence[object]], header: Sequence[str] = ("image", "label")
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def count_for_all(path: Path) -> list[int]:
    """Returns how many rows or images predict, train and audit see."""
    source = open_source(path)
    return [len(list(source)), len(read_here(path)), len(list(open_feed(str(path)).table))]


@pytest.mark.parametrize("name", ["feed.csv", "2024-05-export.csv", "my table.tsv"])
def test_a_table_beside_folders_that_are_no_classes_is_read(tmp_path: Path, name: str) -> None:
    rows = write_images(tmp_path)
    write_csv(tmp_path / name, rows)
    (tmp_path / "truth").mkdir()
    write_csv(tmp_path / "prices.csv", [(1, 2)], ("sku", "price"))
    dataset = read_here(tmp_path)
    assert dataset.classes == LABELS
    assert count_for_all(tmp_path) == [8, 8, 8]
    for notes in (dataset.notices, open_source(tmp_path).notes):
        assert any(name in note and "prices.csv is not read" in note for note in notes)


def test_a_table_that_is_not_read_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, by=LABELS)
    write_csv(tmp_path / "prices.csv", [(1, 2)], ("sku", "price"))
    assert any("prices.csv" in notice for notice in read_here(tmp_path).notices)
    assert len(list(open_source(tmp_path))) == 8


@pytest.mark.parametrize("header", [("file_name", "label"), ("photo", "kind")])
def test_a_table_that_calls_its_columns_otherwise_is_refused(
    tmp_path: Path, header: Sequence[str]
) -> None:
    write_csv(tmp_path / "metadata.csv", write_images(tmp_path), header)
    for read in (read_here, open_source):
        with pytest.raises(DataError, match=f"metadata.csv .* column '{header[0]}'; call it 'imag"):
            read(tmp_path)
    write_csv(tmp_path / "metadata.csv", write_images(tmp_path), ("image", "kind"))
    with pytest.raises(DataError, match="has no column 'label'"):
        read_here(tmp_path)


def test_several_tables_are_splits_or_refused(tmp_path: Path) -> None:
    rows = write_images(tmp_path)
    write_csv(tmp_path / "train.csv", rows[:6])
    write_csv(tmp_path / "test.csv", rows[6:])
    dataset = read_here(tmp_path)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 6, "test": 2}
    assert len(list(open_source(tmp_path))) == 8
    (tmp_path / "test.csv").rename(tmp_path / "more.csv")
    for read in (read_here, open_source):
        with pytest.raises(DataError, match=r"2 tables of its images: more\.csv, train\.csv"):
            read(tmp_path)


FORMS = {
    "tabs.tsv": lambda lines: "\n".join(lines).replace(",", "\t"),
    "tabs.txt": lambda lines: "\n".join(lines).replace(",", "\t"),
    "tab.tab": lambda lines: "\n".join(lines).replace(",", "\t"),
    "sep.csv": lambda lines: "sep=;\r\n" + "\r\n".join(lines).replace(",", ";"),
    "empty.csv": lambda lines: "\n\n" + "\n".join(lines) + "\n" + ",,\n" * 40,
    "comma.csv": lambda lines: "\n".join([lines[0], *(f"{line}," for line in lines[1:])]),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_text_mean_the_same_to_all(tmp_path: Path, name: str) -> None:
    lines = ["image,label", *map(",".join, write_images(tmp_path))]
    (tmp_path / name).write_text(FORMS[name](lines), newline="")
    assert count_for_all(tmp_path / name) == [8, 8, 8]
    assert read_here(tmp_path / name).classes == LABELS


def test_content_tells_parquet_from_csv(tmp_path: Path) -> None:
    rows = write_images(tmp_path)
    images, labels = zip(*rows, strict=True)
    parquet.write_table(pa.table({"image": images, "label": labels}), tmp_path / "really.csv")
    write_csv(tmp_path / "really.parquet", rows)
    for name in ("really.csv", "really.parquet"):
        assert count_for_all(tmp_path / name) == [8, 8, 8]


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("image", r"'image' holds images \(bytes\)"),
        ("label", "'label' holds lists"),
    ],
)
def test_nested_parquet_is_refused_in_a_short_line(
    tmp_path: Path, column: str, problem: str
) -> None:
    names = [name for name, _ in write_images(tmp_path)]
    nested = {
        "image": [{"bytes": b"\x89PNG" * 50_000, "path": None}] * 8,
        "label": [["Bag"]] * 8,
    }
    table = {"image": names, "label": ["Bag"] * 8, column: nested[column]}
    parquet.write_table(pa.table(table), tmp_path / "hub.parquet")
    for read in (read_here, open_source, lambda path: open_feed(str(path))):
        with pytest.raises(DataError, match=problem) as caught:
            read(tmp_path / "hub.parquet")
        assert len(str(caught.value)) < 400


def test_dates_out_of_range_are_text(tmp_path: Path) -> None:
    write_images(tmp_path)
    days = pa.array([10**13], pa.int64()).cast(pa.timestamp("s"))
    parquet.write_table(pa.table({"image": ["zara/0.png"], "day": days}), tmp_path / "a.parquet")
    (record,) = read_all(tmp_path / "a.parquet")
    assert not record.error


@pytest.mark.parametrize("split", ["valid", "VAL", "dev", "Eval", " validation "])
def test_splits_have_many_names(tmp_path: Path, split: str) -> None:
    rows = write_images(tmp_path)
    cells = [(*row, "Training" if at % 4 else split) for at, row in enumerate(rows)]
    write_csv(tmp_path / "feed.csv", cells, ("image", "label", "split"))
    splits = read_here(tmp_path / "feed.csv").splits
    assert {name: len(part) for name, part in splits.items()} == {"train": 6, "validation": 2}
    folder = tmp_path / "folders"
    for name in ("TRAIN", split.strip(), "testing"):
        write_images(folder / name, by=LABELS)
    assert list(read_here(folder).splits) == ["train", "validation", "test"]


def test_what_systems_leave_is_no_class(tmp_path: Path) -> None:
    write_images(tmp_path, by=LABELS)
    for name in ("__MACOSX/Bag/._a.png", "@eaDir/x", "$RECYCLE.BIN/x", "__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"\0\5\26\7")
    (tmp_path / "Bag" / "@eaDir" / "0.png").mkdir(parents=True)
    assert len(read_here(tmp_path)) == len(list(open_source(tmp_path))) == 8


def test_deeply_nested_folders(tmp_path: Path) -> None:
    place = tmp_path
    for _ in range(1500):
        place /= "d"
        place.mkdir()
    write_png(place / "a.png", make_pixels(1)[0])
    try:
        assert len(list(open_source(tmp_path))) == 1
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # too deep for shutil.rmtree


IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
NAMES = {
    "plain": [*IDX, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    "dotted": ["train-images.idx3-ubyte", "train-labels.idx1-ubyte"],
    "test": [*IDX, "test-images-idx3-ubyte", "test-labels-idx1-ubyte"],
    "upper": ["TRAIN-IMAGES-IDX3-UBYTE", "TRAIN-LABELS-IDX1-UBYTE"],
    "browser": ["train-images-idx3-ubyte(1)", "train-labels-idx1-ubyte (1).gz"],
    "torchvision": [f"FashionMNIST/raw/{name}" for name in IDX],
    "kaggle": [f"{name}/{name}" for name in IDX],
}


def pack_idx(pixels: NDArray[np.uint8], name: str) -> bytes:
    if "image" in name.lower():
        content = struct.pack(">4I", 2051, *pixels.shape) + pixels.tobytes()
    else:
        content = struct.pack(">2I", 2049, len(pixels)) + bytes(range(len(pixels)))
    return gzip.compress(content) if name.endswith("gz") else content


@pytest.mark.parametrize("kind", NAMES)
def test_idx_files_have_many_names(tmp_path: Path, kind: str) -> None:
    for name in NAMES[kind]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(pack_idx(make_pixels(6), name))
    splits = read_here(tmp_path).splits
    wanted = ["train", "test"] if len(NAMES[kind]) > 2 else ["train"]
    assert {name: len(split) for name, split in splits.items()} == dict.fromkeys(wanted, 6)
    assert len(read_all(tmp_path)) == 6 * len(wanted)


def test_the_plainest_of_several_copies_counts(tmp_path: Path) -> None:
    for name in ("train-images-idx3-ubyte (1)", "train-images-idx3-ubyte.gz", *IDX):
        (tmp_path / name).write_bytes(b"x")
    assert sorted(path.name for path in find_idx_files(tmp_path).values()) == list(IDX)


PIXELS = [f"pixel{number}" for number in range(1, 785)]
HEADERS = {
    "kaggle": ["label", *PIXELS],
    "index": ["", "label", *PIXELS],
    "class": [*PIXELS, "class"],
    "from zero": ["label", *(f"pixel{number}" for number in range(784))],
    "places": ["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))],
    "capitals": ["Label", *map(str.capitalize, PIXELS)],
    "numbers": ["label", *map(str, range(784))],
    "none": [],
}


@pytest.mark.parametrize("decimals", ["", ".0"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("kind", HEADERS)
def test_pixel_columns_have_many_names(
    tmp_path: Path, kind: str, separator: str, decimals: str
) -> None:
    pixels, header = make_pixels(6), HEADERS[kind]
    lines = [separator.join(header)] if header else []
    for number, image in enumerate(pixels):
        cells = [f"{value}{decimals if header else ''}" for value in image.reshape(-1)]
        if kind == "class":
            cells.append(str(number))
        else:
            cells = [*([""] if kind == "index" else []), str(number), *cells]
        lines.append(separator.join(cells))
    path = tmp_path / "test.csv"
    path.write_text("\n".join(lines) + "\n")
    for data in (path, tmp_path):
        split = read_here(data).splits["test"]
        np.testing.assert_array_equal(split.images, pixels)
        assert split.labels.tolist() == list(range(6))
    read = read_all(path)
    assert [record.record.label for record in read] == list("012345")
    assert_pixels(read, pixels)


@pytest.mark.parametrize(
    "address",
    [
        "https://x.example/a.jpg",
        "//cdn.shopify.com/a.jpg",
        "s3://b/a.jpg",
        "data:image/jpeg;base64,/9",
    ],
)
def test_addresses_are_named_as_they_are_written(tmp_path: Path, address: str) -> None:
    path = write_csv(tmp_path / "feed.csv", [(address, "Bag")])
    (record,) = read_all(path)
    assert f"row 1: {address} is an address" in record.error
    assert "feed.csv" in record.error
    with pytest.raises(DataError, match="is an address; addresses are not fetched"):
        read_here(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("images.zip", b"PK\x03\x04 and so on", "zip archive"),
        ("sheet.csv", b"PK\x03\x04 ... [Content_Types].xml", "XLSX"),
        ("page.csv", b"<table><tr><td>image</td></tr></table>", "HTML"),
        ("feed.pkl", b"\x80\x04\x95", "pickle"),
        ("feed.feather", b"ARROW1\x00\x00", "Feather"),
    ],
)
def test_what_is_no_table_is_named_by_its_content(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for read in (read_here, lambda path: open_feed(str(path))):
        with pytest.raises(DataError, match=said) as caught:
            read(tmp_path / name)
        assert str(caught.value).isprintable()
