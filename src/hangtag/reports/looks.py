"""Where a model looked when it was surely wrong: images beside their heat maps."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.images.thumbnails import shrink
from hangtag.reports.galleries import Exhibit, exhibit, find_surest_mistakes
from hangtag.reports.heat_maps import Explain, tint

SECONDS = 30.0
"""After so long no further heat map is begun: a photo takes seconds, a small image half a one."""

_LEAST_SIDE = 168
"""Shortest side of a tinted image, pixels: heat is smooth, whatever the pixels are."""


@dataclass(frozen=True, slots=True)
class Look:
    """A mistake and where the model looked.

    Attributes:
        exhibit: The image and what the model said.
        tinted: The image in grey under its heat, (H, W, 3) uint8.
    """

    exhibit: Exhibit
    tinted: NDArray[np.uint8]


def look_at_mistakes(
    split: Split,
    probabilities: NDArray[np.float64],
    classes: tuple[str, ...],
    explain: Explain,
    *,
    count: int = 6,
    seconds: float = SECONDS,
) -> list[Look]:
    """Explains the surest mistakes in probabilities (N, K), `count` of them or fewer.

    Args:
        split: The images, N.
        probabilities: What the model said.
        classes: Class names, K.
        explain: The model.
        count: How many at most.
        seconds: After so long no further one is begun.
    """
    end = time.monotonic() + seconds
    looks: list[Look] = []
    for position in find_surest_mistakes(split, probabilities, count=count):
        if looks and time.monotonic() > end:
            break
        image = split.images[position]
        heat, _ = explain(image)
        (shown,) = exhibit(split, probabilities, classes, np.array([position]))
        looks.append(Look(shown, shrink(tint(image, heat, least=_LEAST_SIDE))))
    return looks
