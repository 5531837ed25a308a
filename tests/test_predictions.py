"""Every input becomes a row, in order, in every format."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hangtag.catalogue import Catalogue
from hangtag.catalogue.inputs import Input, list_sources, read_inputs
from hangtag.categoriser import Categoriser
from hangtag.errors import DataError, OutputError
from hangtag.predictions import COLUMNS, Row, csv_writer, open_writer, predict_rows


@pytest.fixture
def folder(shapes: Catalogue, tmp_path: Path) -> Path:
    """Three good images, a broken one, one of another size, two arrays and a text file."""
    images = shapes.splits["test"].images
    root = tmp_path / "in"
    (root / "deep er").mkdir(parents=True)
    for name, image in (("a.png", images[0]), ("deep er/ü=1.png", images[1])):
        Image.fromarray(image).save(root / name)
    Image.new("RGB", (300, 200), (250, 10, 10)).save(root / "photo.jpg")
    (root / "broken.png").write_bytes(b"\x89PNG not really")
    (root / "notes.txt").write_text("not an image")
    Image.fromarray(images[0]).save(root / "old.gif")
    np.save(root / "many.npy", images[:100])
    np.save(root / "wrong.npy", images[:2].astype(np.float32))
    return root


def predict(model: Path, *arguments: object) -> list[Row]:
    sources = list_sources([str(argument) for argument in arguments])
    return list(predict_rows(Categoriser.load(model), read_inputs(sources, size=(28, 28))))


def test_inputs_are_results_plus_errors(folder: Path, trained: Path, shapes: Catalogue) -> None:
    rows = predict(trained, folder)
    names = [row.input.removeprefix(f"{folder}/") for row in rows]
    many = [f"many.npy[{index}]" for index in range(60)]
    assert names == [
        "a.png",
        "broken.png",
        "deep er/ü=1.png",
        *many,
        "old.gif",
        "photo.jpg",
        "wrong.npy",
    ]
    failed = {row.input: row.error for row in rows if row.decision == "error"}
    assert list(failed) == [f"{folder}/{name}" for name in ("broken.png", "old.gif", "wrong.npy")]
    assert "expected an array (28, 28)" in str(failed[f"{folder}/wrong.npy"])
    for row in rows:
        assert (row.category is None) == (row.confidence is None) == (row.decision == "error")


def test_a_file_and_an_array_of_the_same_image_agree(folder: Path, trained: Path) -> None:
    file, array = predict(trained, folder / "a.png")[0], predict(trained, folder / "many.npy")[0]
    assert file.category == array.category
    assert file.confidence == pytest.approx(array.confidence, abs=1e-6)


def test_a_list_keeps_paths_that_do_not_exist(folder: Path, trained: Path) -> None:
    listing = io.StringIO(f"{folder}/a.png\n\n{folder}/gone.png\n")
    sources = list_sources(["-"], listing=listing)
    rows = list(predict_rows(Categoriser.load(trained), read_inputs(sources, size=(28, 28))))
    assert [row.decision == "error" for row in rows] == [False, True]
    assert "gone.png" in str(rows[1].error)


def test_arguments_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        list_sources([str(tmp_path / "gone.png")])
    with pytest.raises(DataError, match="holds no image"):
        list_sources([str(tmp_path)])


def read_one(path: Path) -> Input:
    (only,) = read_inputs([path], size=(28, 28))
    return only


def make_npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(784)


@pytest.mark.parametrize(
    "content",
    [
        make_npy("(((("),
        make_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-3, 28, 28)}"),
        make_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9" + "0" * 30 + ", 28, 28)}"),
        make_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 28, 28)}"),
        make_npy("{'descr': '|O', 'fortran_order': False, 'shape': (1, 28, 28)}"),
        b"",
        b"text",
    ],
)
def test_a_damaged_array_is_a_recorded_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    read = read_one(tmp_path / "a.npy")
    assert read.pixels is None
    assert "a.npy is not a readable .npy array: " in read.error
    assert "\n" not in read.error


@pytest.mark.parametrize("name", ["x.npy", "x.png"])
def test_a_listed_pipe_or_folder_is_a_recorded_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder" / name).mkdir(parents=True)
    os.mkfifo(tmp_path / name)
    for path in (tmp_path / name, tmp_path / "folder" / name):
        assert "no such" in read_one(path).error


def test_an_array_of_no_images_is_a_recorded_error(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 28, 28), np.uint8))
    assert "a.npy holds no image" in read_one(tmp_path / "a.npy").error


def test_capitals_in_a_suffix_do_not_matter(tmp_path: Path) -> None:
    with (tmp_path / "A.NPY").open("wb") as stream:
        np.save(stream, np.full((2, 28, 28), 7, np.uint8))
    names = [one.name for one in read_inputs(list_sources([str(tmp_path)]), size=(28, 28))]
    assert names == [f"{tmp_path}/A.NPY[0]", f"{tmp_path}/A.NPY[1]"]


def test_paths_that_no_file_can_have(tmp_path: Path) -> None:
    long = str(tmp_path / ("x" * 5000))
    with pytest.raises(DataError, match="there is no file or folder"):
        list_sources([long])
    with pytest.raises(DataError, match="is empty"):
        list_sources([""])
    listing = io.StringIO(f"{long}\n{long}.npy\na\0b.png\na\0b.npy\n")
    inputs = list(read_inputs(list_sources(["-"], listing=listing), size=(28, 28)))
    assert ["no such" in one.error for one in inputs] == [True] * 4


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def read_jsonl(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])


@pytest.mark.parametrize(
    ("suffix", "read"), [(".csv", read_csv), (".jsonl", read_jsonl), (".parquet", pd.read_parquet)]
)
def test_every_format_holds_the_same_rows(
    folder: Path, trained: Path, tmp_path: Path, suffix: str, read: Callable[[Path], pd.DataFrame]
) -> None:
    rows = predict(trained, folder)
    out = tmp_path / f"out{suffix}"
    with open_writer(out) as write:
        for row in rows:
            write(row)
    table = read(out)
    assert list(table.columns) == COLUMNS
    assert table["input"].tolist() == [row.input for row in rows]
    assert table["confidence"].isna().sum() == 3
    np.testing.assert_allclose(
        table["confidence"].dropna(), [r.confidence for r in rows if r.confidence is not None]
    )


@pytest.mark.parametrize(
    ("suffix", "read"), [(".csv", read_csv), (".jsonl", read_jsonl), (".parquet", pd.read_parquet)]
)
def test_every_format_holds_names_that_are_not_utf8(
    shapes: Catalogue,
    trained: Path,
    tmp_path: Path,
    suffix: str,
    read: Callable[[Path], pd.DataFrame],
) -> None:
    good, broken, many = (os.fsdecode(b"\xff" + end) for end in (b".png", b"broken.png", b".npy"))
    images = shapes.splits["test"].images
    Image.fromarray(images[0]).save(tmp_path / good)
    np.save(tmp_path / many, images[:1])
    listing = io.TextIOWrapper(
        io.BytesIO(b"".join(os.fsencode(tmp_path / name) + b"\n" for name in (good, broken, many))),
        "utf-8",
    )
    sources = list_sources(["-"], listing=listing)
    out = tmp_path / f"out{suffix}"
    with open_writer(out) as write:
        for row in predict_rows(Categoriser.load(trained), read_inputs(sources, size=(28, 28))):
            write(row)
    table = read(out)
    names = [r"\xff.png", r"\xffbroken.png", r"\xff.npy[0]"]
    assert table["input"].tolist() == [f"{tmp_path}/{name}" for name in names]
    assert table["error"].notna().tolist() == [False, True, False]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_failure_leaves_no_output(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    out.write_bytes(b"before")

    def fail() -> None:
        with open_writer(out) as write:
            write(Row("a", None, None, "error", None, None, "why"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"expected a name ending in \.csv, \.jsonl, \.parquet"):
        open_writer(tmp_path / "out.xlsx")


def test_the_csv_has_the_columns_of_the_contract() -> None:
    stream = io.StringIO()
    csv_writer(stream)
    header = "input,category,confidence,decision,runner_up,runner_up_confidence,error\n"
    assert stream.getvalue() == header
