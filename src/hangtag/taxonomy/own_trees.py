"""Carries what a label means in the shipped tree over to a tree of the user's own.

The names of the own tree are read like labels, each after those above it, so its categories get
the synonyms of the shipped ones. A label that is the very name of a category means that category.
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
        meanings = read_names([tree.full_name(one.id) for one in own])
        for one, meaning in zip(own, meanings, strict=True):
            self._by_name.setdefault(normalise_name(one.name), []).append(one.id)
            self._wearers[one.id] = _wearers(tree.full_name(one.id))
            category = max(meaning, key=lambda identifier: meaning[identifier])
            if category != OUTSIDE and meaning[category] >= _LEAST:
                self._by_category.setdefault(category, []).append(one.id)

    def carry(self, label: str, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Returns own category or `OUTSIDE` -> probability; sums to 1."""
        named, sureness = self._find_name(label)
        rest = 1 - sureness
        carried = {OUTSIDE: 0.0}
        for own, share in self._share(named, label):
            carried[own] = carried.get(own, 0.0) + sureness * share
        for category, probability in probabilities.items():
            reached, kept = self._reach(category)
            carried[OUTSIDE] += rest * probability * (1 - kept)
            for own, share in self._share(reached, label):
                carried[own] = carried.get(own, 0.0) + rest * probability * kept * share
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

    def _share(self, own: Sequence[str], label: str) -> list[tuple[str, float]]:
        """Splits 1 among own categories; those for the same wearers get most."""
        wanted = _wearers(label)
        fits = [10.0 if self._wearers[one] == wanted else 1.0 for one in own]
        return [(one, fit / sum(fits)) for one, fit in zip(own, fits, strict=True)]


def normalise_name(name: str) -> str:
    """Returns what names that differ in case, number or separators only have in common."""
    return shipped_lexicon("en").key(one for one in tokenise(name) if one not in SEPARATORS)


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
