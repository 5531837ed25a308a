"""Images of what no class of Fashion-MNIST stands for: shorts, and what is no apparel."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.demo.brands import OUTSIDE, SHORTS, name_kind

_STRANGE = 0.015
"""How many such images of each kind are added, as a share of the images."""

_HEM = 0.5
"""Where trousers are cut to become shorts, as a share of the height."""

Pixels = NDArray[np.uint8]


def add_strange(
    images: Pixels, labels: NDArray[np.int64], classes: Sequence[str], *, seed: int
) -> tuple[Pixels, list[str]]:
    """Adds images of shorts (trousers cut short) and of digits to images (N, H, W).

    Returns:
        The images with those added, and what each shows.
    """
    random = np.random.default_rng([seed, 3])
    kinds = [name_kind(classes[label]) for label in labels]
    count = round(_STRANGE * len(images))
    trousers = np.flatnonzero(np.array(kinds) == "aa-1-12")
    added = [images]
    if len(trousers) and count:
        added.append(_cut_short(images[random.choice(trousers, min(count, len(trousers)), False)]))
        kinds += [SHORTS] * len(added[-1])
    if count:
        added.append(_draw_digits(count, images.shape[1:], random))
        kinds += [OUTSIDE] * count
    return np.concatenate(added), kinds


def save_again(image: Pixels) -> Pixels:
    """Returns an image as it comes back from a JPEG file of quality 90."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=90)
    with Image.open(buffer) as saved:
        return np.asarray(saved)


def _cut_short(trousers: Pixels) -> Pixels:
    shorts = trousers.copy()
    shorts[:, round(_HEM * trousers.shape[1]) :] = 0
    return shorts


def _draw_digits(count: int, size: Sequence[int], random: np.random.Generator) -> Pixels:
    """Draws digits as on cards, enlarged to `size`; they come with scikit-learn."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = (load_digits().images * 15.9).astype(np.uint8)
    chosen = digits[random.choice(len(digits), count)]
    return np.stack(
        [
            np.asarray(Image.fromarray(one).resize((size[1], size[0]), Image.Resampling.BICUBIC))
            for one in chosen
        ]
    )
