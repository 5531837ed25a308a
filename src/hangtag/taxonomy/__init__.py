"""Canonical categories, and what labels say about them.

tree = shipped_tree()                      # or load_tree(Path("mine.csv"))
rank_categories(["Herrenhemden"], tree)    # [[Candidate("aa-1-13-7", "Shirts", 0.97), ...]]
list(read_meanings(labels, tree))          # with the probability of no apparel
"""

from hangtag.taxonomy.classes import LEVELS, category_of, parents_of
from hangtag.taxonomy.tree import RELEASE, Category, Tree, load_tree, shipped_tree

__all__ = [
    "LEVELS",
    "RELEASE",
    "Category",
    "Tree",
    "category_of",
    "load_tree",
    "parents_of",
    "shipped_tree",
]
