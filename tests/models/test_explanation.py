"""Where a model looks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.models.explanation import occlusion_map

Images = NDArray[np.uint8]


@pytest.mark.parametrize("size", [(28, 28, 1), (40, 60, 3), (1, 1, 1), (5, 3, 1)])
def test_a_model_that_sees_nothing_has_a_flat_map(size: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)

    heat = occlusion_map(pixels, lambda images: np.zeros(len(images)))

    assert heat.shape == size[:2]
    assert not heat.any(), "every pixel is covered by a patch, so that nothing is NaN"


def test_the_map_is_hot_where_the_model_looks_and_cold_where_it_is_against() -> None:
    pixels = np.zeros((28, 28, 1), np.uint8)
    pixels[4:10, 4:10] = pixels[18:24, 18:24] = 200

    def score(images: Images) -> NDArray[np.float64]:
        bright = images[..., 0].astype(np.float64) / 255
        above, below = bright[:, 4:10, 4:10], bright[:, 18:24, 18:24]
        believed: NDArray[np.float64] = above.mean((1, 2)) - 0.5 * below.mean((1, 2))
        return believed

    heat = occlusion_map(pixels, score)

    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert row in range(4, 10)
    assert column in range(4, 10)
    assert heat[7, 7] > 0.3
    assert heat[21, 21] < -0.15
    assert heat[3, 22] == heat[22, 3] == 0


def test_a_patch_has_the_colour_of_the_border() -> None:
    pixels = np.full((20, 20, 3), (10, 200, 30), np.uint8)
    seen: list[Images] = []

    def score(images: Images) -> NDArray[np.float64]:
        seen.append(images)
        return np.zeros(len(images))

    occlusion_map(pixels, score)

    assert len(seen) == 1, "one call for all copies"
    assert np.all(seen[0] == pixels), "covering a plain image changes nothing"
