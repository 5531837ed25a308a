"""Canonical categories, and what labels say about them.

    from hangtag.taxonomy import load_tree, shipped_tree
    from hangtag.taxonomy.matching import rank_categories, read_meanings

    tree = shipped_tree()                      # or load_tree(Path("mine.csv"))
    rank_categories(["Herrenhemden"], tree)    # the likeliest categories of each label
    list(read_meanings(labels, tree))          # all categories, and the probability of none

Importing this package loads no tables of words; `hangtag.taxonomy.matching` does when it is used.
"""

from hangtag.taxonomy.classes import LEVELS, category_of, levels_above, parents_of
from hangtag.taxonomy.tree import RELEASE, Category, Tree, load_tree, shipped_tree

__all__ = [
    "LEVELS",
    "RELEASE",
    "Category",
    "Tree",
    "category_of",
    "levels_above",
    "load_tree",
    "parents_of",
    "shipped_tree",
]
