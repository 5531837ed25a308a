"""Canonical categories and the classes that stand for them.

Ids and names are those of Shopify's Standard Product Taxonomy, release 2026-11
(github.com/Shopify/product-taxonomy, MIT licence), as far as Fashion-MNIST's classes need them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """A canonical category.

    Attributes:
        id: Stable identifier, such as ``aa-1-13-8``.
        name: For people, such as ``T-Shirts``.
        parent: Id of the category above, None for the top.
    """

    id: str
    name: str
    parent: str | None


CATEGORIES = {
    category.id: category
    for category in (
        Category("aa", "Apparel & Accessories", None),
        Category("aa-1", "Clothing", "aa"),
        Category("aa-1-4", "Dresses", "aa-1"),
        Category("aa-1-10", "Outerwear", "aa-1"),
        Category("aa-1-10-2", "Coats & Jackets", "aa-1-10"),
        Category("aa-1-12", "Pants", "aa-1"),
        Category("aa-1-13", "Clothing Tops", "aa-1"),
        Category("aa-1-13-7", "Shirts", "aa-1-13"),
        Category("aa-1-13-8", "T-Shirts", "aa-1-13"),
        Category("aa-1-13-12", "Sweaters", "aa-1-13"),
        Category("aa-5", "Handbags, Wallets & Cases", "aa"),
        Category("aa-5-4", "Handbags", "aa-5"),
        Category("aa-8", "Shoes", "aa"),
        Category("aa-8-3", "Boots", "aa-8"),
        Category("aa-8-6", "Sandals", "aa-8"),
        Category("aa-8-8", "Sneakers", "aa-8"),
    )
}
"""Categories by id."""

_CLASS_CATEGORIES = {
    "T-shirt/top": "aa-1-13-8",
    "Trouser": "aa-1-12",
    "Pullover": "aa-1-13-12",
    "Dress": "aa-1-4",
    "Coat": "aa-1-10-2",
    "Sandal": "aa-8-6",
    "Shirt": "aa-1-13-7",
    "Sneaker": "aa-8-8",
    "Bag": "aa-5-4",
    "Ankle boot": "aa-8-3",
}


def category_of(class_name: str) -> Category | None:
    """Returns the category a class stands for, None where there is none."""
    identifier = _CLASS_CATEGORIES.get(class_name)
    return None if identifier is None else CATEGORIES[identifier]
