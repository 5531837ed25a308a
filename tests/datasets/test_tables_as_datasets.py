import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hangtag.datasets import Dataset, load_dataset
from hangtag.datasets.export import write_image_table
from hangtag.errors import DataError, OutputError
from tests.datasets.tiny_datasets import assert_same_items, make_dataset, make_split, read_here


def save_table(path: Path, **columns: Any) -> Path:
    """Writes a manifest of the columns and, beside it, every image it names but ``gone``."""
    table = pd.DataFrame(columns)
    for number, image in enumerate(columns.get("image", [])):
        if image and "gone" not in image:
            file = path.parent / image
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (28, 28), number).save(file)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_all_columns_are_read(tmp_path: Path, suffix: str) -> None:
    path = save_table(
        tmp_path / f"feed{suffix}",
        supplier=["Acme", "Böhm", "Acme"],
        image=["a.png", "deep/b.png", "c.png"],
        label=["Skirt", "Hat", "Hat"],
        id=[30, 10, 20],
        price=[1.5, 2.5, None],
        split=["train", "val", "train"],
    )

    dataset = read_here(path)

    assert dataset.name == "feed"
    assert dataset.classes == ("Hat", "Skirt")
    assert list(dataset.splits) == ["train", "validation"]
    train = dataset.splits["train"]
    assert train.ids.tolist() == ["30", "20"]
    assert train.labels.tolist() == [1, 0]
    assert train.images[:, 0, 0].tolist() == [0, 2]
    assert train.suppliers is not None
    assert train.suppliers.tolist() == ["Acme", "Acme"]


def test_only_image_and_label_are_needed(tmp_path: Path) -> None:
    path = save_table(tmp_path / "feed.csv", image=["b.png", "a.png"], label=["Bag", "Dress"])

    dataset = read_here(path)

    assert dataset.classes == ("Dress", "Bag")
    assert list(dataset.splits) == ["train"]
    assert dataset.splits["train"].ids.tolist() == ["b.png", "a.png"]
    assert dataset.splits["train"].suppliers is None


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_are_found_in_any_case(tmp_path: Path, suffix: str) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    path = tmp_path / f"feed.{suffix}"
    table = pd.DataFrame({"IMAGE": ["a.png"], " Label ": ["Bag"], "Supplier": ["X"], "price": [1]})
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)

    dataset = load_dataset(path)

    assert dataset.classes == ("Bag",)
    assert dataset.first.suppliers is not None
    assert dataset.first.suppliers.tolist() == ["X"]


def test_a_table_without_images_says_how_to_call_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("path,label\na.png,Bag\n")

    with pytest.raises(DataError, match="call the column with the paths of the images 'image'"):
        load_dataset(path)


def test_absolute_paths_and_paths_upwards(tmp_path: Path) -> None:
    Image.new("L", (28, 28), 5).save(tmp_path / "far.png")
    (tmp_path / "feeds").mkdir()
    path = tmp_path / "feeds" / "feed.csv"
    path.write_text(f"image,label\n{tmp_path / 'far.png'},Bag\n../far.png,Bag\n")

    assert np.all(read_here(path).splits["train"].images == 5)


def test_round_trip(tmp_path: Path) -> None:
    dataset = make_dataset(train=11, test=4)
    write_image_table(dataset, tmp_path / "out")

    again = read_here(tmp_path / "out" / "manifest.csv")

    assert_same_items(again, dataset)
    assert again.splits["test"].ids.tolist() == dataset.splits["test"].ids.tolist()
    assert load_dataset(tmp_path / "out").name == load_dataset(str(tmp_path / "out")).name == "out"
    assert (tmp_path / "out" / "images" / "train-00010.png").is_file()


def test_round_trip_of_suppliers_and_awkward_texts(tmp_path: Path) -> None:
    train = make_split(2, classes=2, suppliers=['a "b", c', "d\ne"])
    train.labels[:] = [0, 1]
    dataset = Dataset("x", "made up", ("1/2, ;", 'ü "q"'), {"train": train})
    write_image_table(dataset, tmp_path)

    again = read_here(tmp_path / "manifest.csv")

    assert_same_items(again, dataset)
    assert again.splits["train"].suppliers is not None
    assert again.splits["train"].suppliers.tolist() == ['a "b", c', "d\ne"]


def test_columns_written(tmp_path: Path) -> None:
    write_image_table(make_dataset(train=1, test=0), tmp_path)

    with (tmp_path / "manifest.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))

    assert rows[0] == ["image", "id", "label", "split"]
    assert rows[1][:2] == ["images/train-00000.png", "train/00000"]
    assert rows[1][3] == "train"


def test_a_manifest_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("precious")

    with pytest.raises(OutputError, match=r"manifest\.csv exists already"):
        write_image_table(make_dataset(), tmp_path)

    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("column", ["image", "label"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_column(tmp_path: Path, column: str, suffix: str) -> None:
    columns = {"image": ["a.png"], "label": ["Bag"], "brand": ["x"]}
    del columns[column]
    path = save_table(tmp_path / f"feed{suffix}", **columns)

    # Without the column image, a CSV might as well be a pixel CSV.
    problem = (
        "expected the column 'image' of a table"
        if (suffix, column) == (".csv", "image")
        else f"the column '{column}' is missing"
    )
    with pytest.raises(DataError, match=problem):
        read_here(path)


def test_missing_files_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    path = save_table(
        tmp_path / "feed.csv", image=["a.png", "gone1.png", "gone2.png"], label=["Bag"] * 3
    )

    with pytest.raises(DataError, match=r"row 2: no image file .*\(2 of 3 are missing"):
        read_here(path)


@pytest.mark.parametrize("image", ["x" * 5000, "a\0b.png"])
def test_path_that_no_file_can_have(tmp_path: Path, image: str) -> None:
    (tmp_path / "feed.csv").write_text(f"image,label\n{image},Bag\n")

    with pytest.raises(DataError, match="row 1: no image file"):
        read_here(tmp_path / "feed.csv")


def test_ids_that_occur_twice_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    path = save_table(
        tmp_path / "feed.csv",
        image=[f"{number}.png" for number in range(6)],
        label=["Bag"] * 6,
        id=["a", "b", "c", "c", "b", "c"],
    )

    with pytest.raises(DataError, match=r"row 4: the id 'c' .* row 3 \(3 rows repeat an id"):
        read_here(path)


def test_parquet_whose_name_is_not_utf8(tmp_path: Path) -> None:
    path = save_table(tmp_path / "feed.parquet", image=["a.png"], label=["Bag"])
    path = path.rename(tmp_path / os.fsdecode(b"\xff.parquet"))

    with pytest.raises(DataError, match="rename the file"):
        read_here(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_label(tmp_path: Path, suffix: str) -> None:
    path = save_table(tmp_path / f"feed{suffix}", image=["a.png", "b.png"], label=["Bag", None])

    with pytest.raises(DataError, match=r"row 2: the column 'label' is empty \(.* 1 of 2 rows\)"):
        read_here(path)


@pytest.mark.parametrize("split", ["tets", "holdout", ""])
def test_unknown_split(tmp_path: Path, split: str) -> None:
    path = save_table(
        tmp_path / "feed.csv", image=["a.png", "b.png"], label=["Bag"] * 2, split=["train", split]
    )

    with pytest.raises(DataError, match=f"row 2, column 'split': .* received '{split}'"):
        read_here(path)


def test_broken_image_is_named(tmp_path: Path) -> None:
    path = save_table(tmp_path / "feed.csv", image=["a.png"], label=["Bag"])
    (tmp_path / "a.png").write_bytes(b"broken")

    with pytest.raises(DataError, match=r"a\.png: is text, not an image"):
        read_here(path)


def test_row_with_too_many_cells(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("image,label\na.png,Bag\nb.png,Hat,big\n")

    with pytest.raises(DataError, match="line 3: expected 2 cells, received 3"):
        read_here(path)


def test_no_rows(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("image,label\n")

    with pytest.raises(DataError, match="has column names but no rows"):
        read_here(tmp_path / "feed.csv")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("feed.csv", b"", r"is empty \(0 bytes\)"),
        (
            "feed.csv",
            b"image,label\n\xc3\xbc,Bag\n\xff\xfe,Bag\n",
            "line 3: expected text in UTF-8",
        ),
        ("feed.csv", b'image,label\n"a.png,Bag\n', "line 2: unexpected end of data"),
        ("feed.parquet", b"PAR1 not really", "cannot be read as Parquet"),
        ("feed.parquet", b"", "cannot be read as Parquet"),
    ],
)
def test_unreadable_table(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=problem) as caught:
        read_here(tmp_path / name)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_spellings_of_one_class_are_one(tmp_path: Path, suffix: str) -> None:
    """Composed and decomposed letters, and labels with a line break in their cell."""
    labels = ["R\u00f6cke", "Ro\u0308cke", "Kleider\r\nund mehr", "Kleider und mehr\n"]
    path = save_table(
        tmp_path / f"feed{suffix}", image=[f"{n}.png" for n in range(4)], label=labels
    )
    dataset = read_here(path)
    assert dataset.classes == ("Kleider und mehr", "R\u00f6cke")
    assert dataset.splits["train"].labels.tolist() == [1, 1, 0, 0]


def test_suppliers_that_are_not_named_are_told(tmp_path: Path) -> None:
    images = [f"{n}.png" for n in range(3)]
    label = ["a", "b", "a"]
    none = save_table(tmp_path / "a.csv", image=images, label=label, supplier=["", "", ""])
    assert read_here(none).splits["train"].suppliers is None
    some = save_table(tmp_path / "b.csv", image=images, label=label, supplier=["X", "", "Y"])
    assert "1 of 3 rows name no supplier" in " ".join(read_here(some).notices)
    brand = save_table(tmp_path / "c.csv", image=images, label=label, Brand=["X", "Y", "Z"])
    assert "'Brand' is not read; call it supplier" in " ".join(read_here(brand).notices)


def test_addresses_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("image,label\nhttps://example.org/a.jpg,Bag\n")
    with pytest.raises(DataError, match="addresses are not fetched"):
        read_here(tmp_path / "feed.csv")


def test_spellings_of_a_supplier_are_one(tmp_path: Path) -> None:
    path = save_table(
        tmp_path / "feed.csv",
        image=[f"{n}.png" for n in range(5)],
        label=["Bag"] * 5,
        supplier=["ZARA ", "Zara", "B\u00f6hm", "zara", "Zara"],
    )
    dataset = read_here(path)
    suppliers = dataset.splits["train"].suppliers
    assert suppliers is not None
    assert suppliers.tolist() == ["Zara", "Zara", "B\u00f6hm", "Zara", "Zara"]
    assert "1, such as 'ZARA ', 'Zara', 'zara'" in " ".join(dataset.notices)


def test_paths_of_windows_are_found(tmp_path: Path) -> None:
    save_table(tmp_path / "feed.csv", image=["deep/a.png", "b.png"], label=["Bag"] * 2)
    (tmp_path / "feed.csv").write_text("image,label\ndeep\\a.png,Bag\nb.png,Bag\n")
    assert len(read_here(tmp_path / "feed.csv").splits["train"]) == 2


def test_one_image_under_two_labels_is_told(tmp_path: Path) -> None:
    save_table(tmp_path / "feed.csv", image=["a.png", "b.png"], label=["Bag", "Hat"], id=["x", "y"])
    (tmp_path / "feed.csv").write_text("image,label,id\na.png,Bag,x\na.png,Hat,y\n")
    notices = " ".join(load_dataset(tmp_path / "feed.csv").notices)
    assert (
        "1 of the 2 train images occur there under another label too; the first: x and y" in notices
    )


def test_products_are_read_and_those_in_two_splits_are_told(tmp_path: Path) -> None:
    path = save_table(
        tmp_path / "feed.csv",
        image=[f"{n}.png" for n in range(4)],
        label=["Bag"] * 4,
        product=["x", "x", "", "y"],
        split=["train", "test", "train", "train"],
    )
    assert load_dataset(path).splits["train"].product_keys() == [("", "x"), None, ("", "y")]
    notices = " ".join(load_dataset(path).notices)
    assert "Products with images in both train and test: 1;" in notices
    write_image_table(load_dataset(path), tmp_path / "out")
    again = load_dataset(tmp_path / "out").splits["test"]
    assert again.products is not None
    assert again.products.tolist() == ["x"]
