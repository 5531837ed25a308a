"""The picture of a photo's steps."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hangtag.images.photo_to_grey import Step, photo_steps
from hangtag.images.spec import ImageSpec
from hangtag.reports.photo_steps import draw_photo_steps

Decode = Callable[[bytes], NDArray[np.uint8]]


@pytest.fixture
def steps() -> list[Step]:
    photo = np.full((120, 90, 3), (250, 250, 240), dtype=np.uint8)
    photo[30:90, 20:60] = (200, 30, 30)
    return photo_steps(Image.fromarray(photo), ImageSpec(28, 28))


def test_all_steps_are_there_in_their_colours(steps: list[Step], pixels_of: Decode) -> None:
    picture = pixels_of(draw_photo_steps(steps)).astype(int)
    assert len(steps) == 8
    height, width = picture.shape[:2]
    # Every eighth of the picture shows the garment: red, then the negative of red, then grey.
    for position, step in enumerate(steps):
        row, column = divmod(position, 4)
        panel = picture[row * height // 2 :, column * width // 4 :][: height // 2, : width // 4]
        wanted = np.atleast_3d(step.pixels)[step.pixels.shape[0] // 2, step.pixels.shape[1] // 2]
        share = (np.abs(panel - wanted).max(axis=2) <= 2).mean()
        assert share > 0.05, step.name


def test_the_same_steps_give_the_same_file(steps: list[Step]) -> None:
    assert draw_photo_steps(steps) == draw_photo_steps(steps)


def test_steps_of_other_numbers_and_shapes(pixels_of: Decode) -> None:
    few = photo_steps(Image.new("L", (28, 28), 255), ImageSpec(28, 28))
    long = photo_steps(Image.new("RGB", (1, 3000), (1, 2, 3)), ImageSpec(28, 28))
    assert len(few) == 3
    one_row = pixels_of(draw_photo_steps(few))
    two_rows = pixels_of(draw_photo_steps(long[:5]))
    assert one_row.shape[1] > one_row.shape[0]
    assert two_rows.shape[0] > one_row.shape[0]
    assert pixels_of(draw_photo_steps(few[:1])).std() > 10


def test_words_stand_as_they_are(pixels_of: Decode) -> None:
    step = Step("photo", np.zeros((9, 9, 3), dtype=np.uint8), "$5 & <b> 上着")
    assert pixels_of(draw_photo_steps([step])).std() > 10
