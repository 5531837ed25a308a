import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.Image import Resampling
from torch import Generator, Tensor

from hangtag.training.augment import (
    center_crop,
    random_horizontal_flip,
    random_rotation,
    resize,
    resized_crop,
    rotate,
)


def noise(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((height, width), dtype=np.float32)


def to_batch(pixels: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(pixels)[None, None]


def to_array(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, dtype=np.float32)


@settings(deadline=None)
@given(degrees=st.floats(-360, 360, width=32), height=st.integers(5, 40), width=st.integers(5, 40))
def test_rotate_turns_like_pillow(degrees: float, height: int, width: int) -> None:
    pixels = noise(height, width)
    ours = rotate(to_batch(pixels), degrees=torch.tensor([degrees]))[0, 0].numpy()
    theirs = to_array(Image.fromarray(pixels).rotate(degrees, Resampling.NEAREST))
    # Where a point lies midway between two pixels, rounding decides which is the nearest.
    slightly_off = [
        to_array(Image.fromarray(pixels).rotate(degrees + shift, Resampling.NEAREST))
        for shift in (-0.01, 0.01)
    ]
    same = (ours == theirs) | np.any([ours == other for other in slightly_off], axis=0)
    assert same.mean() > 0.98


def test_rotate_by_a_quarter_is_exact_and_counter_clockwise() -> None:
    pixels = noise(28, 28)
    ours = rotate(to_batch(pixels), degrees=torch.tensor([90.0]))[0, 0].numpy()
    np.testing.assert_array_equal(ours, np.rot90(pixels))


def test_random_rotation_covers_its_range_and_fills_with_zeros() -> None:
    # A dot on the right edge shows the angle; sizes far above a pixel make it precise.
    images = torch.zeros(300, 1, 101, 101)
    images[:, :, 50, 90:] = 1
    changed = random_rotation(images, degrees=30, generator=Generator().manual_seed(0))
    rows = torch.arange(101.0)[:, None] - 50
    columns = torch.arange(101.0) - 50
    lit = changed[:, 0] > 0
    angles = torch.atan2((lit * -rows).sum((1, 2)), (lit * columns).sum((1, 2))).rad2deg()
    assert float(angles.min()) == pytest.approx(-30, abs=1.5)
    assert float(angles.max()) == pytest.approx(30, abs=1.5)
    assert abs(float(angles.mean())) < 3
    white = random_rotation(torch.ones(8, 1, 20, 20), degrees=45, generator=Generator())
    assert set(white.flatten().tolist()) == {0.0, 1.0}


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_resize_equals_pillow(shape: tuple[int, int], size: tuple[int, int]) -> None:
    pixels = noise(*shape)
    ours = resize(to_batch(pixels), size=size)[0, 0].numpy()
    theirs = to_array(Image.fromarray(pixels).resize(size[::-1], Resampling.BILINEAR))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("size", [(14, 14), (10, 17), (56, 31)])
def test_resize_equals_pillow_on_bytes_within_one_level(size: tuple[int, int]) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    ours = resize(to_batch((levels / 255).astype(np.float32)), size=size)[0, 0].numpy()
    theirs = to_array(Image.fromarray(levels).resize(size[::-1], Resampling.BILINEAR))
    np.testing.assert_allclose(ours * 255, theirs, atol=1.01)


@settings(deadline=None)
@given(
    box=st.tuples(st.integers(0, 14), st.integers(0, 20), st.integers(1, 6), st.integers(1, 6)),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_resized_crop_equals_pillow(box: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    pixels = noise(20, 26)
    top, left, height, width = box
    ours = resized_crop(
        to_batch(pixels),
        top=torch.tensor([top]),
        left=torch.tensor([left]),
        height=torch.tensor([height]),
        width=torch.tensor([width]),
        size=size,
    )[0, 0].numpy()
    cut = Image.fromarray(pixels).crop((left, top, left + width, top + height))
    theirs = to_array(cut.resize(size[::-1], Resampling.BILINEAR))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "left", "top"),
    [
        ((4, 6), 2, 2),  # (9 - 4) / 2 = 2.5 rounds to 2, to the even number
        ((2, 3), 4, 4),  # 3.5 rounds to 4
        ((9, 10), 0, 0),
        ((12, 10), 0, -1),  # three rows missing: one above, two below
        ((4, 15), -2, 2),
        ((12, 15), -2, -1),
        (5, 2, 2),
    ],
)
def test_center_crop_equals_pillow(size: int | tuple[int, int], left: int, top: int) -> None:
    pixels = noise(9, 10)
    height, width = size if isinstance(size, tuple) else (size, size)
    theirs = to_array(Image.fromarray(pixels).crop((left, top, left + width, top + height)))
    ours = center_crop(to_batch(pixels), size=size)[0, 0].numpy()
    np.testing.assert_array_equal(ours, theirs)


def test_flip_equals_pillow() -> None:
    pixels = noise(9, 14)
    ours = random_horizontal_flip(to_batch(pixels), p=1, generator=Generator())[0, 0].numpy()
    np.testing.assert_array_equal(ours, to_array(ImageOps.mirror(Image.fromarray(pixels))))
