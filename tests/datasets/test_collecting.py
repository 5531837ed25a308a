"""Which format suits image files, told by their size."""

from pathlib import Path

import pytest
from PIL import Image

from hangtag.datasets.collecting import choose_spec
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
    assert choose_spec(paths) == (PHOTO_SPEC if photos else FASHION_MNIST_SPEC)
