"""Pictures of how pixels and classes are spread."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.datasets import Dataset, Split
from hangtag.reports import explore
from hangtag.reports.distributions import draw_class_balance, draw_pixel_histogram

Decode = Callable[[bytes], NDArray[np.uint8]]


def test_awkward_classes_are_drawn_the_same_each_time(
    hostile_dataset: Dataset, pixels_of: Decode
) -> None:
    exploration = explore(hostile_dataset)
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
    exploration = explore(Dataset("c", "s", ("a",), {"train": split}))
    assert pixels_of(draw_pixel_histogram(exploration)).std() > 2


def test_balance_shows_shares_not_counts(make_split: Callable[..., Split]) -> None:
    """Ten times the images with the same shares is the same picture."""
    small = Dataset("c", "s", ("a", "b"), {"train": make_split([0, 1, 1])})
    large = Dataset("c", "s", ("a", "b"), {"train": make_split([0, 1, 1] * 10)})
    assert draw_class_balance(explore(small), [0, 1]) == draw_class_balance(explore(large), [0, 1])
