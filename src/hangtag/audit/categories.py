"""The categories of an audit: what a model's classes stand for in a tree, and what is none of them.

Shopify's tree by default; with a tree of the user's own, its categories. Names of classes that are
no categories of it are read like labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hangtag.errors import DataError
from hangtag.models.card import Card, ModelClass
from hangtag.taxonomy import Tree, category_of, shipped_tree
from hangtag.taxonomy.matching import rank_categories

OUTSIDE_NAME, OUTSIDE_ID = "no apparel", "outside"

_LIKELY = 0.5
"""Probability from which the name of a class means a category of a tree it was not made with."""

_BESIDE = 0.5
_WIDE = ("aa", "aa-1")
"""Categories so wide that what lies in them need not look alike."""


@dataclass(frozen=True, slots=True)
class Categories:
    """The classes of a model as categories and, last, what is none of them.

    Attributes:
        names: What people read, K + 1, no two alike.
        ids: Ids of the tree, the class's name where it has no category there, K + 1.
        tree: Where the ids are from.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    tree: Tree

    @property
    def known(self) -> bool:
        """Whether the tree knows any of them, so that there is something labels can say."""
        return any(one in self.tree for one in self.ids)

    def name(self, identifier: str) -> str:
        """Returns the name of a category: that of the tree, else that of the class."""
        if identifier in self.tree:
            return self.tree.distinct_name(identifier)
        return self.names[self.ids.index(identifier)]

    def google_id(self, identifier: str) -> str | None:
        """Returns its id in Google's product taxonomy, None where there is none."""
        return self.tree[identifier].google_id if identifier in self.tree else None

    def accepted_names(self) -> dict[str, tuple[str, ...]]:
        """Returns id -> the names a rule may give it: those of `accept_names`, and the classes."""
        return accept_names(self.tree) | {
            one: (name,)
            for one, name in zip(self.ids, self.names, strict=True)
            if one not in self.tree
        }

    def find_classes(self, identifier: str) -> tuple[list[int], float]:
        """Returns the classes that a category says, and how much of it they are, 0-1.

        What a category below a class says, the class says (jeans are pants). A category above
        several classes says each of them (tops). One that is named after a class looks like it,
        wherever it lies (baby dresses). Where classes lie right beside it (blouses beside shirts),
        half of it says those. Any other is foreign to the model.
        """
        if identifier not in self.tree:
            return [index for index, one in enumerate(self.ids) if one == identifier], 1.0
        path = self.tree.path(identifier)
        for step in reversed(path):
            if step in self.ids:
                return [index for index, one in enumerate(self.ids) if one == step], 1.0
        if below := self._find_within(identifier):
            return below, 1.0
        if namesakes := self._find_namesakes(identifier):
            return namesakes, 1.0
        beside = self._find_within(path[-2]) if len(path) > 1 and path[-2] not in _WIDE else []
        return beside, _BESIDE if beside else 0.0

    def is_finer(self, identifier: str, index: int) -> bool:
        """Returns whether a category says a class and more: it lies below it, or is a namesake."""
        if identifier not in self.tree or identifier in self.ids:
            return False
        classes, share = self.find_classes(identifier)
        is_wider = self.ids[index] in self.tree and self.tree.is_within(self.ids[index], identifier)
        return share == 1 and index in classes and not is_wider

    def _find_within(self, category: str) -> list[int]:
        return [
            index
            for index, one in enumerate(self.ids)
            if one in self.tree and self.tree.is_within(one, category)
        ]

    def _find_namesakes(self, category: str) -> list[int]:
        """Returns the classes of the one category that another is named after; most have none."""
        name = f" {self.tree[category].name.casefold()}"
        found = [
            index
            for index, one in enumerate(self.ids)
            if one in self.tree and name.endswith(f" {self.tree[one].name.casefold()}")
        ]
        return found if len({self.ids[index] for index in found}) == 1 else []


def place_classes(card: Card, tree: Tree | None = None) -> Categories:
    """Finds the categories of a model's classes.

    Args:
        card: The model's.
        tree: The user's own; Shopify's where none is given.

    Raises:
        DataError: The model was trained on another tree of the user's.
    """
    own = card.data.taxonomy
    if tree is not None and own:
        _require_tree_of(card, tree)
    ids = [_find_id(one) for one in card.classes]
    if not own:
        ids = _read_shipped(ids) if tree is None else _read_ids(ids, tree)
    chosen = tree or shipped_tree()
    names = [
        chosen.distinct_name(identifier) if identifier in chosen else one.name
        for identifier, one in zip(ids, card.classes, strict=True)
    ]
    names = _tell_apart(names, card.classes)
    return Categories((*names, OUTSIDE_NAME), (*ids, OUTSIDE_ID), chosen)


def accept_names(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Returns id -> the names that a rule may give it: its own, and with those above it."""
    return {one.id: tuple(tree.names_of(one.id)) for one in tree} | {OUTSIDE_ID: (OUTSIDE_NAME,)}


def _require_tree_of(card: Card, tree: Tree) -> None:
    missing = [one.category for one in card.classes if one.category not in tree]
    if missing and card.data.taxonomy:
        source = card.data.taxonomy.source
        raise DataError(
            f"{tree.source} lacks the category {missing[0]} of the model {card.name}, which was "
            f"trained on {source}; give that tree by --taxonomy"
        )


def _find_id(one: ModelClass) -> str:
    known = category_of(one.name)
    return one.category or (known.id if known else one.name)


def _read_shipped(ids: Sequence[str]) -> list[str]:
    """Reads the names among `ids` in Shopify's tree; a category that two would share is no gain."""
    found = _read_ids(ids, shipped_tree())
    counts = Counter(found)
    return [read if counts[read] == 1 else one for one, read in zip(ids, found, strict=True)]


def _read_ids(ids: Sequence[str], tree: Tree) -> list[str]:
    """Returns what categories or names of classes mean in a tree; what means nothing stays."""
    shipped = shipped_tree()
    names = [shipped[one].name if one in shipped else one for one in ids]
    return [
        best[0].id if one not in tree and best and best[0].score >= _LIKELY else one
        for one, best in zip(ids, rank_categories(names, tree, count=1), strict=True)
    ]


def _tell_apart(names: Sequence[str], classes: Sequence[ModelClass]) -> list[str]:
    """Adds the class to names of categories that several classes share."""
    counts: Mapping[str, int] = Counter(names)
    return [
        f"{name} ({one.name})" if counts[name] > 1 else name
        for name, one in zip(names, classes, strict=True)
    ]
