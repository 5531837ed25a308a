import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.stats import ks_2samp, kstest
from torch import Generator, Tensor

from hangtag.training.augment import affine, random_affine, standardise_each

SEED_SETTINGS = {"rotation": 0.5, "zoom": 0.1, "width_shift": 0.3, "height_shift": 0.1}

# Keras calls SciPy by a name that SciPy will drop in version 2.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"
)


@pytest.fixture(scope="module")
def keras_image(keras: ModuleType) -> ModuleType:
    return importlib.import_module("keras.src.legacy.preprocessing.image")


def make_generator(keras_image: ModuleType) -> Any:
    """Keras' generator with the seed's settings.

    Keras 3 moves along the rows by `width_shift_range` and along the columns by
    `height_shift_range`, against its documentation, so they are given to it the other way round.
    """
    return keras_image.ImageDataGenerator(
        rotation_range=SEED_SETTINGS["rotation"],
        zoom_range=SEED_SETTINGS["zoom"],
        width_shift_range=SEED_SETTINGS["height_shift"],
        height_shift_range=SEED_SETTINGS["width_shift"],
    )


def one_vector(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float32)


def affine_as_keras_names(image: NDArray[np.float32], parameters: dict[str, float]) -> Any:
    """Applies `affine` to one image (H, W, C) by the names Keras gives the numbers."""
    changed = affine(
        torch.from_numpy(image).permute(2, 0, 1)[None],
        theta=one_vector(parameters["theta"]),
        zoom_rows=one_vector(parameters["zy"]),
        zoom_columns=one_vector(parameters["zx"]),
        shift_rows=one_vector(parameters["ty"]),
        shift_columns=one_vector(parameters["tx"]),
    )
    return changed[0].permute(1, 2, 0).numpy()


def make_ramps(count: int) -> Tensor:
    """Images whose channels hold the row and the column of each pixel, (count, 2, 28, 28)."""
    steps = torch.arange(28.0) / 27
    ramp = torch.stack((steps[:, None].expand(28, 28), steps.expand(28, 28)))
    return ramp.expand(count, -1, -1, -1)


@settings(deadline=None)
@given(
    theta=st.floats(-180, 180, width=32),
    zoom=st.tuples(st.floats(0.5, 2, width=32), st.floats(0.5, 2, width=32)),
    shift=st.tuples(st.floats(-30, 30, width=32), st.floats(-30, 30, width=32)),
    size=st.integers(2, 29),
)
def test_affine_equals_keras_for_the_same_numbers(
    keras_image: ModuleType,
    theta: float,
    zoom: tuple[float, float],
    shift: tuple[float, float],
    size: int,
) -> None:
    image = np.random.default_rng(0).random((size, size, 3), dtype=np.float32)
    parameters = {"theta": theta, "zx": zoom[0], "zy": zoom[1], "tx": shift[0], "ty": shift[1]}
    expected = keras_image.apply_affine_transform(
        image, row_axis=0, col_axis=1, channel_axis=2, **parameters
    )
    np.testing.assert_allclose(affine_as_keras_names(image, parameters), expected, atol=5e-5)


def test_affine_equals_keras_for_numbers_that_keras_draws(keras_image: ModuleType) -> None:
    generator = make_generator(keras_image)
    image = np.random.default_rng(0).random((28, 28, 1), dtype=np.float32)
    for seed in range(100):
        parameters = generator.get_random_transform(image.shape, seed)
        expected = generator.apply_transform(image, parameters)
        np.testing.assert_allclose(affine_as_keras_names(image, parameters), expected, atol=2e-5)


def test_affine_turns_an_image_that_is_not_square_about_its_centre() -> None:
    # Keras 3 takes the centre of the other axis here, so the reference is the formula itself.
    image = np.random.default_rng(0).random((11, 26), dtype=np.float32)
    angle, zoom, shift, centre = 0.4, (0.8, 1.3), (1.5, -3.0), (5.0, 12.5)
    rows, columns = np.meshgrid(np.arange(11), np.arange(26), indexing="ij")
    r, c = (rows - centre[0]) * zoom[0] + shift[0], (columns - centre[1]) * zoom[1] + shift[1]
    source = (
        np.cos(angle) * r + np.sin(angle) * c + centre[0],
        np.cos(angle) * c - np.sin(angle) * r + centre[1],
    )
    expected = map_coordinates(image, source, order=1, mode="nearest")
    parameters = {"theta": np.rad2deg(angle), "zy": zoom[0], "zx": zoom[1]}
    changed = affine_as_keras_names(
        image[:, :, None], parameters | {"ty": shift[0], "tx": shift[1]}
    )
    np.testing.assert_allclose(changed[:, :, 0], expected, atol=2e-5)


def recover_parameters(changed: Tensor) -> dict[str, NDArray[np.float64]]:
    """Reads off changed ramps which numbers were drawn for each of them."""
    source = changed.double().numpy() * 27
    by_row = source[:, :, 14, 13] - source[:, :, 13, 13]
    by_column = source[:, :, 13, 14] - source[:, :, 13, 13]
    middle = source[:, :, 13, 13] + (by_row + by_column) / 2 - 13.5
    theta = np.arctan2(-by_row[:, 1], by_row[:, 0])
    cosine, sine = np.cos(theta), np.sin(theta)
    return {
        "rotation": np.rad2deg(theta),
        "zoom_rows": np.hypot(*by_row.T) - 1,
        "zoom_columns": np.hypot(*by_column.T) - 1,
        "height_shift": (cosine * middle[:, 0] - sine * middle[:, 1]) / 28,
        "width_shift": (sine * middle[:, 0] + cosine * middle[:, 1]) / 28,
    }


def test_random_affine_draws_uniformly_from_the_whole_range() -> None:
    changed = random_affine(make_ramps(2000), **SEED_SETTINGS, generator=Generator().manual_seed(0))
    drawn = recover_parameters(changed)
    for name, values in drawn.items():
        limit = SEED_SETTINGS[name.removesuffix("_rows").removesuffix("_columns")]
        assert abs(values).max() <= limit + 1e-3
        assert kstest(values, "uniform", (-limit, 2 * limit)).pvalue > 0.001, name
    correlations = np.corrcoef(list(drawn.values())) - np.eye(len(drawn))
    assert abs(correlations).max() < 0.08


def test_random_affine_moves_pixels_as_far_as_keras(keras_image: ModuleType) -> None:
    ramps = make_ramps(500)
    changed = random_affine(ramps, **SEED_SETTINGS, generator=Generator().manual_seed(0))
    generator = make_generator(keras_image)
    image = ramps[0].permute(1, 2, 0).numpy()
    by_keras = np.stack([generator.random_transform(image, seed) for seed in range(500)])
    ours = (changed - ramps).permute(0, 2, 3, 1).numpy()
    for axis in (0, 1):
        own, theirs = ours[..., axis] * 27, (by_keras - image)[..., axis] * 27
        assert abs(own).mean() == pytest.approx(abs(theirs).mean(), rel=0.1)
        assert ks_2samp(own.mean((1, 2)), theirs.mean((1, 2))).pvalue > 0.001
    assert abs(ours[..., 1]).mean() > 2 * abs(ours[..., 0]).mean()  # columns by width_shift


def test_standardise_each_equals_keras(keras_image: ModuleType) -> None:
    images = np.random.default_rng(0).random((5, 28, 28, 3), dtype=np.float32)
    ours = standardise_each(torch.from_numpy(images).permute(0, 3, 1, 2), centre=True)
    with pytest.warns(UserWarning, match="overrides setting of `samplewise_center`"):
        generator = keras_image.ImageDataGenerator(samplewise_std_normalization=True)
    expected = np.stack([generator.standardize(image.copy()) for image in images])
    np.testing.assert_allclose(ours.permute(0, 2, 3, 1), expected, atol=1e-5)


def test_standardise_each_without_centre_is_the_division_alone(keras_image: ModuleType) -> None:
    images = np.random.default_rng(0).random((5, 28, 28, 1), dtype=np.float32)
    ours = standardise_each(torch.from_numpy(images).permute(0, 3, 1, 2))
    with pytest.warns(UserWarning, match="overrides setting of `samplewise_center`"):
        generator = keras_image.ImageDataGenerator(samplewise_std_normalization=True)
    generator.samplewise_center = False
    expected = np.stack([generator.standardize(image.copy()) for image in images])
    np.testing.assert_allclose(ours.permute(0, 2, 3, 1), expected, atol=1e-5)
