"""Categories of an audit: what a model's classes and the suppliers' labels mean in a taxonomy.

The taxonomy is Shopify's by default, or a tree of the user's own. Class names that are not
categories of the tree are read like labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError
from hangtag.models.card import Card, ModelClass
from hangtag.taxonomy import Tree, category_of, shipped_tree
from hangtag.taxonomy.labels import remove_name
from hangtag.taxonomy.languages import study_source
from hangtag.taxonomy.lexicon import is_vague
from hangtag.taxonomy.matching import LabelReader, Meaning, rank_categories
from hangtag.taxonomy.spelling import fold_label

OUTSIDE_NAME, OUTSIDE_ID = "no apparel", "outside"

_LIKELY = 0.5
"""Probability from which a class name means a category of a tree it was not made with."""

_SIBLING_WEIGHT = 0.5
_BROAD = ("aa", "aa-1")
"""Categories so broad that what they hold need not look alike."""

_LANGUAGE_SAMPLE = 2_000
"""Labels of a supplier from which its language is detected."""

_UNREAD = ("context", "nothing")
_CLASS_NAME_PROBABILITY = 0.95
"""Probability that a label equal to a class name means that class, where no tree has the class."""

_GOODS = ("term", "qualified", "beside", "several")
"""Kinds of reading that say a supplier's name is itself a word for goods."""


@dataclass(frozen=True, slots=True)
class Categories:
    """The classes of a model as categories, followed by "no apparel".

    Attributes:
        names: Distinct names for people, K + 1.
        ids: Ids in the tree, or the class name where the tree has no such category, K + 1.
        tree: The taxonomy.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    tree: Tree

    @property
    def known(self) -> bool:
        """Whether the tree has any of the classes, so that labels can be read in it."""
        return any(identifier in self.tree for identifier in self.ids)

    def name(self, identifier: str) -> str:
        """Returns the name of a category: that of the tree, else that of the class."""
        if identifier in self.tree:
            return self.tree.distinct_name(identifier)
        return self.names[self.ids.index(identifier)]

    def google_id(self, identifier: str) -> str | None:
        """Returns the id in Google's product taxonomy, None where there is none."""
        return self.tree[identifier].google_id if identifier in self.tree else None

    def accepted_names(self) -> dict[str, tuple[str, ...]]:
        """Returns id -> the names a rule may use: those of `accepted_names`, and the classes'."""
        return accepted_names(self.tree) | {
            identifier: (name,)
            for identifier, name in zip(self.ids, self.names, strict=True)
            if identifier not in self.tree
        }

    def find_classes(self, identifier: str) -> tuple[list[int], float]:
        """Returns the classes that a category stands for, and the fraction of it they are, 0-1.

        A category below a class stands for that class (jeans are pants). A category above several
        classes stands for each of them (tops). A category named after a class looks like that
        class, wherever it lies in the tree (baby dresses). Where classes are siblings of the
        category (blouses beside shirts), half of it stands for those. Any other category is not
        included by the model.
        """
        if identifier not in self.tree:
            return [index for index, other in enumerate(self.ids) if other == identifier], 1.0
        path = self.tree.path(identifier)
        for ancestor in reversed(path):
            if ancestor in self.ids:
                return [index for index, other in enumerate(self.ids) if other == ancestor], 1.0
        if descendants := self._find_descendants(identifier):
            return descendants, 1.0
        if namesakes := self._find_namesakes(identifier):
            return namesakes, 1.0
        has_siblings = len(path) > 1 and path[-2] not in _BROAD
        siblings = self._find_descendants(path[-2]) if has_siblings else []
        return siblings, _SIBLING_WEIGHT if siblings else 0.0

    def is_finer(self, identifier: str, index: int) -> bool:
        """Returns whether a category is more specific than a class: below it, or a namesake."""
        if identifier not in self.tree or identifier in self.ids:
            return False
        classes, fraction = self.find_classes(identifier)
        is_wider = self.ids[index] in self.tree and self.tree.is_within(self.ids[index], identifier)
        return fraction == 1 and index in classes and not is_wider

    def _find_descendants(self, category: str) -> list[int]:
        return [
            index
            for index, identifier in enumerate(self.ids)
            if identifier in self.tree and self.tree.is_within(identifier, category)
        ]

    def _find_namesakes(self, category: str) -> list[int]:
        """Returns the classes of the category after which another is named; usually none."""
        name = f" {self.tree[category].name.casefold()}"
        found = [
            index
            for index, identifier in enumerate(self.ids)
            if identifier in self.tree
            and name.endswith(f" {self.tree[identifier].name.casefold()}")
        ]
        return found if len({self.ids[index] for index in found}) == 1 else []


def place_classes(card: Card, tree: Tree | None = None) -> Categories:
    """Finds the categories of a model's classes.

    Args:
        card: Card of the model.
        tree: A tree of the user's own; Shopify's by default.

    Raises:
        DataError: The model was trained on another tree of the user's own.
    """
    own = card.data.taxonomy
    if tree is not None and own:
        _require_tree_of(card, tree)
    ids = [_find_id(entry) for entry in card.classes]
    if not own:
        ids = _read_shipped(ids) if tree is None else _read_ids(ids, tree)
    chosen = tree or shipped_tree()
    names = [
        chosen.distinct_name(identifier) if identifier in chosen else entry.name
        for identifier, entry in zip(ids, card.classes, strict=True)
    ]
    names = _make_distinct(names, card.classes)
    return Categories((*names, OUTSIDE_NAME), (*ids, OUTSIDE_ID), chosen)


def accepted_names(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Returns id -> the names that a rule may use: the category's own, and with its ancestors."""
    names = {category.id: tuple(tree.names_of(category.id)) for category in tree}
    return names | {OUTSIDE_ID: (OUTSIDE_NAME,)}


def _require_tree_of(card: Card, tree: Tree) -> None:
    missing = [entry.category for entry in card.classes if entry.category not in tree]
    if missing and card.data.taxonomy:
        source = card.data.taxonomy.source
        raise DataError(
            f"{tree.source} lacks the category {missing[0]} of the model {card.name}, which was "
            f"trained on {source}; pass that tree with --taxonomy"
        )


def _find_id(entry: ModelClass) -> str:
    known = category_of(entry.name)
    return entry.category or (known.id if known else entry.name)


def _read_shipped(ids: Sequence[str]) -> list[str]:
    """Reads the names among `ids` in Shopify's tree; keeps names that would share a category."""
    found = _read_ids(ids, shipped_tree())
    counts = Counter(found)
    return [
        category if counts[category] == 1 else identifier
        for identifier, category in zip(ids, found, strict=True)
    ]


def _read_ids(ids: Sequence[str], tree: Tree) -> list[str]:
    """Returns what categories or class names mean in a tree; keeps those that mean nothing."""
    shipped = shipped_tree()
    names = [
        shipped[identifier].name if identifier in shipped else identifier for identifier in ids
    ]
    return [
        best[0].id if identifier not in tree and best and best[0].score >= _LIKELY else identifier
        for identifier, best in zip(ids, rank_categories(names, tree, count=1), strict=True)
    ]


def _make_distinct(names: Sequence[str], classes: Sequence[ModelClass]) -> list[str]:
    """Appends the class to category names that several classes share."""
    counts: Mapping[str, int] = Counter(names)
    return [
        f"{name} ({entry.name})" if counts[name] > 1 else name
        for name, entry in zip(names, classes, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class TextMeaning:
    """What the text of a label says about its categories.

    Attributes:
        probabilities: Of each class and, last, of no apparel, (K + 1,); sums to 1 less
            `without_class`, or to 0 where the text says nothing.
        without_class: Probability of categories that the model has no class for.
        best: Name of the most probable category; empty where the text says nothing.
        score: Its probability.
        category: Its id; empty where the text says nothing or no apparel.
        vague: Whether the label names no goods at all, such as "Other" and "Sale".
    """

    probabilities: NDArray[np.float64]
    without_class: float = 0.0
    best: str = ""
    score: float = 0.0
    category: str = ""
    vague: bool = False

    @property
    def known(self) -> bool:
        """Whether the text says anything."""
        return bool(self.best)


class LabelTextReader:
    """Reads the labels of one supplier as probabilities of the model's classes.

    Args:
        categories: Categories of the model; labels are read in their tree.
    """

    def __init__(self, categories: Categories) -> None:
        self._categories = categories
        self._count = len(categories.ids) - 1
        self._untreed = {
            fold_label(name): index
            for index, (name, identifier) in enumerate(
                zip(categories.names, categories.ids, strict=True)
            )
            if identifier not in categories.tree and identifier != OUTSIDE_ID
        }

    def read(self, labels: Sequence[str], *, supplier: str = "") -> list[TextMeaning]:
        """Returns what each label says; all labels together tell the supplier's language.

        The supplier's own name in a label says nothing, unless it is a word for goods. For classes
        that the tree does not have, only a label equal to the class name says anything.
        """
        if not self._categories.known:
            return [self._nothing() for _ in labels]
        tree = self._categories.tree
        reader = LabelReader(study_source(labels[:_LANGUAGE_SAMPLE]), tree)
        drop_name = bool(supplier) and reader.read(supplier).kind not in _GOODS
        found = []
        for label in labels:
            index = self._untreed.get(fold_label(label))
            if index is not None:
                found.append(self._class_meaning(index))
                continue
            text = remove_name(label, supplier) if drop_name else label
            meaning, vague = reader.read(text), is_vague(text)
            if vague or meaning.kind in _UNREAD:
                found.append(self._nothing(vague=vague))
            else:
                found.append(self._project(meaning))
        return found

    def _class_meaning(self, index: int) -> TextMeaning:
        probabilities = np.zeros(self._count + 1)
        probabilities[index] = _CLASS_NAME_PROBABILITY
        return TextMeaning(
            probabilities,
            1 - _CLASS_NAME_PROBABILITY,
            self._categories.names[index],
            _CLASS_NAME_PROBABILITY,
            self._categories.ids[index],
        )

    def _nothing(self, *, vague: bool = False) -> TextMeaning:
        return TextMeaning(np.zeros(self._count + 1), vague=vague)

    def _project(self, meaning: Meaning) -> TextMeaning:
        """Projects probabilities of the tree's categories onto the classes of the model."""
        probabilities, without_class = np.zeros(self._count + 1), 0.0
        probabilities[-1] = meaning.outside
        for category, probability in meaning.probabilities.items():
            classes, fraction = self._categories.find_classes(category)
            probabilities[classes] += fraction * probability / max(1, len(classes))
            without_class += (1 - fraction) * probability
        for candidate in meaning.candidates(self._categories.tree, count=1):
            if candidate.score >= meaning.outside:
                return TextMeaning(
                    probabilities, without_class, candidate.name, candidate.score, candidate.id
                )
        return TextMeaning(probabilities, without_class, OUTSIDE_NAME, meaning.outside)
