"""A product photo on its way to the input of a Fashion-MNIST model."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from hangtag.datasets import Dataset
from hangtag.errors import DataError
from hangtag.images.photo_to_grey import (
    Background,
    Pixels,
    centre,
    fit_longest_side,
    level_background,
    measure_background,
    negate_if_light,
    photo_steps,
    prepare_photo,
    sharpen,
    trim_border,
    turn_grey,
)
from hangtag.images.spec import ImageSpec
from tests.images.scenes import make_clutter, make_scene

SIZE = (28, 28)
WHITE = Background((255, 255, 255), plain=True, light=True)
BLACK = Background((0, 0, 0), plain=True, light=False)

images = arrays(
    np.uint8,
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
    elements=st.integers(0, 255),
)


def prepare(pixels: NDArray[np.uint8]) -> Pixels:
    return prepare_photo(Image.fromarray(pixels), ImageSpec(*SIZE))


def test_background_is_measured_by_the_corners() -> None:
    assert measure_background(make_scene((250, 240, 230))) == Background(
        (250, 240, 230), plain=True, light=True
    )
    assert measure_background(make_scene(10, 200)) == Background((10, 10, 10), True, False)


def test_garment_may_reach_one_corner_but_not_two() -> None:
    scene = make_scene()
    scene[:9, :9] = 40
    assert measure_background(scene) == WHITE
    scene[-9:, -9:] = 40
    assert not measure_background(scene).plain


def test_closeness_is_five_percent_of_the_longest_distance_of_colours() -> None:
    scene = make_scene(255)
    scene[:9, :9] = scene[-9:, :9] = 255 - 24  # 12 from the middle: 12 * sqrt(3) = 20.8
    assert measure_background(scene) == Background((243, 243, 243), plain=True, light=True)
    scene[:9, :9] = scene[-9:, :9] = 255 - 26  # 13 from the middle: 22.5
    assert not measure_background(scene).plain


@pytest.mark.parametrize(
    ("background", "garment", "light"),
    [(63, 0, False), (64, 63, True), (64, 65, False), (191, 255, False), (192, 255, True)],
)
def test_middle_decides_where_the_background_is_neither_light_nor_dark(
    background: int, garment: int, light: bool
) -> None:
    scene = make_scene(background)
    scene[40:80, 33:67] = garment
    assert measure_background(scene).light is light


def test_all_of_fashion_mnist_is_on_dark(fashion_mnist: Dataset) -> None:
    """No corner comes near the 64 from which the middle would be asked."""
    for split in fashion_mnist.splits.values():
        corners = split.images[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert np.median(corners, axis=1).max() < 60


def test_trim_leaves_the_garment() -> None:
    np.testing.assert_array_equal(trim_border(make_scene(), WHITE), np.full((60, 40, 3), 40))


def test_trim_lets_close_pixels_go_and_keeps_others() -> None:
    scene = make_scene()
    scene[5, 5] = 243  # 12 * sqrt(3) = 20.8 is close
    assert trim_border(scene, WHITE).shape == (60, 40, 3)
    scene[5, 5] = 242  # 13 * sqrt(3) = 22.5 is not
    assert trim_border(scene, WHITE).shape == (85, 55, 3)


def test_nothing_is_trimmed_without_a_plain_background_or_a_garment() -> None:
    clutter = make_clutter()
    background = measure_background(clutter)
    assert not background.plain
    assert trim_border(clutter, background) is clutter
    empty = np.full((5, 7, 3), 255, dtype=np.uint8)
    assert trim_border(empty, WHITE) is empty


@given(images)
def test_trimming_twice_is_trimming_once(pixels: Pixels) -> None:
    once = trim_border(pixels, WHITE)
    np.testing.assert_array_equal(trim_border(once, WHITE), once)


def test_level_shifts_each_channel_and_stops_at_the_ends() -> None:
    pixels = np.array([[[200, 100, 150], [250, 90, 0]]], dtype=np.uint8)
    light = level_background(pixels, Background((200, 100, 150), True, True))
    dark = level_background(pixels, Background((200, 100, 150), True, False))
    assert light.tolist() == [[[255, 255, 255], [255, 245, 105]]]
    assert dark.tolist() == [[[0, 0, 0], [50, 0, 0]]]


@given(images)
def test_level_leaves_what_is_on_white_or_black(pixels: Pixels) -> None:
    np.testing.assert_array_equal(level_background(pixels, WHITE), pixels)
    np.testing.assert_array_equal(level_background(pixels, BLACK), pixels)


def test_fit_by_whole_factors_takes_means_of_blocks() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (84, 54, 3), dtype=np.uint8)
    resized = fit_longest_side(pixels, ImageSpec(*SIZE))
    blocks = pixels.reshape(28, 3, 18, 3, 3).mean(axis=(1, 3))
    assert resized.shape == (28, 18, 3)
    assert np.abs(resized - blocks).max() <= 0.5 + 1e-9


def test_fit_counts_parts_of_pixels_by_their_area() -> None:
    row = np.array([0, 90, 240], dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    resized = fit_longest_side(row, ImageSpec(2, 2))
    # Each new pixel covers one and a half old ones.
    assert resized[..., 0].tolist() == [[30, 190]]


def test_fit_enlarges_small_images() -> None:
    dot = np.array([[[10, 20, 30]]], dtype=np.uint8)
    np.testing.assert_array_equal(
        fit_longest_side(dot, ImageSpec(28, 14)), np.tile(dot, (14, 14, 1))
    )


@given(images)
def test_fit_keeps_mean_and_range(pixels: Pixels) -> None:
    resized = fit_longest_side(pixels, ImageSpec(*SIZE))
    assert max(resized.shape[:2]) == 28
    assert pixels.min() <= resized.min()
    assert resized.max() <= pixels.max()
    assert abs(resized.mean() - pixels.mean()) <= 0.5 + 1e-9


def test_sharpen_is_the_operator_by_hand() -> None:
    dot = np.full((5, 5, 3), 100, dtype=np.uint8)
    dot[2, 2] = 150
    # The Gaussian is 1, e^-1/2, e^-1: its sum is S = 4.8976; the centre gets 2 S.
    edge, corner = np.exp(-0.5), np.exp(-1)
    total = 2 * (1 + 4 * edge + 4 * corner) - 4 * edge - 4 * corner
    result = sharpen(dot)[..., 0]
    assert result[2, 2] == round(100 + 50 * 2 * (1 + 4 * edge + 4 * corner) / total)
    assert result[1, 2] == round(100 - 50 * edge / total)
    assert result[1, 1] == round(100 - 50 * corner / total)
    assert result[0, 0] == 100


def test_sharpen_is_what_pillow_makes_inside() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 17, 3), dtype=np.uint8)
    edge, corner = float(-np.exp(-0.5)), float(-np.exp(-1))
    middle = 2 * (1 - 4 * edge - 4 * corner)
    kernel = (corner, edge, corner, edge, middle, edge, corner, edge, corner)
    image = Image.fromarray(pixels).filter(ImageFilter.Kernel((3, 3), kernel))
    difference = sharpen(pixels).astype(int) - np.asarray(image)
    assert np.abs(difference[1:-1, 1:-1]).max() <= 1


@given(st.integers(0, 255), st.integers(1, 5), st.integers(1, 5))
def test_sharpen_keeps_one_colour(value: int, height: int, width: int) -> None:
    pixels = np.full((height, width, 3), value, dtype=np.uint8)
    np.testing.assert_array_equal(sharpen(pixels), pixels)


@pytest.mark.parametrize(("background", "value"), [(WHITE, 255), (BLACK, 0)])
def test_centre(background: Background, value: int) -> None:
    centred = centre(np.full((28, 13, 3), 7, dtype=np.uint8), background, ImageSpec(*SIZE))
    assert centred.shape == (28, 28, 3)
    assert np.all(centred[:, 7:20] == 7)
    assert np.all(centred[:, :7] == value)
    assert np.all(centred[:, 20:] == value)


@given(images)
def test_negate_if_light(pixels: Pixels) -> None:
    np.testing.assert_array_equal(negate_if_light(pixels, BLACK), pixels)
    np.testing.assert_array_equal(negate_if_light(pixels, WHITE), 255 - pixels)


def test_turn_grey_keeps_every_grey_and_weighs_colours() -> None:
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    np.testing.assert_array_equal(turn_grey(greys)[0], np.arange(256))
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    assert turn_grey(primaries).tolist() == [[76, 150, 29]]


def test_garment_on_white_by_hand() -> None:
    """60x40 becomes 28x19 of 255 - 40, centred on black."""
    expected = np.zeros(SIZE, dtype=np.uint8)
    expected[:, 4:23] = 215
    np.testing.assert_array_equal(prepare(make_scene()), expected)


def test_photo_on_dark_is_not_negated() -> None:
    np.testing.assert_array_equal(prepare(make_scene(0, 215)), prepare(make_scene(255, 40)))


@pytest.mark.parametrize("background", [(210, 200, 190), (255, 250, 240), (130, 140, 150)])
def test_background_that_is_not_white_ends_black(background: tuple[int, int, int]) -> None:
    scene = make_scene(background)
    scene[0, 50] = 0  # keeps the top border from being cut off
    result = prepare(scene)
    assert result[1:6].max() == 0
    assert result[16].max() > 80


def test_all_fashion_mnist_test_images_come_back_bit_for_bit(
    fashion_mnist: Dataset,
) -> None:
    for pixels in fashion_mnist.splits["test"].images:
        np.testing.assert_array_equal(prepare(pixels), pixels)


def test_negated_fashion_mnist_is_recognised(fashion_mnist: Dataset) -> None:
    for pixels in fashion_mnist.splits["test"].images[:1000]:
        np.testing.assert_array_equal(prepare(255 - pixels), pixels)


def test_grey_stored_as_colour_of_the_size_comes_back(fashion_mnist: Dataset) -> None:
    pixels = fashion_mnist.splits["test"].images[0]
    result = prepare_photo(Image.fromarray(pixels).convert("RGBA"), ImageSpec(*SIZE))
    np.testing.assert_array_equal(result, pixels)


def test_colour_of_the_size_takes_all_steps() -> None:
    scene = np.full((28, 28, 3), (255, 255, 250), dtype=np.uint8)
    scene[7:21, 7:21] = (30, 40, 50)
    result = prepare(scene)
    assert result.min() > 200, "the garment fills the picture"


def test_clutter_is_not_trimmed_and_fills_the_longest_side() -> None:
    steps = photo_steps(Image.fromarray(make_clutter()), ImageSpec(*SIZE))
    assert [step.name for step in steps][:2] == ["photo", "trim"]
    assert steps[1].note == "no plain border: kept"
    assert steps[1].pixels.shape == (90, 120, 3)
    assert steps[-1].pixels[3:24].std(axis=1).min() > 0


@pytest.mark.parametrize("value", [0, 100, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (50, 3), (1, 3000)])
def test_one_colour_is_background(value: int, shape: tuple[int, int]) -> None:
    colour = (value, value // 2, value)  # grey of the model's size would come back as it is
    assert not prepare(np.full((*shape, 3), colour, dtype=np.uint8)).any()


def test_extremely_long_images_keep_a_pixel() -> None:
    ramp = np.linspace(0, 255, 3000).astype(np.uint8)
    line = ramp[:, None, None].repeat(3, axis=2)
    assert prepare(line).any()
    assert prepare(line.swapaxes(0, 1)).any()


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("1", 1), ("L", 255), ("LA", (255, 255)), ("CMYK", (0, 0, 0, 0)), ("I;16", 65535)],
)
def test_modes(mode: str, colour: Any) -> None:
    image = Image.new(mode, (100, 120), colour)
    black = {"CMYK": (0, 0, 0, 255), "LA": (0, 255)}.get(mode, 0)
    image.paste(Image.new(mode, (40, 60), black), (20, 30))
    expected = prepare(make_scene(255, 0))
    np.testing.assert_array_equal(prepare_photo(image, ImageSpec(*SIZE)), expected)


def test_large_photos_give_nearly_the_same() -> None:
    small = make_scene((250, 250, 250), (90, 40, 60))
    large = np.kron(small, np.ones((20, 20, 1), dtype=np.uint8))
    steps = photo_steps(Image.fromarray(large), ImageSpec(*SIZE))
    assert max(steps[0].pixels.shape) <= 560
    assert steps[0].note == "2000x2400"
    difference = steps[-1].pixels.astype(int) - prepare(small)
    assert np.abs(difference).max() <= 8  # an outline may fall inside a block of 3x3


def test_size_is_height_then_width() -> None:
    assert prepare_photo(Image.new("RGB", (30, 30)), ImageSpec(20, 40)).shape == (20, 40)


def test_image_is_not_changed() -> None:
    image = Image.fromarray(make_clutter())
    before = image.tobytes()
    steps = photo_steps(image, ImageSpec(*SIZE))
    steps[0].pixels[:] = 0
    assert image.tobytes() == before


@given(images)
def test_any_image_gives_the_size_and_the_same_again(pixels: Pixels) -> None:
    result = prepare(pixels)
    assert result.shape == SIZE
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, prepare(pixels))


@given(images)
def test_steps_follow_each_other(pixels: Pixels) -> None:
    steps = photo_steps(Image.fromarray(pixels), ImageSpec(*SIZE))
    names = ["photo", "trim", "level", "fit", "sharpen", "centre", "negate", "grey"]
    assert [step.name for step in steps] in (names, ["photo", "negate", "grey"])
    assert all(step.note for step in steps)


@pytest.mark.parametrize("size", [(0, 28), (28, -1)])
def test_size_without_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="at least 1x1"):
        prepare_photo(Image.new("L", (3, 3)), ImageSpec(*size))
    with pytest.raises(DataError, match="0x3"):
        prepare_photo(Image.new("L", (0, 3)), ImageSpec(*SIZE))
