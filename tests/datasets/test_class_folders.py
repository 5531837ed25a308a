from pathlib import Path

import pytest
from PIL import Image

from hangtag.datasets.export import write_class_folders
from hangtag.errors import DataError, OutputError
from hangtag.readers.class_folders import encode_class
from tests.datasets.tiny_datasets import assert_same_items, make_dataset, read_here


def save_image(path: Path, value: int = 100, size: tuple[int, int] = (28, 28)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def test_round_trip_keeps_pixels_labels_and_order(tmp_path: Path) -> None:
    dataset = make_dataset(train=25, test=8)
    write_class_folders(dataset, tmp_path / "out")

    assert_same_items(read_here(tmp_path / "out"), dataset)


def test_names_of_folders_and_files(tmp_path: Path) -> None:
    dataset = make_dataset(train=3, test=0)
    dataset.splits["train"].labels[:] = [0, 9, 0]
    write_class_folders(dataset, tmp_path)

    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))

    assert files == [
        "train/Ankle boot/00001.png",
        "train/T-shirt%2Ftop/00000.png",
        "train/T-shirt%2Ftop/00002.png",
    ]
    assert read_here(tmp_path).splits["train"].ids.tolist() == [
        "train/T-shirt%2Ftop/00000.png",
        "train/Ankle boot/00001.png",
        "train/T-shirt%2Ftop/00002.png",
    ]


def test_classes_of_our_own_survive_even_when_empty(tmp_path: Path) -> None:
    classes = ("..", "50% off", "nothing: here", "été/hiver")
    dataset = make_dataset(train=9, test=0, classes=classes)
    dataset.splits["train"].labels[:] = [0, 1, 3] * 3
    write_class_folders(dataset, tmp_path / "out")

    assert_same_items(read_here(tmp_path / "out"), dataset)


@pytest.mark.parametrize(
    ("name", "encoded"),
    [("T-shirt/top", "T-shirt%2Ftop"), ("Ankle boot", "Ankle boot"), (".x", "%2Ex"), ("%", "%25")],
)
def test_encoded_class_names(name: str, encoded: str) -> None:
    assert encode_class(name) == encoded


def test_known_class_names_keep_the_official_order(tmp_path: Path) -> None:
    save_image(tmp_path / "Sandal" / "a.png")
    save_image(tmp_path / "Bag" / "b.png")

    dataset = read_here(tmp_path)

    assert dataset.classes == ("Sandal", "Bag")
    assert dataset.splits["train"].labels.tolist() == [0, 1]


def test_other_class_names_are_sorted(tmp_path: Path) -> None:
    save_image(tmp_path / "train" / "Skirt" / "b.png")
    save_image(tmp_path / "train" / "Bag" / "c.png")
    save_image(tmp_path / "val" / "Hat" / "a.png")

    dataset = read_here(tmp_path)

    assert dataset.classes == ("Bag", "Hat", "Skirt")
    assert {name: split.labels.tolist() for name, split in dataset.splits.items()} == {
        "train": [2, 0],
        "validation": [1],
    }
    assert dataset.name == tmp_path.name


def test_resized_images_are_counted_in_a_notice(tmp_path: Path) -> None:
    save_image(tmp_path / "Bag" / "a.png")
    save_image(tmp_path / "Bag" / "b.png", size=(100, 50))

    notices = read_here(tmp_path).notices

    assert len(notices) == 1
    assert notices[0].startswith("1 of the 2 images were not 28x28 pixels")


def test_hidden_files_and_a_readme_are_skipped(tmp_path: Path) -> None:
    save_image(tmp_path / "Bag" / "a.png")
    (tmp_path / "Bag" / ".DS_Store").write_text("x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "README.md").write_text("x")

    assert len(read_here(tmp_path)) == 1


def test_progress_counts_images(tmp_path: Path) -> None:
    ticks: list[tuple[int, int | None]] = []
    dataset = make_dataset(train=2, test=1)

    write_class_folders(
        dataset, tmp_path, on_progress=lambda *on_progress: ticks.append(on_progress)
    )
    read_here(tmp_path, on_progress=lambda *on_progress: ticks.append(on_progress))

    assert ticks == [(1, 3), (2, 3), (3, 3)] * 2


@pytest.mark.parametrize("names", [[], ["train"], ["train/Bag"], ["Bag", "Shirt"]])
def test_folder_without_images(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).mkdir(parents=True)

    with pytest.raises(DataError, match="no images in class folders found"):
        read_here(tmp_path)


def test_file_that_is_not_an_image_is_named(tmp_path: Path) -> None:
    save_image(tmp_path / "Bag" / "a.png")
    (tmp_path / "Bag" / "notes.png").write_text("not an image")

    with pytest.raises(DataError, match=r"Bag/notes\.png: is text, not an image"):
        read_here(tmp_path)


def test_what_is_no_image_by_its_suffix_is_skipped_and_told(tmp_path: Path) -> None:
    save_image(tmp_path / "Bag" / "a.png")
    for name in ("Thumbs.db", "sizes.TXT", "prices.txt", "photo.db"):
        (tmp_path / "Bag" / name).write_text("not an image")

    dataset = read_here(tmp_path)

    assert len(dataset) == 1
    assert dataset.notices == ("Skipped in the class folders: 2 .txt, 1 .db.",)


def test_images_outside_the_class_folders(tmp_path: Path) -> None:
    save_image(tmp_path / "train" / "Bag" / "a.png")
    save_image(tmp_path / "train" / "lost.png")

    with pytest.raises(DataError, match=r"train/lost\.png lies outside the class folders"):
        read_here(tmp_path)


def test_folder_too_deep(tmp_path: Path) -> None:
    save_image(tmp_path / "Bag" / "red" / "a.png")

    with pytest.raises(DataError, match="Bag/red is a folder where images are expected"):
        read_here(tmp_path)


def test_mixed_split_and_class_folders(tmp_path: Path) -> None:
    save_image(tmp_path / "train" / "Bag" / "a.png")
    save_image(tmp_path / "Shirt" / "a.png")

    with pytest.raises(DataError, match="mixes the split folder 'train' with the folder 'Shirt'"):
        read_here(tmp_path)


def test_two_names_of_one_split(tmp_path: Path) -> None:
    save_image(tmp_path / "val" / "Bag" / "a.png")
    save_image(tmp_path / "validation" / "Bag" / "a.png")

    with pytest.raises(DataError, match="both 'val' and 'validation'"):
        read_here(tmp_path)


def test_an_export_is_never_mixed_with_what_is_there(tmp_path: Path) -> None:
    dataset = make_dataset(train=2, test=1)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "precious.txt").write_text("x")

    with pytest.raises(OutputError, match="test exists already"):
        write_class_folders(dataset, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["test"]


def test_an_interrupted_export_leaves_no_split(tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_class_folders(make_dataset(train=5), tmp_path, on_progress=interrupt)

    assert list(tmp_path.iterdir()) == []
