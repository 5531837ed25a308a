"""Refines a category by what else the label says: kids, sport, swimming.

``data/refinements.csv`` names the target for a context and a category. A category without a
row becomes the category of the same name in the branches of the context. If there is none, it
becomes the target of its nearest ancestor whose row says ``yes`` under ``below``.
"""

import csv
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from hangtag.taxonomy.lexicon import OUTSIDE
from hangtag.taxonomy.tree import shipped_tree

_ORDER = (
    *("bra", "wig", "hair", "watch", "shoe", "bag", "swim", "sleep", "underwear", "sport"),
    *("costume", "bridal", "work", "school", "traditional"),
    *("boys", "girls", "kids", "maternity", "men", "women"),
)
"""What for comes before for whom, so that sports shoes for kids are both."""

_BRANCHES = {
    "aa-1-6-3": ("bra",),
    "aa-1-6": ("underwear",),
    "aa-1-8": ("underwear", "men"),
    "aa-1-17": ("sleep",),
    "aa-1-17-1": ("underwear",),
    "aa-1-20": ("swim",),
    "aa-1-1": ("sport",),
    "aa-1-22": ("bridal",),
    "aa-1-23": ("traditional",),
    "aa-1-24": ("work",),
    "aa-1-25": ("kids",),
    "aa-1-25-6": ("sleep", "kids"),
    "aa-1-25-8": ("swim", "kids"),
    "aa-1-25-11": ("underwear", "kids"),
    "aa-1-7": ("maternity",),
    "aa-1-7-6": ("sleep", "maternity"),
    "aa-1-7-7": ("swim", "maternity"),
    "aa-1-7-11": ("underwear", "maternity"),
    "aa-2-14": ("hair",),
    "aa-2-14-12": ("wig",),
    "aa-2-33": ("kids",),
    "aa-3": ("costume",),
    "aa-5": ("bag",),
    "aa-6-11": ("watch",),
    "aa-8": ("shoe",),
    "aa-8-11": ("kids",),
}
"""What a category lends to a noun beside it, and so does all below it."""

_PREFIX = re.compile(r"^(Baby & Children's|Maternity|Nursing|Activewear|Swimwear|Swim) ")
_ROOTS = {
    "kids": ("aa-1-25", "aa-2-33", "aa-8-11"),
    "boys": ("aa-1-25-11-3",),
    "girls": ("aa-1-25-11-2",),
    "maternity": ("aa-1-7",),
    "sport": ("aa-1-1",),
    "swim": ("aa-1-20",),
    "school": ("aa-1-24-5",),
    "sleep": ("aa-1-17",),
    "men": ("aa-1-8",),
    "women": ("aa-1-6",),
}
"""Where each context keeps its categories."""

_ONLY_CONTEXT = {
    "kids": "aa-1-25",
    "boys": "aa-1-25",
    "girls": "aa-1-25",
    "maternity": "aa-1-7",
    "sport": "aa-1-1",
}


def contexts_of(category: str) -> tuple[str, ...]:
    """Returns the contexts that a category lends to a noun beside it: a bikini to its top."""
    if category == OUTSIDE:
        return ()
    path = shipped_tree().path(category)
    return next((_BRANCHES[step] for step in reversed(path) if step in _BRANCHES), ())


def context_category(contexts: Iterable[str]) -> str | None:
    """Returns the category of a label that says nothing but contexts, such as ``Kids``."""
    found = set(contexts)
    return next(
        (_ONLY_CONTEXT[name] for name in _ORDER if name in found & _ONLY_CONTEXT.keys()), None
    )


def refine(category: str, contexts: frozenset[str]) -> str:
    """Returns the category that a garment of `category` has in `contexts`."""
    if category == OUTSIDE or not contexts:
        return category
    if contexts & {"boys", "girls"}:
        contexts |= {"kids"}
    for context in _ORDER:
        if context in contexts:
            category = _move(context, category)
    return category


@cache
def _move(context: str, category: str) -> str:
    tree = shipped_tree()
    path = tree.path(category)
    roots = _ROOTS.get(context, ())
    if any(root in path for root in roots):
        return category
    table = _read_table()
    if (context, category) in table:
        return table[context, category][0]
    namesake = _namesakes(context).get(tree[category].name)
    if namesake is not None:
        return namesake
    for above in reversed(path[:-1]):
        target, reaches_below = table.get((context, above), (category, False))
        if reaches_below:
            return target
    return category


@cache
def _namesakes(context: str) -> dict[str, str]:
    """Returns name -> category within the branches of a context; prefixes are left out."""
    tree = shipped_tree()
    found: dict[str, str] = {}
    for category in tree:
        if any(tree.is_within(category.id, root) for root in _ROOTS.get(context, ())):
            found.setdefault(_PREFIX.sub("", category.name), category.id)
    return found


@cache
def _read_table() -> dict[tuple[str, str], tuple[str, bool]]:
    path = Path(str(files("hangtag.taxonomy") / "data" / "refinements.csv"))
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            (row["context"], row["category"]): (row["target"], row["below"] == "yes")
            for row in csv.DictReader(stream)
        }
