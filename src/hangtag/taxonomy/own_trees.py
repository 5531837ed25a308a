"""Translates the meaning of labels from the shipped tree to a tree of the user's own.

The names of the own tree are read like labels, with the names above them, so that its categories
get the synonyms of the shipped ones. A label that is the exact name of a category means that one.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from hangtag.taxonomy.labels import SEPARATORS, tokenise
from hangtag.taxonomy.lexicon import LANGUAGES, OUTSIDE, shipped_lexicon
from hangtag.taxonomy.tree import Tree, shipped_tree

ReadNames = Callable[[Sequence[str]], Sequence[Mapping[str, float]]]
"""Takes names of one source, returns category or `OUTSIDE` -> probability for each."""

_SURE = 0.97
_SIMILAR = 0.8
_STEP_UP = 0.95
_LEAST = 0.3
_WEARERS = frozenset({"kids", "boys", "girls", "women", "men"})


class Bridge:
    """Leads from the shipped tree to another.

    Args:
        tree: The other tree.
        read_names: Reads the names of the other tree.
    """

    def __init__(self, tree: Tree, read_names: ReadNames) -> None:
        self._tree = tree
        self._by_name: dict[str, list[str]] = {}
        self._by_category: dict[str, list[str]] = {}
        self._wearers: dict[str, frozenset[str]] = {}
        own = list(tree)
        meanings = read_names([tree.full_name(category.id) for category in own])
        for category, meaning in zip(own, meanings, strict=True):
            self._by_name.setdefault(normalise_name(category.name), []).append(category.id)
            self._wearers[category.id] = _wearers(tree.full_name(category.id))
            shipped = max(meaning, key=lambda identifier: meaning[identifier])
            if shipped != OUTSIDE and meaning[shipped] >= _LEAST:
                self._by_category.setdefault(shipped, []).append(category.id)

    def carry(self, label: str, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Returns own category or `OUTSIDE` -> probability; sums to 1."""
        named, sureness = self._find_name(label)
        rest = 1 - sureness
        carried = {OUTSIDE: 0.0}
        for own, fraction in self._split(named, label):
            carried[own] = carried.get(own, 0.0) + sureness * fraction
        for category, probability in probabilities.items():
            reached, kept = self._reach(category)
            carried[OUTSIDE] += rest * probability * (1 - kept)
            for own, fraction in self._split(reached, label):
                carried[own] = carried.get(own, 0.0) + rest * probability * kept * fraction
        return carried

    def _find_name(self, label: str) -> tuple[list[str], float]:
        """Returns the own categories of that name, and how sure that is."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        key = normalise_name(label)
        if key in self._by_name:
            return self._by_name[key], _SURE
        alike = OSA.normalized_similarity
        best = process.extractOne(key, list(self._by_name), scorer=alike, score_cutoff=_SIMILAR)
        return ([], 0.0) if best is None or not key else (self._by_name[best[0]], best[1] / 2)

    def _reach(self, category: str) -> tuple[list[str], float]:
        """Returns the own categories for a shipped one, or the nearest above, and what is kept."""
        kept = 1.0
        if category != OUTSIDE:
            for step in reversed(shipped_tree().path(category)):
                if step in self._by_category:
                    return self._by_category[step], kept
                kept *= _STEP_UP
        return [], 0.0

    def _split(self, own: Sequence[str], label: str) -> list[tuple[str, float]]:
        """Splits 1 between own categories; those for the same wearers get most."""
        wanted = _wearers(label)
        fits = [10.0 if self._wearers[identifier] == wanted else 1.0 for identifier in own]
        return [(identifier, fit / sum(fits)) for identifier, fit in zip(own, fits, strict=True)]


def normalise_name(name: str) -> str:
    """Returns a key that is equal for names that differ in case, number or separators only."""
    return shipped_lexicon("en").key(token for token in tokenise(name) if token not in SEPARATORS)


def _wearers(name: str) -> frozenset[str]:
    return frozenset(kind for word in tokenise(name) if (kind := _wearer(word)) is not None)


@lru_cache(maxsize=50_000)
def _wearer(word: str) -> str | None:
    for language in LANGUAGES:
        lexicon = shipped_lexicon(language)
        kind = lexicon.kinds.get(lexicon.key((word,)))
        if kind in _WEARERS:
            return kind
    return None
