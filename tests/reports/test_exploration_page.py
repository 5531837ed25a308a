"""The page of an exploration and its pictures of distributions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.datasets import Dataset, Split
from hangtag.reports import AugmentedCopies, measure_dataset, write_exploration
from hangtag.reports.exploration_page import draw_class_balance, draw_pixel_histogram

Decode = Callable[[bytes], NDArray[np.uint8]]
FIGURES = {"class_balance", "class_examples", "class_means", "pixel_histogram"}


def write(folder: Path, dataset: Dataset) -> str:
    page = write_exploration(folder, dataset, measure_dataset(dataset))
    assert page == folder / "explore.html"
    return page.read_text(encoding="utf-8")


def test_page_and_figures(tmp_path: Path, hostile_dataset: Dataset, pixels_of: Decode) -> None:
    html = write(tmp_path / "new" / "folder", hostile_dataset)
    figures = list((tmp_path / "new" / "folder" / "figures").iterdir())
    assert {figure.name for figure in figures} == {f"{name}.png" for name in FIGURES}
    assert all(pixels_of(figure.read_bytes()).std() > 2 for figure in figures)
    assert "(5, 28, 28, 1) uint8" in html
    assert "(1, 784) uint8" in html
    assert "pixel784" in html
    assert "Augmentation" not in html


def test_words_of_brands_never_run(tmp_path: Path, hostile_dataset: Dataset) -> None:
    html = write(tmp_path, hostile_dataset)
    for markup in ("<script", "<b>", "<u>", "<train>"):
        assert markup not in html
    for text in ("&lt;script&gt;", "shop &lt;b&gt;", "&lt;u&gt;B", "also in &lt;train&gt;", "上着"):
        assert text in html


def test_page_repeats_byte_for_byte(tmp_path: Path, hostile_dataset: Dataset) -> None:
    assert write(tmp_path / "a", hostile_dataset) == write(tmp_path / "b", hostile_dataset)


def test_ellipsis_stands_where_columns_are_left_out(
    tmp_path: Path, make_split: Callable[..., Split]
) -> None:
    html = write(tmp_path, Dataset("c", "s", ("a",), {"train": make_split([0])}))
    head = html[html.index(">label<") : html.index("pixel784")]
    assert head.count("<th>…</th>") == 2


def test_augmented_copies_are_shown(tmp_path: Path, hostile_dataset: Dataset) -> None:
    originals = hostile_dataset.splits["train"].images[:2]
    augmented = AugmentedCopies("my & recipe", ("a", "b"), originals, originals[:, None])
    page = write_exploration(
        tmp_path, hostile_dataset, measure_dataset(hostile_dataset), augmented=augmented
    )
    assert (tmp_path / "figures" / "augmentation.png").exists()
    assert "my &amp; recipe" in page.read_text(encoding="utf-8")


def test_one_image_is_enough(tmp_path: Path, make_split: Callable[..., Split]) -> None:
    html = write(tmp_path, Dataset("one", "s", ("only",), {"train": make_split([0])}))
    assert "Every class has the same number" in html


def test_awkward_classes_are_drawn_the_same_each_time(
    hostile_dataset: Dataset, pixels_of: Decode
) -> None:
    exploration = measure_dataset(hostile_dataset)
    balance = draw_class_balance(exploration, range(4))
    assert pixels_of(balance).std() > 5
    assert balance == draw_class_balance(exploration, range(4))
    histogram = draw_pixel_histogram(exploration)
    assert pixels_of(histogram).std() > 5
    assert histogram == draw_pixel_histogram(exploration)


@pytest.mark.parametrize("value", [0, 255])
def test_a_single_pixel_value_can_be_drawn(value: int, pixels_of: Decode) -> None:
    images = np.full((1, 2, 2), value, dtype=np.uint8)
    split = Split(images, np.array([0]), np.array(["x"]))
    exploration = measure_dataset(Dataset("c", "s", ("a",), {"train": split}))
    assert pixels_of(draw_pixel_histogram(exploration)).std() > 2


def test_balance_shows_fractions_not_counts(make_split: Callable[..., Split]) -> None:
    """Ten times the images with the same fractions is the same picture."""
    small = Dataset("c", "s", ("a", "b"), {"train": make_split([0, 1, 1])})
    large = Dataset("c", "s", ("a", "b"), {"train": make_split([0, 1, 1] * 10)})
    assert draw_class_balance(measure_dataset(small), [0, 1]) == draw_class_balance(
        measure_dataset(large), [0, 1]
    )
