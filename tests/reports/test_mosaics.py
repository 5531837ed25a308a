"""Pictures made of many small images."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import Dataset, Split
from hangtag.reports import AugmentedCopies
from hangtag.reports.mosaics import (
    MOST_CLASSES,
    class_means,
    draw_augmented,
    draw_class_examples,
    draw_class_means,
    largest_classes,
    tile,
)

Decode = Callable[[bytes], NDArray[np.uint8]]


def test_tile_puts_every_image_in_its_place() -> None:
    images = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    sheet = tile(images, gap=(1, 2))
    assert sheet.shape == (2 * 3 - 1, 3 * 4 - 2)
    np.testing.assert_array_equal(sheet[0:2, 4:6], images[0, 1])
    np.testing.assert_array_equal(sheet[3:5, 8:10], images[1, 2])
    assert np.isnan(sheet[2]).all()
    assert np.isnan(sheet[:, 2:4]).all()
    np.testing.assert_array_equal(tile(images[:1, :1], gap=(0, 0)), images[0, 0])


def test_class_means_by_hand(make_split: Callable[..., Split]) -> None:
    split = make_split([1, 0, 1])
    means = class_means(split, [0, 1, 2])
    np.testing.assert_array_equal(means[0], split.images[1])
    np.testing.assert_allclose(means[1], (split.images[0] / 2 + split.images[2] / 2))
    assert np.isnan(means[2]).all()


def test_largest_classes_are_drawn_in_their_order(make_split: Callable[..., Split]) -> None:
    classes = tuple(f"class {label}" for label in range(MOST_CLASSES + 3))
    labels = [0, *range(2, MOST_CLASSES + 1), MOST_CLASSES + 2, 0]
    dataset = Dataset("c", "s", classes, {"train": make_split(labels)})
    chosen = largest_classes(dataset).tolist()
    assert len(chosen) == MOST_CLASSES
    assert chosen == sorted(chosen)
    assert set(labels) <= set(chosen) | {MOST_CLASSES + 2}


def test_pictures_of_awkward_classes(hostile_dataset: Dataset, pixels_of: Decode) -> None:
    for draw in (draw_class_examples, draw_class_means):
        png = draw(hostile_dataset)
        assert pixels_of(png).std() > 20
        assert png == draw(hostile_dataset)


def test_one_image_of_one_class(make_split: Callable[..., Split], pixels_of: Decode) -> None:
    dataset = Dataset("c", "s", ("only",), {"train": make_split([0])})
    assert pixels_of(draw_class_examples(dataset)).std() > 10
    assert pixels_of(draw_class_means(dataset)).std() > 10


def test_augmented_copies_stand_beside_their_originals(pixels_of: Decode) -> None:
    originals = np.zeros((2, 28, 28), dtype=np.uint8)
    copies = np.zeros((2, 3, 28, 28), dtype=np.uint8)
    dark = draw_augmented(AugmentedCopies("r", ("a", "b"), originals, copies))
    bright = draw_augmented(AugmentedCopies("r", ("a", "b"), originals, copies + 255))
    assert pixels_of(dark).shape == pixels_of(bright).shape
    share = (pixels_of(dark) != pixels_of(bright)).any(axis=2).mean()
    assert 0.5 < share < 0.75  # three of the four columns, and a name beside each row
