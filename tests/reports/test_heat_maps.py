"""Pictures of where a model looks."""

import io

import numpy as np
import pytest
from PIL import Image

from hangtag.reports.heat_map_files import name_picture
from hangtag.reports.heat_maps import draw_heat_map


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_what_speaks_for_the_class_is_red_and_what_speaks_against_it_blue(
    channels: tuple[int, ...],
) -> None:
    heat = np.zeros((20, 20))
    heat[:10], heat[10:] = 1.0, -1.0

    picture = draw_heat_map(
        np.full((20, 20, *channels), 128, np.uint8), heat, title="Coat 90 %: accept", name="Coat"
    )

    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red, blue = pixels[..., 0] - pixels[..., 2] > 40, pixels[..., 2] - pixels[..., 0] > 40
    middle = slice(int(0.4 * pixels.shape[1]), int(0.8 * pixels.shape[1]))
    rows_red, rows_blue = np.flatnonzero(red[:, middle]), np.flatnonzero(blue[:, middle])
    assert len(rows_red) > 1000
    assert len(rows_blue) > 1000
    assert rows_red.mean() < rows_blue.mean(), "red above, blue below"


def test_a_flat_map_leaves_the_image_as_it_is() -> None:
    image = np.full((20, 20), 128, np.uint8)

    picture = draw_heat_map(image, np.zeros((20, 20)), title="t", name="n")

    with Image.open(io.BytesIO(picture)) as drawn:
        colours = np.asarray(drawn.convert("RGB")).reshape(-1, 3)
    assert (colours == 128).all(axis=1).mean() > 0.3


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (1, "photos/red shirt.jpg", "000001-red_shirt.png"),
        (1_234_567, "a.png", "1234567-a.png"),
        (2, "x.npy[17]", "000002-x.png"),
        (3, "../../etc/\u8863\u670d.png", "000003-\u8863\u670d.png"),
        (4, "..", "000004.png"),
        (5, "a" * 300, "000005-" + "a" * 60 + ".png"),
    ],
)
def test_names_of_pictures_are_safe(number: int, name: str, expected: str) -> None:
    assert name_picture(number, name) == expected
