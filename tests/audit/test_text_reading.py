"""What words say, folded into the classes of the shipped model."""

import numpy as np
import pytest

from hangtag.audit.categories import Categories, LabelTextReader, place_classes
from hangtag.datasets import FASHION_MNIST_CLASSES
from hangtag.models.classifier import Classifier
from hangtag.taxonomy import shipped_tree

CATEGORIES = place_classes(Classifier.load("fashion-mnist").card)


def best_of(vector: np.ndarray, floor: float) -> set[str]:
    names = (*FASHION_MNIST_CLASSES, "no apparel")
    return {names[index] for index in np.flatnonzero(vector >= floor)}


@pytest.mark.parametrize(
    ("label", "floor", "meant"),
    [
        ("Herrenhemden", 0.6, {"Shirt"}),
        ("Jeans", 0.6, {"Trouser"}),
        ("Schuhe", 0.2, {"Sandal", "Sneaker", "Ankle boot"}),
        ("Gift Cards", 0.6, {"no apparel"}),
    ],
)
def test_words_say_classes(label: str, floor: float, meant: set[str]) -> None:
    (view,) = LabelTextReader(CATEGORIES).read([label])
    assert best_of(view.probabilities, floor) == meant
    assert view.probabilities.sum() + view.without_class == pytest.approx(1)


def test_a_category_without_a_class_is_foreign() -> None:
    shorts, blouses = LabelTextReader(CATEGORIES).read(["Denim Shorts", "Blouses"])
    assert shorts.without_class > 0.9
    assert 0.4 < blouses.without_class < 0.6  # Shirts lie right beside them.


def test_a_word_that_is_not_read_says_nothing() -> None:
    (view,) = LabelTextReader(CATEGORIES).read(["XQ-77"])
    assert not view.known
    assert view.probabilities.sum() == 0


def test_nothing_is_said_of_classes_that_no_tree_knows() -> None:
    unknown = Categories(("x", "Shirts", "no apparel"), ("1", "2", "outside"), shipped_tree())
    (view,) = LabelTextReader(unknown).read(["Shirts"])
    assert not view.known
    assert view.probabilities.tolist() == [0, 0, 0]


@pytest.mark.parametrize("label", ["Not sure", "OTHER", "Sale", "New In", "Sonstiges", "Divers"])
def test_a_word_that_names_nothing_is_vague(label: str) -> None:
    vague, goods = LabelTextReader(CATEGORIES).read([label, "Gift Cards"])
    assert vague.vague
    assert vague.probabilities.sum() == 0
    assert not goods.vague


def test_the_name_of_the_brand_and_the_season_say_nothing() -> None:
    reader = LabelTextReader(CATEGORIES)
    plain, named = reader.read(["Chinos", "Zalbo Chinos SS24"], supplier="Zalbo GmbH")
    assert named.category == plain.category == "aa-1-12-3"
    assert named.score == pytest.approx(plain.score)
    (boots,) = reader.read(["Boots"], supplier="Boots")
    assert boots.category == "aa-8-3"
