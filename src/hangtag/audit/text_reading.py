"""Reads words with the taxonomy and folds what they say into the classes of a model."""

from collections.abc import Sequence

import numpy as np

from hangtag.audit.text import TextView
from hangtag.modelfolder import ModelClass
from hangtag.taxonomy import shipped_tree
from hangtag.taxonomy.languages import study_source
from hangtag.taxonomy.matching import LabelReader, Meaning

_SAMPLE = 2_000
_BESIDE = 0.5
_UNREAD = ("context", "nothing")
_WIDE = ("aa", "aa-1")
"""Categories so wide that what lies in them need not look alike."""


class TaxonomyReader:
    """Reads the words of one brand.

    What a category below a class says, the class says (jeans are pants). A category above
    several classes says each of them alike (tops). Any other is foreign to the model; where classes
    lie right beside it (blouses beside shirts), half of it says those.

    Args:
        classes: The classes of the model.
    """

    def __init__(self, classes: Sequence[ModelClass]) -> None:
        self._index = {one.category: i for i, one in enumerate(classes) if one.category}
        self._count = len(classes)

    def read(self, labels: Sequence[str]) -> list[TextView]:
        """Returns what each of the labels says; together they tell the brand's language."""
        reader = LabelReader(study_source(labels[:_SAMPLE]))
        found = []
        for label in labels:
            meaning = reader.read(label)
            found.append(self._nothing() if meaning.kind in _UNREAD else self._fold(meaning))
        return found

    def _nothing(self) -> TextView:
        return TextView(np.zeros(self._count + 1))

    def _fold(self, meaning: Meaning) -> TextView:
        vector, foreign = np.zeros(self._count + 1), 0.0
        vector[-1] = meaning.outside
        for category, probability in meaning.probabilities.items():
            classes, share = self._find_classes(category)
            vector[classes] += share * probability / max(1, len(classes))
            foreign += (1 - share) * probability
        best, score = "no apparel", meaning.outside
        for candidate in meaning.candidates(shipped_tree(), count=1):
            if candidate.score >= meaning.outside:
                best, score = candidate.name, candidate.score
        return TextView(vector, foreign, best, score)

    def _find_classes(self, category: str) -> tuple[list[int], float]:
        """Returns the classes that a category says, and how much of it they are."""
        tree = shipped_tree()
        path = tree.path(category)
        above = [self._index[one] for one in path if one in self._index]
        if above:
            return above[-1:], 1.0
        if below := self._find_within(category):
            return below, 1.0
        beside = self._find_within(path[-2]) if len(path) > 1 and path[-2] not in _WIDE else []
        return beside, _BESIDE if beside else 0.0

    def _find_within(self, category: str) -> list[int]:
        tree = shipped_tree()
        return [
            i for one, i in self._index.items() if one in tree and tree.is_within(one, category)
        ]
