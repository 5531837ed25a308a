"""Saliency maps: their pictures, their files and the explained mistakes of a report."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hangtag.datasets import Split
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports.saliency import (
    draw_saliency_map,
    explain_mistakes,
    name_picture,
    overlay_saliency,
)

Evaluated = tuple[Evaluation, Split, NDArray[np.float64]]


def explain(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], str]:
    """A model whose evidence is in the upper half."""
    saliency = np.zeros(image.shape[:2])
    saliency[: len(saliency) // 2] = 2.0
    return saliency, "a"


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_what_speaks_for_the_class_is_red_and_what_speaks_against_it_blue(
    channels: tuple[int, ...],
) -> None:
    saliency = np.zeros((20, 20))
    saliency[:10], saliency[10:] = 1.0, -1.0

    picture = draw_saliency_map(
        np.full((20, 20, *channels), 128, np.uint8),
        saliency,
        title="Coat 90 %: accept",
        name="Coat",
    )

    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red, blue = pixels[..., 0] - pixels[..., 2] > 40, pixels[..., 2] - pixels[..., 0] > 40
    middle = slice(int(0.4 * pixels.shape[1]), int(0.8 * pixels.shape[1]))
    rows_red, rows_blue = np.flatnonzero(red[:, middle]), np.flatnonzero(blue[:, middle])
    assert len(rows_red) > 1000
    assert len(rows_blue) > 1000
    assert rows_red.mean() < rows_blue.mean(), "red above, blue below"


def test_a_flat_map_leaves_the_image_as_it_is() -> None:
    image = np.full((20, 20), 128, np.uint8)

    picture = draw_saliency_map(image, np.zeros((20, 20)), title="t", name="n")

    with Image.open(io.BytesIO(picture)) as drawn:
        colours = np.asarray(drawn.convert("RGB")).reshape(-1, 3)
    assert (colours == 128).all(axis=1).mean() > 0.3


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (1, "photos/red shirt.jpg", "000001-red_shirt.png"),
        (1_234_567, "a.png", "1234567-a.png"),
        (2, "x.npy[17]", "000002-x.png"),
        (3, "../../etc/\u8863\u670d.png", "000003-\u8863\u670d.png"),
        (4, "..", "000004.png"),
        (5, "a" * 300, "000005-" + "a" * 60 + ".png"),
        (6, "𠮷" * 60, "000006-" + "𠮷" * 45 + ".png"),
    ],
)
def test_names_of_pictures_are_safe(number: int, name: str, expected: str) -> None:
    assert name_picture(number, name) == expected


def test_the_most_confident_mistakes_are_explained(hostile_evaluation: Evaluated) -> None:
    evaluation, split, probabilities = hostile_evaluation
    explained = explain_mistakes(split, probabilities, evaluation.classes, explain)
    assert [mistake.shown.id for mistake in explained] == ["<i>2</i>", "<i>1</i>"]
    assert all(min(mistake.overlay.shape[:2]) >= 168 for mistake in explained)


def test_no_explanation_starts_after_the_deadline(hostile_evaluation: Evaluated) -> None:
    evaluation, split, probabilities = hostile_evaluation
    assert len(explain_mistakes(split, probabilities, evaluation.classes, explain, seconds=0)) == 1


@pytest.mark.parametrize("shape", [(28, 28), (224, 200, 3)])
def test_the_overlay_is_red_where_it_speaks_for_the_class(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 128, np.uint8)
    saliency, _ = explain(image)
    saliency[-len(saliency) // 4 :] = -2.0
    overlay = overlay_saliency(image, saliency, shortest_side=168).astype(int)
    assert min(overlay.shape[:2]) >= 168
    middle = overlay[:, overlay.shape[1] // 2]
    for row, red in ((0, 1), (-1, -1)):
        assert np.sign(middle[row, 0] - middle[row, 2]) == red
    between = middle[int(0.62 * len(middle))]
    assert np.ptp(between) < 12
