"""Every input becomes a row, in order, in every format."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hangtag.catalogue import Catalogue
from hangtag.catalogue.inputs import list_sources, read_inputs
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
    assert names == ["a.png", "broken.png", "deep er/ü=1.png", *many, "photo.jpg", "wrong.npy"]
    failed = {row.input: row.error for row in rows if row.decision == "error"}
    assert list(failed) == [f"{folder}/broken.png", f"{folder}/wrong.npy"]
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
    assert table["confidence"].isna().sum() == 2
    np.testing.assert_allclose(
        table["confidence"].dropna(), [r.confidence for r in rows if r.confidence is not None]
    )


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
