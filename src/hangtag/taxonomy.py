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


LEVELS = ("group", "department")
"""What stands above a class, nearest first."""

_GROUPS = {
    "aa-1-13-8": "Upper body",
    "aa-1-13-7": "Upper body",
    "aa-1-13-12": "Upper body",
    "aa-1-10-2": "Upper body",
    "aa-1-12": "Lower body",
    "aa-1-4": "Whole body",
    "aa-8-3": "Shoes",
    "aa-8-6": "Shoes",
    "aa-8-8": "Shoes",
    "aa-5-4": "Bags",
}
"""By category, the part of the body it is worn on. Shopify's tree has no such level: it puts coats
beside trousers, where a doubtful image is a coat or a pullover."""


def parents_of(class_name: str) -> tuple[str, ...]:
    """Returns the names of what stands above a class, by `LEVELS`; empty where nothing is known.

    A department is the category right below the top of Shopify's tree.
    """
    category = category_of(class_name)
    if category is None:
        return ()
    department = category
    while department.parent is not None and department.parent != "aa":
        department = CATEGORIES[department.parent]
    return _GROUPS[category.id], department.name


def category_of(class_name: str) -> Category | None:
    """Returns the category a class stands for, None where there is none."""
    identifier = _CLASS_CATEGORIES.get(class_name)
    return None if identifier is None else CATEGORIES[identifier]
