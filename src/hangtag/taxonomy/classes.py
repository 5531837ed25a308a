"""The classes of the shipped models, and the categories they stand for."""

from hangtag.taxonomy.tree import Category, shipped_tree

LEVELS = ("group", "department")
"""What stands above a class, nearest first."""

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
    "T-shirt": "aa-1-13-8",
    "Polo": "aa-1-13-6",
    "Tank top": "aa-1-13-9",
    "Long sleeve": "aa-1-13-12",
    "Outerwear": "aa-1-10-2",
    "Bodysuit": "aa-1-25-9-2",
    "Pants": "aa-1-12",
    "Shorts": "aa-1-14",
    "Skirt": "aa-1-15",
    "Shoes": "aa-8",
    "Hat": "aa-2-17",
}

_GROUPS = {
    "aa-1-13-8": "Upper body",
    "aa-1-13-7": "Upper body",
    "aa-1-13-12": "Upper body",
    "aa-1-10-2": "Upper body",
    "aa-1-13-6": "Upper body",
    "aa-1-13-9": "Upper body",
    "aa-1-12": "Lower body",
    "aa-1-14": "Lower body",
    "aa-1-15": "Lower body",
    "aa-1-25-9-2": "Whole body",
    "aa-1-4": "Whole body",
    "aa-2-17": "Head",
    "aa-8": "Shoes",
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
    tree = shipped_tree()
    return _GROUPS[category.id], tree[tree.path(category.id)[1]].name


def category_of(class_name: str) -> Category | None:
    """Returns the category a class stands for, None where there is none."""
    identifier = _CLASS_CATEGORIES.get(class_name)
    return None if identifier is None else shipped_tree()[identifier]
