import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hangtag.datasets import (
    FASHION_MNIST_CLASSES,
    Dataset,
    ExportFormat,
    Split,
    export_dataset,
    load_dataset,
)
from hangtag.datasets.dataset import number_ids
from hangtag.errors import OutputError
from tests.datasets.idx_files import write_idx_images, write_idx_labels
from tests.datasets.tiny_datasets import assert_same_items, make_dataset, read_here


@st.composite
def draw_split(draw: st.DrawFn, name: str) -> Split:
    count = draw(st.integers(1, 5))
    inner = draw(arrays(np.uint8, (count, 26, 26)))
    return Split(
        images=np.pad(inner, ((0, 0), (1, 1), (1, 1))),  # A light background would be negated.
        labels=draw(arrays(np.int64, count, elements=st.integers(0, 9))),
        ids=number_ids(name, count),
    )


@settings(max_examples=25, deadline=None)
@given(train=draw_split("train"), test=draw_split("test"))
def test_every_format_gives_the_same_arrays_as_idx(train: Split, test: Split) -> None:
    dataset = Dataset("tiny", "made up", FASHION_MNIST_CLASSES, {"train": train, "test": test})
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for prefix, split in {"train": train, "t10k": test}.items():
            write_idx_images(split.images, folder / "idx" / f"{prefix}-images-idx3-ubyte")
            write_idx_labels(split.labels, folder / "idx" / f"{prefix}-labels-idx1-ubyte")
        for format in ExportFormat:
            export_dataset(dataset, folder / format, format=format)

        assert_same_items(read_here(folder / "idx"), dataset)
        for format in ExportFormat:
            assert_same_items(read_here(folder / format), dataset)


def test_csv_files_are_called_by_name_and_split(tmp_path: Path) -> None:
    ticks: list[tuple[int, int | None]] = []

    export_dataset(
        make_dataset(train=4, test=2),
        tmp_path,
        format=ExportFormat.csv,
        on_progress=lambda *on_progress: ticks.append(on_progress),
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny_test.csv", "tiny_train.csv"]
    assert ticks == [(4, 6), (6, 6)]


@pytest.mark.parametrize("format", [ExportFormat.png, ExportFormat.folders])
def test_classes_of_our_own_survive(tmp_path: Path, format: ExportFormat) -> None:
    dataset = make_dataset(train=30, classes=("Hat", "Skirt/long"))

    export_dataset(dataset, tmp_path / format, format=format)

    assert_same_items(load_dataset(tmp_path / format), dataset)


def test_csv_cannot_carry_classes_of_our_own(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="choose the format png or folders"):
        export_dataset(make_dataset(classes=("Hat", "Skirt")), tmp_path, format=ExportFormat.csv)


@pytest.mark.parametrize("taken", ["tiny_train.csv", "tiny_test.csv"])
def test_a_csv_that_is_there_is_not_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")

    with pytest.raises(OutputError, match=f"{taken} exists already"):
        export_dataset(make_dataset(), tmp_path, format=ExportFormat.csv)

    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


@pytest.mark.slow
@pytest.mark.parametrize("format", ExportFormat)
def test_the_real_data_survives_every_format(
    tmp_path: Path, fashion_mnist: Dataset, format: ExportFormat
) -> None:
    export_dataset(fashion_mnist, tmp_path, format=format)

    assert_same_items(load_dataset(tmp_path), fashion_mnist)


def test_a_table_runs_nothing_in_a_spreadsheet_and_reads_back_as_it_was(tmp_path: Path) -> None:
    hostile = ("'=already", "+1", "-shirt", "=cmd|' /C calc'!A0", "@sum", "dress")
    count = len(hostile)
    split = Split(
        images=np.pad(np.full((count, 26, 26), 200, np.uint8), ((0, 0), (1, 1), (1, 1))),
        labels=np.arange(count),
        ids=np.array([f"={number}+1" for number in range(count)]),
        suppliers=np.array(hostile[::-1]),
    )
    dataset = Dataset("hostile", "made up", hostile, {"train": split})
    export_dataset(dataset, tmp_path, format=ExportFormat.png)
    with (tmp_path / "manifest.csv").open(newline="") as table:
        cells = [cell for row in csv.reader(table) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@") and cell != "+1"]
    again = read_here(tmp_path)
    assert again.classes == hostile
    assert again.splits["train"].ids.tolist() == split.ids.tolist()
    assert again.splits["train"].suppliers is not None
    assert again.splits["train"].suppliers.tolist() == list(hostile[::-1])
