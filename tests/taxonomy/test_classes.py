"""Every class of Fashion-MNIST stands for a category with parents up to the top."""

import pytest

from hangtag.datasets import FASHION_MNIST_CLASSES
from hangtag.taxonomy import LEVELS, category_of, parents_of, shipped_tree


@pytest.mark.parametrize("name", FASHION_MNIST_CLASSES)
def test_each_class_leads_to_the_top(name: str) -> None:
    category = category_of(name)
    assert category is not None
    assert shipped_tree().full_name(category.id).startswith("Apparel & Accessories > ")
    assert len(parents_of(name)) == len(LEVELS)


def test_the_department_is_right_below_the_top() -> None:
    assert parents_of("Ankle boot") == ("Shoes", "Shoes")
    assert parents_of("Coat") == ("Upper body", "Clothing")


def test_other_classes_stand_for_none() -> None:
    assert category_of("Toaster") is None
    assert parents_of("Toaster") == ()
