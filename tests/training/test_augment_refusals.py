import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from hangtag.training.augment import (
    center_crop,
    random_affine,
    random_erasing,
    random_horizontal_flip,
    random_resized_crop,
    random_rotation,
    random_shift,
    resize,
    rotate,
    standardise_each,
)


def seeded() -> Generator:
    return Generator().manual_seed(0)


IMAGES = torch.full((2, 1, 6, 6), 0.5)
BAD_CALLS: dict[str, tuple[str, Callable[[], Tensor]]] = {
    "rank": ("images", lambda: standardise_each(IMAGES[0])),
    "dtype": ("images", lambda: resize(IMAGES.double(), size=3)),
    "integers": ("images", lambda: center_crop(IMAGES.byte(), size=3)),
    "empty": ("images", lambda: random_shift(IMAGES[:0], pixels=1, generator=seeded())),
    "rotation": ("rotation", lambda: affine_with(rotation=-1)),
    "rotation nan": ("rotation", lambda: affine_with(rotation=math.nan)),
    "zoom": ("zoom", lambda: affine_with(zoom=1)),
    "width": ("width_shift", lambda: affine_with(width_shift=-0.1)),
    "height": ("height_shift", lambda: affine_with(height_shift=math.inf)),
    "degrees": ("degrees", lambda: random_rotation(IMAGES, degrees=-5, generator=seeded())),
    "vector": ("degrees", lambda: rotate(IMAGES, degrees=torch.zeros(3))),
    "p above 1": ("p", lambda: random_horizontal_flip(IMAGES, p=1.5, generator=seeded())),
    "p below 0": ("p", lambda: random_erasing(IMAGES, p=-0.5, generator=seeded())),
    "scale": (
        "scale",
        lambda: random_erasing(IMAGES, p=1, scale=(0.5, 0.1), generator=seeded()),
    ),
    "ratio": ("ratio", lambda: random_erasing(IMAGES, p=1, ratio=(0, 1), generator=seeded())),
    "crop scale": (
        "scale",
        lambda: random_resized_crop(IMAGES, size=3, scale=(0.5, 2), generator=seeded()),
    ),
    "crop ratio": (
        "ratio",
        lambda: random_resized_crop(IMAGES, size=3, ratio=(2, 1), generator=seeded()),
    ),
    "crop size": ("size", lambda: random_resized_crop(IMAGES, size=0, generator=seeded())),
    "resize size": ("size", lambda: resize(IMAGES, size=(3, 0))),
    "center size": ("size", lambda: center_crop(IMAGES, size=-2)),
    "pixels": ("pixels", lambda: random_shift(IMAGES, pixels=-1, generator=seeded())),
}


def affine_with(**changed: float) -> Tensor:
    options = {"rotation": 0.0, "zoom": 0.0, "width_shift": 0.0, "height_shift": 0.0}
    return random_affine(IMAGES, **(options | changed), generator=seeded())


@pytest.mark.parametrize("name", BAD_CALLS)
def test_impossible_input_is_refused_by_name(name: str) -> None:
    parameter, call = BAD_CALLS[name]
    with pytest.raises(ValueError, match=rf"^{parameter} must .*received"):
        call()
