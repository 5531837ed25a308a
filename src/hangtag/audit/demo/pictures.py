"""Images of what no class stands for: shorts beside Fashion-MNIST's, and what is no apparel."""

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
    """Adds images of what no class stands for.

    To grey images shorts (trousers cut short), where no class is shorts, and digits; to photos
    pieces of photos of a temple and of a flower.

    Args:
        images: (N, H, W), photos (N, H, W, 3).
        labels: (N,).
        classes: Names of the classes.
        seed: Of all choices.

    Returns:
        The images with those added, and what each shows.
    """
    random = np.random.default_rng([seed, 3])
    kinds = [name_kind(classes[label]) for label in labels]
    count = round(_STRANGE * len(images))
    trousers = np.flatnonzero(np.array(kinds) == "aa-1-12")
    added = [images]
    is_photos = images.ndim == 4
    if len(trousers) and count and not is_photos and SHORTS not in kinds:
        added.append(_cut_short(images[random.choice(trousers, min(count, len(trousers)), False)]))
        kinds += [SHORTS] * len(added[-1])
    if count:
        draw = _cut_pieces if is_photos else _draw_digits
        added.append(draw(count, images.shape[1:3], random))
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


def _cut_pieces(count: int, size: Sequence[int], random: np.random.Generator) -> Pixels:
    """Cuts squares out of the photos that come with scikit-learn, and scales them to `size`."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos, pieces = load_sample_images().images, []
    for _ in range(count):
        photo = photos[random.integers(len(photos))]
        side = int(random.integers(min(photo.shape[:2]) // 3, min(photo.shape[:2])))
        top, left = (int(random.integers(length - side)) for length in photo.shape[:2])
        piece = Image.fromarray(photo[top : top + side, left : left + side])
        pieces.append(np.asarray(piece.resize((size[1], size[0]), Image.Resampling.BICUBIC)))
    return np.stack(pieces)
