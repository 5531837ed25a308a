"""Photos as files, in colour."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.catalogue.photo_files import read_photo
from hangtag.errors import DataError


def test_colours_and_transparency_are_kept(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")

    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "a.png")), pixels)


def test_exif_turns_the_photo_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)

    assert read_photo(tmp_path / "a.jpg").size == (20, 40)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    Image.new("RGB", (40, 20)).save(tmp_path / "b.png", format="GIF")

    with pytest.raises(DataError, match=r"a\.jpg: is not a JPEG, PNG or WebP image"):
        read_photo(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"b\.png: is not a JPEG, PNG or WebP image"):
        read_photo(tmp_path / "b.png")
    with pytest.raises(DataError, match="no such image file"):
        read_photo(tmp_path / "nowhere.jpg")
