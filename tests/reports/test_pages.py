"""Templates, pictures and numbers in pages."""

import numpy as np
import pytest
from jinja2 import UndefinedError
from numpy.typing import NDArray
from PIL import Image

from hangtag.reports.pages import Picture, encode_image, render_page


def test_image_survives_as_png() -> None:
    from io import BytesIO

    image: NDArray[np.uint8] = np.arange(12, dtype=np.uint8).reshape(3, 4)
    with Image.open(BytesIO(encode_image(image))) as decoded:
        np.testing.assert_array_equal(np.asarray(decoded), image)
    assert encode_image(image) == encode_image(image)


def test_photo_is_a_small_file_that_looks_the_same() -> None:
    from io import BytesIO

    ramp = np.linspace(0, 255, 200).astype(np.uint8)
    image = np.stack([np.tile(ramp, (200, 1)), np.tile(ramp[:, None], (1, 200))] * 2, 2)[..., :3]
    with Image.open(BytesIO(encode_image(image))) as decoded:
        assert decoded.format == "JPEG"
        assert np.abs(np.asarray(decoded).astype(int) - image).mean() < 3


def test_a_forgotten_value_fails_instead_of_leaving_a_blank() -> None:
    with pytest.raises(UndefinedError):
        render_page("report", title="no evaluation")


def test_caption_may_be_missing() -> None:
    assert Picture(b"", "alt").caption == ""
