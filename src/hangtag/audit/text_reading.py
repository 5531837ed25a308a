"""What the text of a word says, read with the taxonomy and folded into the classes of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.categories import OUTSIDE_ID, OUTSIDE_NAME, Categories
from hangtag.audit.feed import fold_label
from hangtag.taxonomy.labels import remove_name
from hangtag.taxonomy.languages import study_source
from hangtag.taxonomy.lexicon import is_vague
from hangtag.taxonomy.matching import LabelReader, Meaning

_SAMPLE = 2_000
_UNREAD = ("context", "nothing")
_NAMED = 0.95
"""Probability that a word means the class whose very name it is, where no tree has that class."""

_PLAIN = ("term", "qualified", "beside", "several")
"""How a name of a brand is read that is a word for goods: there is no telling the two apart."""


@dataclass(frozen=True, slots=True)
class TextView:
    """What the text of a word says.

    Attributes:
        vector: Probability of each class and, last, of no apparel, (K + 1,); sums to 1 less
            `foreign`, or to 0 where the text says nothing.
        foreign: Probability of categories that the model has no class for.
        best: Name of the likeliest category; empty where the text says nothing.
        score: Its probability.
        category: Its id; empty where the text says nothing or no apparel.
        vague: Whether the word names nothing whatever its items are, as "Other" and "Sale".
    """

    vector: NDArray[np.float64]
    foreign: float = 0.0
    best: str = ""
    score: float = 0.0
    category: str = ""
    vague: bool = False

    @property
    def known(self) -> bool:
        """Whether the text says anything."""
        return bool(self.best)


class TaxonomyReader:
    """Reads the words of one brand.

    Args:
        categories: Of the model; labels are read in their tree.
    """

    def __init__(self, categories: Categories) -> None:
        self._categories = categories
        self._count = len(categories.ids) - 1
        self._unplaced = {
            fold_label(name): index
            for index, (name, one) in enumerate(zip(categories.names, categories.ids, strict=True))
            if one not in categories.tree and one != OUTSIDE_ID
        }

    def read(self, labels: Sequence[str], *, supplier: str = "") -> list[TextView]:
        """Returns what each of the labels says; together they tell the brand's language.

        The brand's own name in a label says nothing, unless it is a word for goods. Nothing is said
        of classes that no tree knows: their words speak by their images alone.
        """
        if not self._categories.known:
            return [self._say_nothing() for _ in labels]
        tree = self._categories.tree
        reader = LabelReader(study_source(labels[:_SAMPLE]), tree)
        named = bool(supplier) and reader.read(supplier).kind not in _PLAIN
        found = []
        for label in labels:
            index = self._unplaced.get(fold_label(label))
            if index is not None:
                found.append(self._say_class(index))
                continue
            word = remove_name(label, supplier) if named else label
            meaning, vague = reader.read(word), is_vague(word)
            if vague or meaning.kind in _UNREAD:
                found.append(self._say_nothing(vague=vague))
            else:
                found.append(self._fold(meaning))
        return found

    def _say_class(self, index: int) -> TextView:
        vector = np.zeros(self._count + 1)
        vector[index] = _NAMED
        name, identifier = self._categories.names[index], self._categories.ids[index]
        return TextView(vector, 1 - _NAMED, name, _NAMED, identifier)

    def _say_nothing(self, *, vague: bool = False) -> TextView:
        return TextView(np.zeros(self._count + 1), vague=vague)

    def _fold(self, meaning: Meaning) -> TextView:
        vector, foreign = np.zeros(self._count + 1), 0.0
        vector[-1] = meaning.outside
        for category, probability in meaning.probabilities.items():
            classes, share = self._categories.find_classes(category)
            vector[classes] += share * probability / max(1, len(classes))
            foreign += (1 - share) * probability
        for candidate in meaning.candidates(self._categories.tree, count=1):
            if candidate.score >= meaning.outside:
                return TextView(vector, foreign, candidate.name, candidate.score, candidate.id)
        return TextView(vector, foreign, OUTSIDE_NAME, meaning.outside)
