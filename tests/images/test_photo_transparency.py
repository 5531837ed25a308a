"""Photos with transparent parts."""

import numpy as np
import pytest
from PIL import Image

from hangtag.images.photo_to_grey import flatten_transparency, prepare_photo
from hangtag.images.spec import ImageSpec
from tests.images.scenes import make_clutter, make_scene

SIZE = (28, 28)


def cut_out(garment: int, hidden: int = 0, opacity: int = 255) -> Image.Image:
    layers = np.zeros((120, 100, 4), dtype=np.uint8)
    layers[..., :3] = hidden
    layers[30:90, 20:60] = (garment, garment, garment, opacity)
    return Image.fromarray(layers)


@pytest.mark.parametrize("hidden", [0, 128, 255])
@pytest.mark.parametrize(("garment", "behind"), [(127, 255), (128, 0), (10, 255), (255, 0)])
def test_cut_out_garment_comes_on_what_it_differs_from(
    garment: int, behind: int, hidden: int
) -> None:
    pixels = flatten_transparency(cut_out(garment, hidden))
    np.testing.assert_array_equal(pixels, make_scene(behind, garment))


@pytest.mark.parametrize("garment", [0, 60, 127, 128, 200, 255])
def test_cut_out_garment_ends_bright_on_black(garment: int) -> None:
    pixels = prepare_photo(cut_out(garment), ImageSpec(*SIZE))
    assert np.all(pixels[:, :4] == 0)
    assert np.all(pixels[:, 6:22] == max(garment, 255 - garment))


def test_half_transparent_pixels_are_mixed() -> None:
    pixels = flatten_transparency(cut_out(100, opacity=51))
    assert pixels[50, 40].tolist() == [224, 224, 224]  # a fifth of 100, the rest of 255


def test_round_corners_get_the_colour_beside_them() -> None:
    layers = np.full((120, 100, 4), 255, dtype=np.uint8)
    layers[..., :3] = make_scene((240, 230, 220))
    for row in (0, 119):
        layers[row, [0, 99]] = 0
    np.testing.assert_array_equal(
        flatten_transparency(Image.fromarray(layers)), make_scene((240, 230, 220))
    )


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (100, 120), 0)
    image.putpalette([9, 9, 9, 60, 60, 60])
    image.paste(1, (20, 30, 60, 90))
    image.info["transparency"] = 0
    np.testing.assert_array_equal(flatten_transparency(image), make_scene(255, 60))


def test_all_transparent_is_black() -> None:
    assert not prepare_photo(Image.new("RGBA", (50, 60), (255, 0, 0, 0)), ImageSpec(*SIZE)).any()


def test_opacity_that_hides_nothing_changes_nothing() -> None:
    opaque = Image.fromarray(make_clutter())
    np.testing.assert_array_equal(flatten_transparency(opaque.convert("RGBA")), np.asarray(opaque))
