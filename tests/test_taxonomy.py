"""Every class of Fashion-MNIST stands for a category with parents up to the top."""

import pytest

from hangtag.catalogue import FASHION_MNIST_CLASSES
from hangtag.taxonomy import CATEGORIES, category_of


@pytest.mark.parametrize("name", FASHION_MNIST_CLASSES)
def test_each_class_leads_to_the_top(name: str) -> None:
    category = category_of(name)
    while category is not None and category.parent is not None:
        assert category.id.startswith(category.parent)
        category = CATEGORIES[category.parent]
    assert category is not None
    assert category.name == "Apparel & Accessories"


def test_other_classes_stand_for_none() -> None:
    assert category_of("Toaster") is None
