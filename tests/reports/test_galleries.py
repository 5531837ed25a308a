"""Which predictions a gallery shows, and its picture."""

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import Split
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports.galleries import GalleryImage, draw_gallery, pick_correct, pick_incorrect

Decode = Callable[[bytes], NDArray[np.uint8]]
Evaluated = tuple[Evaluation, Split, NDArray[np.float64]]


def test_incorrect_are_the_most_confident_mistakes_first(hostile_evaluation: Evaluated) -> None:
    evaluation, split, probabilities = hostile_evaluation
    images = pick_incorrect(split, probabilities, evaluation.classes)
    assert [shown.id for shown in images] == ["<i>2</i>", "<i>1</i>"]
    assert [shown.confidence_text for shown in images] == ["90.0\u00a0%", "80.0\u00a0%"]
    assert {shown.true for shown in images} == {evaluation.classes[1]}
    assert {shown.predicted for shown in images} == {evaluation.classes[0]}
    assert not any(shown.correct for shown in images)
    np.testing.assert_array_equal(images[0].image, split.images[2])
    assert len(pick_incorrect(split, probabilities, evaluation.classes, count=1)) == 1


def test_correct_are_spread_over_the_classes(make_split: Callable[..., Split]) -> None:
    split = make_split([0] * 90 + [1] * 9 + [2])
    probabilities = np.eye(3)[split.labels]
    images = pick_correct(split, probabilities, "abc", count=9)
    assert Counter(shown.true for shown in images) == {"a": 4, "b": 4, "c": 1}
    assert all(shown.correct for shown in images)
    assert len({shown.id for shown in images}) == 9


def test_correct_depend_on_the_seed_alone(make_split: Callable[..., Split]) -> None:
    split = make_split([0] * 200)
    probabilities = np.ones((200, 1))
    ids = [
        [shown.id for shown in pick_correct(split, probabilities, "a", seed=seed)]
        for seed in (0, 0, 1)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_confidence_text_never_rounds_up_to_certainty() -> None:
    image = np.zeros((1, 1), dtype=np.uint8)
    assert GalleryImage(image, "", "a", "a", 0.99999).confidence_text == "99.9\u00a0%"
    assert GalleryImage(image, "", "a", "a", 1.0).confidence_text == "100.0\u00a0%"


def test_gallery_shows_the_pixels_and_repeats(
    hostile_evaluation: Evaluated, pixels_of: Decode
) -> None:
    evaluation, split, probabilities = hostile_evaluation
    images = pick_correct(split, probabilities, evaluation.classes)
    png = draw_gallery(images, title="Correct predictions")
    assert png == draw_gallery(images, title="Correct predictions")
    assert pixels_of(png).std() > 20


def test_captions_of_the_last_row_are_drawn(pixels_of: Decode) -> None:
    """Below a black image there must be text, so the picture ends later than the image does."""
    image = np.zeros((28, 28), dtype=np.uint8)
    png = draw_gallery([GalleryImage(image, "", "a", "b", 0.9)], title="t")
    rows = np.flatnonzero((pixels_of(png) < 128).any(axis=(1, 2)))
    black = np.flatnonzero((pixels_of(png) == 0).all(axis=2).sum(axis=1) > 50)
    assert rows[-1] > black[-1] + 20


def test_an_empty_gallery_is_still_a_picture(pixels_of: Decode) -> None:
    assert pixels_of(draw_gallery([], title="Incorrect predictions")).std() > 1
