"""Spellings of classes, numbers of Fashion-MNIST's classes, products, rows that are left out."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import FASHION_MNIST_CLASSES, load_dataset
from hangtag.errors import DataError
from hangtag.evaluation.metrics import align_split
from hangtag.taxonomy.spelling import choose_spellings, fold_class
from tests.datasets.tiny_datasets import make_split, read_here


def write_feed(folder: Path, lines: list[str], *, header: str = "image,label") -> Path:
    for number in range(len(lines)):
        Image.fromarray(np.full((28, 28), number, np.uint8)).save(folder / f"{number}.png")
    path = folder / "feed.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_spellings_of_a_class_are_one_class_with_a_note(tmp_path: Path) -> None:
    labels = ["Dress", "Dress", "dress ", " Dress", "DRESS", "Hat"]
    path = write_feed(tmp_path, [f"{number}.png,{label}" for number, label in enumerate(labels)])
    dataset = read_here(path)
    assert dataset.classes == ("Dress", "Hat")
    assert dataset.splits["train"].labels.tolist() == [0, 0, 0, 0, 0, 1]
    assert any("Classes spelled in several ways: 1" in notice for notice in dataset.notices)


def test_folders_that_differ_in_case_are_one_class(tmp_path: Path) -> None:
    for number, name in enumerate(("Dress", "dress", "Hat")):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((28, 28), number, np.uint8)).save(tmp_path / name / "a.png")
    assert read_here(tmp_path).classes == ("Dress", "Hat")


def test_the_spelling_of_most_items_is_used() -> None:
    assert set(choose_spellings(["a", "A", "a"]).values()) == {"a"}
    assert set(choose_spellings(["DRESS", "Dress", "dress"]).values()) == {"Dress"}
    assert fold_class("T - shirt / top") == fold_class("T-shirt/Top")


@pytest.mark.parametrize(
    "names",
    [
        ("T - shirt / top", "trouser", "ANKLE BOOT "),
        ("0", "1", "9"),
    ],
)
def test_evaluation_knows_labels_in_other_spellings(names: tuple[str, ...]) -> None:
    split = make_split(9, classes=3)
    aligned = align_split(split, classes=names, model_classes=FASHION_MNIST_CLASSES)
    assert aligned.labels.tolist() == np.array([0, 1, 9])[split.labels].tolist()


def test_models_whose_classes_differ_in_case_are_told_apart() -> None:
    split = make_split(9, classes=2)
    aligned = align_split(split, classes=("a", "A"), model_classes=("A", "a"))
    assert aligned.labels.tolist() == (1 - split.labels).tolist()


def test_folders_0_to_9_of_small_grey_images_are_fashion_mnist(tmp_path: Path) -> None:
    for size in ((28, 28), (64, 64)):
        root = tmp_path / str(size[0])
        for number in range(10):
            (root / str(number)).mkdir(parents=True)
            Image.new("L", size, 20 * number).save(root / str(number) / "a.png")
    dataset = load_dataset(tmp_path / "28", cache=False)
    assert dataset.classes == FASHION_MNIST_CLASSES
    assert any("taken for those of Fashion-MNIST" in notice for notice in dataset.notices)
    assert load_dataset(tmp_path / "64", cache=False).classes == tuple("0123456789")


@pytest.mark.parametrize("column", ["product_id", "Product", "handle", "item group id", "group"])
def test_products_are_named_by_many_columns(tmp_path: Path, column: str) -> None:
    lines = [f"{number}.png,Bag,p{number // 3}" for number in range(6)]
    dataset = read_here(write_feed(tmp_path, lines, header=f"image,label,{column}"))
    products = dataset.splits["train"].products
    assert products is not None
    assert products.tolist() == ["p0"] * 3 + ["p1"] * 3
    named = any(f"The column '{column}' names products" in notice for notice in dataset.notices)
    assert named == (column != "Product")


def test_a_column_of_few_values_names_no_products(tmp_path: Path) -> None:
    lines = [f"{number}.png,Bag,women" for number in range(30)]
    dataset = read_here(write_feed(tmp_path, lines, header="image,label,group"))
    assert dataset.splits["train"].products is None
    assert any("'group' is not taken for products" in notice for notice in dataset.notices)


def test_a_few_broken_rows_are_left_out_and_listed(tmp_path: Path) -> None:
    lines = [f"{number}.png,Bag" for number in range(20)]
    lines[3], lines[7], lines[9] = "3.png,Bag,, Navy", '"7.png,Bag', "https://x.example/9.png,Bag"
    path = write_feed(tmp_path, lines)
    with pytest.raises(DataError, match="line 5: expected 2 cells, received 4"):
        read_here(path)
    dataset = load_dataset(path, cache=False)
    assert len(dataset) == 17
    reasons = [broken.reason for broken in dataset.broken]
    assert [any(place in reason for reason in reasons) for place in ("line 5", "line 9", "row 10")]
    assert any("3 of the 20 images cannot be read" in notice for notice in dataset.notices)
    path.write_text(path.read_text().replace(",Bag\n", ",Bag,x\n"))
    with pytest.raises(DataError, match=r"rows cannot be read; the first: .*line"):
        load_dataset(path, cache=False)


def test_a_table_that_is_cut_off_is_not_a_few_broken_rows(tmp_path: Path) -> None:
    path = write_feed(
        tmp_path,
        [f"{number}.png,Bag,{number * 7919}" for number in range(40)],
        header="image,label,sku",
    )
    cut = gzip.compress(path.read_bytes())[:-30]
    (tmp_path / "cut.csv.gz").write_bytes(cut)
    with pytest.raises(DataError, match="cut off"):
        load_dataset(tmp_path / "cut.csv.gz", cache=False)


def test_labels_that_are_lists_are_told(tmp_path: Path) -> None:
    path = write_feed(tmp_path, ["0.png,['Dress']", "1.png,['Hat']"])
    assert any("lists or JSON" in notice for notice in read_here(path).notices)
