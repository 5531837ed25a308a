"""Which format suits image files, told by their size."""

from pathlib import Path

import pytest
from PIL import Image

from hangtag.datasets.reading import Reading
from hangtag.images.spec import FASHION_MNIST_SPEC, PHOTO_SPEC


@pytest.mark.parametrize(
    ("sizes", "photos"), [([(28, 28)] * 3, False), ([(28, 28), (200, 90)], True), ([], False)]
)
def test_photos_are_files_of_another_size(
    tmp_path: Path, sizes: list[tuple[int, int]], photos: bool
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    paths = [tmp_path / "broken.png", tmp_path / "missing.png"]
    for number, size in enumerate(sizes):
        paths.append(tmp_path / f"{number}.png")
        Image.new("L", size).save(paths[-1])
    settled = Reading(photos=PHOTO_SPEC, most_broken=0.3).settle(paths)
    assert settled.format == (PHOTO_SPEC if photos else FASHION_MNIST_SPEC)
    assert settled.photos is None
    assert settled.most_broken == 0.3


def test_without_a_choice_there_is_nothing_to_settle(tmp_path: Path) -> None:
    reading = Reading()
    assert reading.settle([tmp_path / "missing.png"]) is reading
