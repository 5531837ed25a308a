import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import FASHION_MNIST_CLASSES, Dataset, load_dataset, require_known_name
from hangtag.datasets.export import write_pixel_csv
from hangtag.errors import DataError, FetchError, HangtagError
from hangtag.images.spec import PHOTO_SPEC
from tests.datasets.idx_files import write_idx_images, write_idx_labels
from tests.datasets.tiny_datasets import assert_same_items, make_dataset


def write_idx_folder(dataset: Dataset, folder: Path, *, suffix: str = "") -> Path:
    for name, split in dataset.splits.items():
        prefix = {"train": "train", "test": "t10k"}[name]
        write_idx_images(split.images, folder / f"{prefix}-images-idx3-ubyte{suffix}")
        write_idx_labels(split.labels, folder / f"{prefix}-labels-idx1-ubyte{suffix}")
    return folder


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("counts", [(5, 3), (5, 0), (0, 3)])
def test_folder_of_idx_files(tmp_path: Path, suffix: str, counts: tuple[int, int]) -> None:
    dataset = make_dataset(train=counts[0], test=counts[1])
    write_idx_folder(dataset, tmp_path / "shop", suffix=suffix)

    again = load_dataset(tmp_path / "shop")

    assert_same_items(again, dataset)
    assert again.name == "shop"
    assert again.source == str(tmp_path / "shop")


def test_idx_file_without_its_partner(tmp_path: Path) -> None:
    write_idx_folder(make_dataset(), tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()

    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte has no partner; put t10k-labels"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_folder_of_pixel_csvs(tmp_path: Path, suffix: str) -> None:
    dataset = make_dataset()
    for name, split in dataset.splits.items():
        write_pixel_csv(split, tmp_path / f"fashion-mnist_{name}{suffix}")

    again = load_dataset(str(tmp_path))

    assert_same_items(again, dataset)
    assert again.name == "fashion-mnist"


@pytest.mark.parametrize(
    ("file", "split", "name"),
    [
        ("fashion-mnist_test.csv", "test", "fashion-mnist"),
        ("shop_val.csv.gz", "validation", "shop"),
        ("shop.csv", "train", "shop"),
        ("a_b.csv.gz", "train", "a_b"),
    ],
)
def test_single_pixel_csv(tmp_path: Path, file: str, split: str, name: str) -> None:
    original = make_dataset().splits["train"]
    write_pixel_csv(original, tmp_path / file)

    dataset = load_dataset(tmp_path / file)

    assert list(dataset.splits) == [split]
    assert dataset.name == name
    assert dataset.classes == FASHION_MNIST_CLASSES
    np.testing.assert_array_equal(dataset.splits[split].images, original.images)


@pytest.mark.parametrize("second", ["shop_train.csv.gz", "other_test.csv"])
def test_folder_with_two_data_sets(tmp_path: Path, second: str) -> None:
    split = make_dataset().splits["train"]
    write_pixel_csv(split, tmp_path / "shop_train.csv")
    write_pixel_csv(split, tmp_path / second)

    with pytest.raises(DataError, match="holds more than one data set"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("label,pixel2\n1,2\n", "the column 'pixel1' is missing"),
        ("pixel1,pixel2\n1,2\n", "the column 'label' is missing"),
        ("image,brand\na.png,x\n", "the column 'label' is missing"),
        ("sku,price\n1,2\n", "received 'sku, price'"),
        ("\n1,2\n", "received '1, 2'"),
        ("", r"is empty \(0 bytes\)"),
    ],
)
def test_table_that_is_neither_pixels_nor_manifest(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "feed.csv").write_text(text)

    with pytest.raises(DataError, match=problem):
        load_dataset(tmp_path / "feed.csv")


def test_duplicates_are_reported_for_any_data_set(tmp_path: Path) -> None:
    dataset = make_dataset()
    dataset.splits["test"].images[2] = dataset.splits["train"].images[8]
    dataset.splits["test"].labels[2] = dataset.splits["train"].labels[8]
    write_idx_folder(dataset, tmp_path)

    assert load_dataset(tmp_path).notices == (
        "1 of the 5 test images also appear in train (0 of them under another label).",
    )


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(
        DataError, match=r"'fashion_mnits' \(did you mean 'fashion-mnist'\?\); expected"
    ):
        load_dataset("fashion_mnits")
    with pytest.raises(DataError) as caught:
        load_dataset("completely/else")
    assert "did you mean" not in str(caught.value)


def test_names_that_can_be_fetched() -> None:
    require_known_name("fashion-mnist")
    with pytest.raises(DataError, match=r"'mnist'.*known are: fashion-mnist"):
        require_known_name("mnist")
    with pytest.raises(DataError, match=r" \(did you mean 'fashion-mnist'\?\); known are"):
        require_known_name("fashion-mnits")


@pytest.mark.parametrize("path", ["x" * 5000, f"{'x' * 5000}.csv", "a\0b"])
def test_path_that_nothing_can_have(path: str) -> None:
    with pytest.raises(DataError, match="no data set, file or folder is called"):
        load_dataset(path)


def test_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(DataError, match="name or path is empty"):
        load_dataset("")


def test_names_that_are_not_utf8_become_printable(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"shop\xff")
    for name in (b"Bag", b"Bag\xff"):
        path = folder / os.fsdecode(name) / os.fsdecode(b"\xff.png")
        path.parent.mkdir(parents=True)
        Image.new("L", (28, 28)).save(path)

    dataset = load_dataset(folder)

    assert dataset.name == r"shop\xff"
    assert dataset.source == str(tmp_path / r"shop\xff")
    assert dataset.classes == ("Bag", r"Bag\xff")
    assert dataset.splits["train"].ids.tolist() == [r"Bag/\xff.png", r"Bag\xff/\xff.png"]


def test_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")

    with pytest.raises(
        DataError, match=r"a\.zip is not a data set; expected a folder of IDX files"
    ):
        load_dataset(tmp_path / "a.zip")


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in class folders found"):
        load_dataset(tmp_path)


def test_name_is_verified_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANGTAG_HOME", str(tmp_path))
    write_idx_folder(make_dataset(), tmp_path / "fashion-mnist")
    if Path("/usr/share/datasets/fashion-mnist").exists():
        pytest.skip("the data set is installed on this machine")

    with pytest.raises(FetchError, match="differs from the published file"):
        load_dataset("fashion-mnist", offline=True)


def test_the_real_data_by_name_and_by_path(fashion_mnist: Dataset) -> None:
    assert fashion_mnist.name == "fashion-mnist"
    assert fashion_mnist.notices == ("No image occurs in more than one split.",)
    shapes = {name: split.images.shape for name, split in fashion_mnist.splits.items()}
    assert shapes == {"train": (60_000, 28, 28), "test": (10_000, 28, 28)}
    assert np.bincount(fashion_mnist.splits["train"].labels).tolist() == [6000] * 10
    assert fashion_mnist.splits["test"].ids[42] == "test/00042"


@pytest.mark.parametrize("kind", ["idx", "csv"])
def test_every_damage_to_a_folder_is_an_error_of_ours(tmp_path: Path, kind: str) -> None:
    dataset = make_dataset(train=3, test=2)
    source = tmp_path / "whole"
    if kind == "idx":
        write_idx_folder(dataset, source, suffix=".gz")
    else:
        for name, split in dataset.splits.items():
            write_pixel_csv(split, source / f"shop_{name}.csv.gz")
    generator = np.random.default_rng(0)
    noticed = 0
    for number in range(60):
        folder = tmp_path / str(number)
        shutil.copytree(source, folder)
        victim = sorted(folder.iterdir())[number % len(list(folder.iterdir()))]
        content = bytearray(victim.read_bytes())
        content[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
        victim.write_bytes(content[: generator.integers(len(content) // 2, len(content) + 1)])
        try:
            load_dataset(folder)
        except HangtagError:
            noticed += 1

    assert noticed > 50


def test_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)

    with pytest.raises(DataError, match=r"cannot read the folder .*: Permission denied"):
        load_dataset(tmp_path)


def test_photos_are_recognised_kept_and_broken_ones_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGTAG_HOME", str(tmp_path / "home"))
    for number in range(300):
        path = tmp_path / "photos" / ("Bag", "Hat")[number % 2] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number % 256, 9, 9)).save(path)
    (tmp_path / "photos" / "Hat" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    done: list[int] = []

    dataset = load_dataset(tmp_path / "photos", on_progress=lambda count, total: done.append(count))
    again = load_dataset(tmp_path / "photos")

    assert dataset.first.images.shape == (300, 224, 224, 3)
    assert [image.id for image in dataset.broken] == ["Hat/broken.jpg"]
    assert "1 of the 301 images cannot be read" in " ".join(dataset.notices)
    assert done == list(range(1, 302))
    assert list((tmp_path / "home" / "pixels").rglob("*.pixels"))
    np.testing.assert_array_equal(dataset.first.images, again.first.images)
    with pytest.raises(DataError, match=r"broken\.jpg: is "):
        load_dataset(tmp_path / "photos", max_broken=0, cache=False)


def test_labels_may_name_categories_of_the_user(tmp_path: Path) -> None:
    for label in ("11", "Hats"):
        (tmp_path / "data" / label).mkdir(parents=True)
        Image.new("L", (28, 28)).save(tmp_path / "data" / label / "a.png")
    (tmp_path / "tree.csv").write_text("id,name,parent\n1,All,\n11,Bags,1\n12,Hats,1\n")

    dataset = load_dataset(tmp_path / "data", taxonomy=tmp_path / "tree.csv", cache=False)

    assert dataset.classes == ("Bags", "Hats")
    assert dataset.tree is not None


def test_arrays_of_another_shape_than_asked_for(tmp_path: Path) -> None:
    write_idx_folder(make_dataset(), tmp_path)
    with pytest.raises(DataError, match="expected colour images of 224x224 pixels"):
        load_dataset(tmp_path, spec=PHOTO_SPEC)
