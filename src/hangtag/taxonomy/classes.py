"""The categories that the classes of a model stand for, and their parents.

The classes of the shipped models have theirs in Shopify's tree. Where a training was given a tree
of the user's own, each class is one of its categories.
"""

from hangtag.taxonomy.tree import Category, Tree, shipped_tree

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The classes of Fashion-MNIST in their official order."""

LEVELS = ("group", "department")
"""What stands above a class of the shipped models, nearest first."""

_CLASS_CATEGORIES = {
    "t-shirt/top": "aa-1-13-8",
    "trouser": "aa-1-12",
    "pullover": "aa-1-13-12",
    "dress": "aa-1-4",
    "coat": "aa-1-10-2",
    "sandal": "aa-8-6",
    "shirt": "aa-1-13-7",
    "sneaker": "aa-8-8",
    "bag": "aa-5-4",
    "ankle boot": "aa-8-3",
    "t-shirt": "aa-1-13-8",
    "polo": "aa-1-13-6",
    "tank top": "aa-1-13-9",
    "long sleeve": "aa-1-13-12",
    "outerwear": "aa-1-10-2",
    "bodysuit": "aa-1-25-9-2",
    "pants": "aa-1-12",
    "shorts": "aa-1-14",
    "skirt": "aa-1-15",
    "shoes": "aa-8",
    "hat": "aa-2-17",
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


def levels_above(tree: Tree | None = None) -> tuple[str, ...]:
    """Returns the names of the levels that `parents_of` gives parents of.

    Those of an own tree are numbered from its tops, which are level 1; the deepest comes first.
    """
    return LEVELS if tree is None else tuple(f"level {n}" for n in range(tree.depth, 0, -1))


def parents_of(class_name: str, tree: Tree | None = None) -> tuple[str | None, ...]:
    """Returns the names of what stands above a class; empty where nothing is known.

    In Shopify's tree, a department is the category right below the top. In an own tree, a class
    stands above itself on its own level, since other classes may be below it.

    Args:
        class_name: A class.
        tree: The user's own; Shopify's by default.

    Returns:
        By `levels_above`; None on levels below the class.
    """
    category = category_of(class_name, tree)
    if category is None:
        return ()
    if tree is None:
        shipped = shipped_tree()
        return _GROUPS[category.id], shipped[shipped.path(category.id)[1]].name
    names = [tree.distinct_name(step) for step in reversed(tree.path(category.id))]
    return *[None] * (tree.depth - len(names)), *names


def category_of(class_name: str, tree: Tree | None = None) -> Category | None:
    """Returns the category a class stands for, None where there is none."""
    if tree is not None:
        return next(
            (category for category in tree if tree.distinct_name(category.id) == class_name), None
        )
    identifier = _CLASS_CATEGORIES.get(class_name.casefold())
    return None if identifier is None else shipped_tree()[identifier]
