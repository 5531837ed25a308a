"""The numbers of an exploration against values worked out by hand."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hangtag.datasets import Dataset, Split
from hangtag.errors import DataError
from hangtag.reports import measure_dataset


def dataset_of(images: NDArray[np.uint8], labels: list[int], classes: str = "abc") -> Dataset:
    ids = np.array([str(position) for position in range(len(labels))])
    split = Split(images, np.array(labels, dtype=np.int64), ids)
    return Dataset("tiny", "here", tuple(classes), {"train": split})


def test_numbers_of_four_pixels() -> None:
    images = np.array([[[0, 255]], [[51, 204]]], dtype=np.uint8)
    train = measure_dataset(dataset_of(images, [2, 0])).splits["train"]
    assert train.n == 2
    assert (train.x_shape, train.y_shape, train.image_shape) == ((2, 2), (2, 1), (2, 1, 2, 1))
    assert (train.x_dtype, train.y_dtype) == ("uint8", "int64")
    assert train.labels == (0, 2)
    assert train.distinct_labels == 2
    assert train.counts == {"a": 1, "b": 0, "c": 1}
    assert train.balance == 0
    assert train.pixel_mean == pytest.approx(0.5)
    assert train.pixel_std == pytest.approx(np.sqrt((2 * 0.5**2 + 2 * 0.3**2) / 4))
    assert (train.pixel_min, train.pixel_max) == (0, 255)
    assert {value: n for value, n in enumerate(train.histogram) if n} == {
        0: 1,
        51: 1,
        204: 1,
        255: 1,
    }
    assert train.suppliers is None


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))))
def test_pixel_figures_are_those_of_numpy(images: NDArray[np.uint8]) -> None:
    train = measure_dataset(dataset_of(images, [0] * len(images))).splits["train"]
    assert train.pixel_mean == pytest.approx((images / 255).mean())
    assert train.pixel_std == pytest.approx((images / 255).std(), abs=1e-12)
    assert (train.pixel_min, train.pixel_max) == (images.min(), images.max())
    assert sum(train.histogram) == images.size


def test_head_shows_start_middle_and_end_of_the_first_rows() -> None:
    images = np.arange(6 * 784).reshape(6, 28, 28).astype(np.uint8)
    head = measure_dataset(dataset_of(images, [2, 1, 0, 2, 1, 0])).head
    assert head
    assert head.columns[:4] == ("label", "pixel1", "pixel2", "pixel3")
    assert "pixel407" in head.columns  # row 15, column 15: the centre, counted from 1
    assert head.columns[-1] == "pixel784"
    assert head.width == 785
    assert len(head.rows) == 5
    assert head.rows[1][:3] == (1, 784 % 256, 785 % 256)
    assert head.rows[0][-1] == 783 % 256


def test_head_of_a_tiny_image_shows_every_pixel_once() -> None:
    head = measure_dataset(dataset_of(np.array([[[7]]], dtype=np.uint8), [1])).head
    assert head
    assert head.columns == ("label", "pixel1")
    assert head.rows == ((1, 7),)


def test_suppliers_are_counted_largest_first(make_split: Callable[..., Split]) -> None:
    split = make_split([0, 0, 0], suppliers=["small", "large", "large"])
    dataset = Dataset("c", "s", ("a",), {"train": split})
    suppliers = measure_dataset(dataset).splits["train"].suppliers
    assert suppliers is not None
    assert list(suppliers.items()) == [("large", 2), ("small", 1)]


def test_json_holds_the_contract(hostile_dataset: Dataset) -> None:
    content = json.loads(json.dumps(measure_dataset(hostile_dataset).to_json(), allow_nan=False))
    assert content["notices"] == ["1 image of test is also in <train>."]
    train = content["splits"]["train"]
    assert train["distinct_labels"] == 3
    assert list(train["counts"].values()) == [1, 3, 1, 0]
    assert train["image_shape"] == [5, 28, 28, 1]
    assert len(train["histogram"]) == 256


def test_a_split_without_images_is_left_out(make_split: Callable[..., Split]) -> None:
    splits = {"train": make_split([0]), "test": make_split([])}
    assert list(measure_dataset(Dataset("c", "s", ("a",), splits)).splits) == ["train"]


@pytest.mark.parametrize("splits", [{}, {"train": []}])
def test_without_images_one_clear_line(
    splits: dict[str, list[int]], make_split: Callable[..., Split]
) -> None:
    dataset = Dataset("c", "/d", ("a",), {k: make_split(v) for k, v in splits.items()})
    with pytest.raises(DataError, match=r"cannot explore /d: it holds no images"):
        measure_dataset(dataset)


def test_photos_in_colour_have_three_channels_and_no_table_of_pixels() -> None:
    images = np.zeros((2, 4, 5, 3), np.uint8)
    images[0, 0, 0] = 255
    exploration = measure_dataset(dataset_of(images, [0, 1]))
    train = exploration.splits["train"]
    assert (train.x_shape, train.image_shape) == ((2, 60), (2, 4, 5, 3))
    assert train.histogram[255] == 3
    assert train.pixel_mean == pytest.approx(3 / 120)
    assert exploration.head is None
    assert json.loads(json.dumps(exploration.to_json()))["head"] is None
