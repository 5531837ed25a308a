from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from hangtag.datasets import Dataset
from hangtag.training.preprocessing import (
    Normalisation,
    pixel_statistics,
    scale_pixels,
    standardise,
)
from hangtag.training.recipes import load_recipe, parse_settings
from hangtag.training.targets import one_hot

SOME_IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


def test_scale_pixels_divides_by_255_and_puts_channels_first() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(2, 8, 8, 2)
    images = scale_pixels(pixels)
    assert images.shape == (2, 2, 8, 8)
    assert images.dtype == torch.float32
    assert images[1, 1, 7, 7] == 1.0
    assert images[0, 0, 0, 0] == 0.0
    assert torch.equal((images * 255).round().to(torch.uint8).permute(0, 2, 3, 1), pixels)


@given(images=arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=1)))
def test_pixel_statistics_are_those_of_numpy(images: NDArray[np.uint8]) -> None:
    mean, deviation = pixel_statistics(images)
    assert mean == pytest.approx((images / 255).mean(), abs=1e-12)
    assert deviation == pytest.approx((images / 255).std(), abs=1e-9)


def test_pixel_statistics_of_the_real_train_set(fashion_mnist: Dataset) -> None:
    mean, deviation = pixel_statistics(fashion_mnist.splits["train"].images)
    assert f"{mean:.4f} {deviation:.4f}" == "0.2860 0.3530"


def test_standardise_by_its_own_statistics_gives_mean_0_and_deviation_1() -> None:
    images = torch.from_numpy(SOME_IMAGES / 255)
    mean, deviation = pixel_statistics(SOME_IMAGES)
    standardised = standardise(images, mean=mean, deviation=deviation)
    assert standardised.mean().item() == pytest.approx(0, abs=1e-9)
    assert standardised.std(correction=0).item() == pytest.approx(1, abs=1e-9)


def test_normalisation_of_a_recipe_that_scales_changes_nothing() -> None:
    images = scale_pixels(torch.from_numpy(SOME_IMAGES)[..., None])
    assert torch.equal(Normalisation.of(load_recipe("seed"), SOME_IMAGES)(images), images)


def test_normalisation_of_a_recipe_that_standardises_is_measured() -> None:
    recipe = load_recipe("seed", settings=parse_settings(["normalise=standardise"]))
    normalisation = Normalisation.of(recipe, SOME_IMAGES)
    assert (normalisation.mean, normalisation.deviation) == pixel_statistics(SOME_IMAGES)
    normalised = normalisation(scale_pixels(torch.from_numpy(SOME_IMAGES)[..., None]))
    assert normalised.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_normalisation_of_images_of_one_grey_stays_finite() -> None:
    recipe = load_recipe("seed", settings=parse_settings(["normalise=standardise"]))
    normalisation = Normalisation.of(recipe, np.full((3, 28, 28), 51, dtype=np.uint8))
    assert normalisation(torch.full((1, 1, 28, 28), 0.2)).abs().max() < 1e-6


def test_one_hot_of_3_among_10() -> None:
    targets = one_hot(torch.tensor([3]), classes=10)
    assert targets.tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]


@given(labels=st.lists(st.integers(0, 9), max_size=50))
def test_one_hot_equals_to_categorical(keras: ModuleType, labels: list[int]) -> None:
    ours = one_hot(torch.tensor(labels, dtype=torch.int64), classes=10)
    assert ours.dtype == torch.float32
    expected = keras.utils.to_categorical(np.array(labels, dtype=np.int64), num_classes=10)
    np.testing.assert_array_equal(ours, expected.reshape(-1, 10))


@pytest.mark.parametrize("wrong", [-1, 10])
def test_one_hot_refuses_a_label_outside_the_classes(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"labels: expected 0..9, received .*{wrong}"):
        one_hot(torch.tensor([0, wrong]), classes=10)
